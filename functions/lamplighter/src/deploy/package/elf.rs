//! What a program needs of the machine it runs on, read from the file itself: a flag or a file name can be wrong.

use object::elf;
use object::read::elf::{FileHeader, SectionHeader};
use object::{Endianness, FileKind};

/// Amazon Linux 2023, which `provided.al2023` is, has glibc 2.34.
/// <https://docs.aws.amazon.com/linux/al2023/ug/compare-with-al2.html>
const NEWEST_GLIBC: (u32, u32) = (2, 34);

/// A processor that Lambda has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Architecture {
    X86_64,
    Arm64,
}

impl Architecture {
    /// As Lambda calls it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64",
            Self::Arm64 => "arm64",
        }
    }

    /// As Rust calls it.
    pub fn target(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64-unknown-linux-gnu",
            Self::Arm64 => "aarch64-unknown-linux-gnu",
        }
    }
}

/// Checks that Lambda can start this program, and says on which processor.
pub fn check(bytes: &[u8]) -> Result<Architecture, String> {
    match FileKind::parse(bytes) {
        Ok(FileKind::Elf64) => {}
        Ok(FileKind::Elf32) => return Err("it is a 32-bit program".to_owned()),
        _ => return Err("it is no Linux program (no ELF file)".to_owned()),
    }
    let header = elf::FileHeader64::<Endianness>::parse(bytes).map_err(damaged)?;
    let endian = header.endian().map_err(damaged)?;
    let kind = header.e_type(endian);
    // A position-independent program says that it is a shared object.
    if kind != elf::ET_EXEC && kind != elf::ET_DYN {
        return Err("it is an ELF file and no program".to_owned());
    }
    let architecture = architecture(header, endian)?;
    let newest = newest_glibc(header, endian, bytes)?;
    match newest {
        Some(version) if version > NEWEST_GLIBC => Err(format!(
            "it needs glibc {}.{}, and provided.al2023 has {}.{}",
            version.0, version.1, NEWEST_GLIBC.0, NEWEST_GLIBC.1
        )),
        _ => Ok(architecture),
    }
}

fn architecture(
    header: &elf::FileHeader64<Endianness>,
    endian: Endianness,
) -> Result<Architecture, String> {
    match header.e_machine(endian) {
        elf::EM_X86_64 => Ok(Architecture::X86_64),
        elf::EM_AARCH64 => Ok(Architecture::Arm64),
        _ => Err("it is for a processor that Lambda has not".to_owned()),
    }
}

/// The newest `GLIBC_x.y` that a symbol asks for; nothing for a static program.
fn newest_glibc(
    header: &elf::FileHeader64<Endianness>,
    endian: Endianness,
    bytes: &[u8],
) -> Result<Option<(u32, u32)>, String> {
    let sections = header.sections(endian, bytes).map_err(damaged)?;
    // Without its section table nobody can say what the program needs.
    if sections.is_empty() {
        return Err("its section table is gone, so what it needs cannot be read".to_owned());
    }
    let mut newest = None;
    for section in sections.iter() {
        let Some((mut needs, link)) = section.gnu_verneed(endian, bytes).map_err(damaged)? else {
            continue;
        };
        let strings = sections.strings(endian, bytes, link).map_err(damaged)?;
        while let Some((_, mut versions)) = needs.next().map_err(damaged)? {
            while let Some(version) = versions.next().map_err(damaged)? {
                let name = version.name(endian, strings).map_err(damaged)?;
                newest = newest.max(glibc_version(&String::from_utf8_lossy(name)));
            }
        }
    }
    Ok(newest)
}

/// `GLIBC_2.34` → (2, 34). Others, such as `GCC_3.0` and `GLIBC_PRIVATE`, have none.
fn glibc_version(name: &str) -> Option<(u32, u32)> {
    let mut numbers = name.strip_prefix("GLIBC_")?.split('.');
    let major = numbers.next()?.parse().ok()?;
    Some((major, numbers.next()?.parse().ok()?))
}

fn damaged(error: object::Error) -> String {
    format!("it is damaged: {error}")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// This test itself, which is a program.
    fn own() -> Vec<u8> {
        std::fs::read(std::env::current_exe().expect("this test has a path"))
            .expect("it can be read")
    }

    /// Where `needle` first is.
    fn find(bytes: &[u8], needle: &[u8]) -> usize {
        let found = bytes
            .windows(needle.len())
            .position(|window| window == needle);
        found.expect("the program names its glibc")
    }

    #[test]
    fn a_program_tells_its_processor_and_what_it_needs_of_glibc() {
        let bytes = own();
        let header = elf::FileHeader64::<Endianness>::parse(&*bytes).expect("an ELF file");
        let needed = newest_glibc(header, Endianness::Little, &bytes).expect("it can be read");
        assert!(needed > Some((2, 2)), "{needed:?}");
    }

    #[test]
    fn a_program_that_needs_a_newer_glibc_is_refused() {
        let mut bytes = own();
        // The name of a version that every program needs, in its table of strings: 2.2.5 or 2.17 becomes 2.99.
        let at = find(&bytes, b"\0GLIBC_2.") + 1;
        let end = at
            + bytes[at..]
                .iter()
                .position(|byte| *byte == 0)
                .expect("it ends");
        assert!(
            end - at >= "GLIBC_2.99".len(),
            "the name is long enough to be replaced"
        );
        bytes[at..end].fill(0);
        bytes[at..at + 10].copy_from_slice(b"GLIBC_2.99");
        assert_eq!(
            check(&bytes).expect_err("too new"),
            "it needs glibc 2.99, and provided.al2023 has 2.34"
        );
    }

    #[test]
    fn what_lambda_cannot_start_is_refused() {
        assert_eq!(
            check(b"#!/bin/sh\n").expect_err("a script"),
            "it is no Linux program (no ELF file)"
        );
        assert_eq!(
            check(b"").expect_err("nothing"),
            "it is no Linux program (no ELF file)"
        );
        let mut bytes = own();
        // e_machine of RISC-V.
        bytes[18..20].copy_from_slice(&243_u16.to_le_bytes());
        assert_eq!(
            check(&bytes).expect_err("RISC-V"),
            "it is for a processor that Lambda has not"
        );
        let mut bytes = own();
        bytes[16..18].copy_from_slice(&1_u16.to_le_bytes());
        assert_eq!(
            check(&bytes).expect_err("an object"),
            "it is an ELF file and no program"
        );
        assert!(check(&own()[..100]).is_err());
    }

    #[test]
    fn the_processor_is_read_from_the_header() {
        let mut bytes = own();
        for (machine, expected) in [(62_u16, Architecture::X86_64), (183, Architecture::Arm64)] {
            bytes[18..20].copy_from_slice(&machine.to_le_bytes());
            let header = elf::FileHeader64::<Endianness>::parse(&*bytes).expect("an ELF file");
            assert_eq!(architecture(header, Endianness::Little), Ok(expected));
        }
    }

    #[test]
    fn versions_are_compared_as_numbers() {
        assert_eq!(glibc_version("GLIBC_2.2.5"), Some((2, 2)));
        assert!(glibc_version("GLIBC_2.9") < glibc_version("GLIBC_2.34"));
        assert_eq!(glibc_version("GLIBC_PRIVATE"), None);
        assert_eq!(glibc_version("GCC_3.0"), None);
    }
}
