//! The zip that Lambda takes: the same bytes for the same contents, whoever makes it, wherever and whenever.

use std::io::{Cursor, Read, Write};

use sha2::{Digest, Sha256};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

/// The name Lambda starts.
pub const BOOTSTRAP: &str = "bootstrap";

/// The configuration beside it.
pub const CONFIG: &str = "lamplighter.toml";

/// From how many bytes on a package is deflated with more patience: what none should have.
const MANY_BYTES: usize = 4_000_000;

/// A program that is larger is not made for Lambda, and would take minutes.
const MOST_BYTES: usize = 32_000_000;

/// The levels of the `zip` crate: zlib's last one, and zopfli with three iterations, which gain what fifteen do.
const QUICK: i64 = 9;
const PATIENT: i64 = 12;

/// How much of a program is written at once. Zopfli parts what it is given into fifteen blocks at most, each with codes
/// of its own; for a whole program those are too few, which costs 2 %. Smaller pieces than these gain nothing.
const PIECE_BYTES: usize = 128 * 1024;

/// A zip with the program and its configuration, and nothing else.
pub fn zip(program: &[u8], config: Option<&str>) -> zip::result::ZipResult<Vec<u8>> {
    zip_under(MANY_BYTES, program, config)
}

fn zip_under(many: usize, program: &[u8], config: Option<&str>) -> zip::result::ZipResult<Vec<u8>> {
    let quick = zip_at(QUICK, program, config)?;
    match quick.len() < many || program.len() > MOST_BYTES {
        true => Ok(quick),
        false => zip_at(PATIENT, program, config),
    }
}

fn zip_at(level: i64, program: &[u8], config: Option<&str>) -> zip::result::ZipResult<Vec<u8>> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    // In the order of their names. 1980-01-01 is the first day a zip knows.
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .compression_level(Some(level))
        .last_modified_time(DateTime::default());
    zip.start_file(BOOTSTRAP, options.unix_permissions(0o755))?;
    for piece in program.chunks(PIECE_BYTES) {
        zip.write_all(piece)?;
    }
    if let Some(config) = config {
        zip.start_file(CONFIG, options.unix_permissions(0o644))?;
        zip.write_all(config.as_bytes())?;
    }
    Ok(zip.finish()?.into_inner())
}

/// Lambda takes no more than this, unpacked. <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>
const MAX_UNPACKED_BYTES: u64 = 262_144_000;

/// The program in a zip.
pub fn program_of(zip: &[u8]) -> Result<Vec<u8>, String> {
    let fault = |error: zip::result::ZipError| error.to_string();
    let mut archive = zip::ZipArchive::new(Cursor::new(zip)).map_err(fault)?;
    let file = archive.by_name(BOOTSTRAP).map_err(fault)?;
    let mut program = Vec::new();
    file.take(MAX_UNPACKED_BYTES)
        .read_to_end(&mut program)
        .map_err(|error| error.to_string())?;
    Ok(program)
}

/// The SHA-256 in small hexadecimal digits.
pub fn sha256(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zip_has_fixed_times_an_order_and_modes() {
        let bytes = zip(b"program", Some("[aws]\n")).expect("a zip");
        let mut archive = zip::ZipArchive::new(Cursor::new(&bytes)).expect("it can be read");
        let mut seen = Vec::new();
        for at in 0..archive.len() {
            let mut file = archive.by_index(at).expect("an entry");
            let mut text = String::new();
            file.read_to_string(&mut text).expect("its contents");
            let time = file.last_modified().expect("a time");
            assert_eq!((time.year(), time.month(), time.day()), (1980, 1, 1));
            seen.push(format!(
                "{} {:o} {text:?}",
                file.name().expect("a name"),
                file.unix_mode().expect("a mode")
            ));
        }
        assert_eq!(
            seen,
            [
                r#"bootstrap 100755 "program""#,
                r#"lamplighter.toml 100644 "[aws]\n""#
            ]
        );
        assert_eq!(bytes, zip(b"program", Some("[aws]\n")).expect("a zip"));
        assert_eq!(program_of(&bytes), Ok(b"program".to_vec()));
        assert!(program_of(b"PK").is_err());
    }

    #[test]
    fn what_is_large_is_deflated_with_more_patience_and_comes_out_the_same() {
        // Of several pieces, and no two alike.
        let program: Vec<u8> = (1..=40u8)
            .flat_map(|key| include_bytes!("archive.rs").map(|byte| byte ^ key))
            .collect();
        assert!(program.len() > PIECE_BYTES);
        let program = program.as_slice();
        let quick = zip(program, None).expect("a zip");
        let patient = zip_under(quick.len(), program, None).expect("a zip");
        assert!(
            patient.len() < quick.len(),
            "{} {}",
            patient.len(),
            quick.len()
        );
        assert_eq!(program_of(&patient), Ok(program.to_vec()));
        assert_eq!(
            patient,
            zip_under(0, program, None).expect("the same again")
        );
        assert_eq!(zip_under(quick.len() + 1, program, None).ok(), Some(quick));
    }

    #[test]
    fn the_bytes_are_those_that_were_released() {
        // A new version of the zip or deflate crate that writes other bytes makes every function look changed.
        assert_eq!(
            sha256(&zip(b"program", None).expect("a zip")),
            "951ed75b9c92ae458345a94121171f7da49f4f17243bc5d7da61453aba0ea453"
        );
        assert_eq!(
            sha256(b""),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
    }
}
