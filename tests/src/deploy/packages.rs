//! Packages: the same bytes from the same programs, and nothing in them that does not belong there.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime};

use sha2::{Digest, Sha256};

use super::templates::PACKAGES;
use crate::harness::{Lamplighter, programs};
use crate::moto::venv;

pub(super) const CONFIG: &str = "[stop-untagged]\nrequired_tags = [\"owner\"]\n";

pub(super) const X86_64: u16 = 62;
const ARM64: u16 = 183;

/// The smallest program that says for which processor it is: a header, and a table of two sections, of which the second
/// holds the names: one byte, which is zero.
/// <https://refspecs.linuxfoundation.org/elf/gabi4+/ch4.eheader.html>
fn program(machine: u16) -> Vec<u8> {
    let mut bytes = vec![0; 193];
    bytes[..7].copy_from_slice(b"\x7fELF\x02\x01\x01");
    bytes[16..18].copy_from_slice(&2_u16.to_le_bytes());
    bytes[18..20].copy_from_slice(&machine.to_le_bytes());
    bytes[20..24].copy_from_slice(&1_u32.to_le_bytes());
    bytes[40..48].copy_from_slice(&64_u64.to_le_bytes());
    bytes[52..54].copy_from_slice(&64_u16.to_le_bytes());
    bytes[58..60].copy_from_slice(&64_u16.to_le_bytes());
    bytes[60..62].copy_from_slice(&2_u16.to_le_bytes());
    bytes[62..64].copy_from_slice(&1_u16.to_le_bytes());
    bytes[132..136].copy_from_slice(&3_u32.to_le_bytes());
    bytes[152..160].copy_from_slice(&192_u64.to_le_bytes());
    bytes[160..168].copy_from_slice(&1_u64.to_le_bytes());
    bytes
}

pub(super) fn build(folder: &Path, name: &str, machine: u16) {
    fs::create_dir_all(folder).expect("the folder is made");
    fs::write(folder.join(format!("bootstrap-{name}")), program(machine)).expect("it is written");
}

fn package<'a>(args: impl IntoIterator<Item = &'a str>) -> Lamplighter {
    let package = Lamplighter::new(["deploy", "package"])
        .args(args)
        .config(CONFIG);
    build(
        &package.folder().join("target/release"),
        "stop-untagged",
        X86_64,
    );
    package
}

#[test]
fn the_same_programs_make_the_same_bytes_in_two_folders_for_two_people() {
    let first = package([]).run().code(0);
    let second = package([])
        .env("USER", "someone-else")
        .env("SOURCE_DATE_EPOCH", "1");
    let program = second
        .folder()
        .join("target/release/bootstrap-stop-untagged");
    fs::set_permissions(&program, Permissions::from_mode(0o600)).expect("the mode is set");
    File::options()
        .write(true)
        .open(&program)
        .and_then(|file| {
            file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000))
        })
        .expect("the time is set");
    let folder = with_umask("077", second);
    for file in [
        "stop-untagged.zip",
        "stop-untagged.zip.sha256",
        "stop-untagged.cdx.json",
    ] {
        let read = |folder: &Path| fs::read(folder.join("dist").join(file)).expect(file);
        assert_eq!(read(first.folder.path()), read(folder.path()), "{file}");
    }
    let again = first.stdout;
    assert_eq!(again, package([]).run().code(0).stdout);
}

/// Runs it under this umask; its folder.
fn with_umask(umask: &str, program: Lamplighter) -> tempfile::TempDir {
    let (command, folder) = program.into_command();
    let mut strict = Command::new("sh");
    strict
        .args(["-c", &format!("umask {umask}; exec \"$@\""), "sh"])
        .arg(command.get_program());
    strict.args(command.get_args()).current_dir(folder.path());
    for (key, value) in command.get_envs() {
        strict.env(key, value.unwrap_or_default());
    }
    let ran = strict.output().expect("sh runs");
    let stderr = String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success(), "{stderr}");
    folder
}

#[test]
fn a_real_program_makes_the_same_bytes_from_two_folders_under_two_umasks() {
    let built = programs().join("bootstrap-stop-untagged");
    let bytes = fs::read(&built).expect("it was built");
    let made = |from: &str, mode: u32, umask: &str| {
        // The programs of tests are as large as their debugging makes them.
        let args = ["stop-untagged", "--from", from, "--budget-mb", "250"];
        let package = Lamplighter::new(["deploy", "package"])
            .args(args)
            .config(CONFIG);
        let folder = package.folder().join(from);
        fs::create_dir_all(&folder).expect("the folder is made");
        let copy = folder.join("bootstrap-stop-untagged");
        fs::copy(&built, &copy).expect("it is copied");
        fs::set_permissions(&copy, Permissions::from_mode(mode)).expect("the mode is set");
        let folder = with_umask(umask, package);
        let read = |file: &str| fs::read(folder.path().join("dist").join(file)).expect(file);
        [
            "stop-untagged.zip",
            "stop-untagged.zip.sha256",
            "stop-untagged.cdx.json",
        ]
        .map(read)
    };
    let first = made("built", 0o755, "022");
    let second = made("built/by/somebody else", 0o700, "077");
    assert!(first == second, "the bytes differ");
    // It is this program, whole, and can be started; by a reader of zips that somebody else wrote.
    let folder = tempfile::tempdir().expect("a folder");
    let zip = folder.path().join("made.zip");
    fs::write(&zip, &first[0]).expect("it is written");
    let seen = Command::new(venv("deploy", &PACKAGES).join("python"))
        .args(["-c", LOOK])
        .arg(&zip)
        .output()
        .expect("python runs");
    let digest: String = Sha256::digest(&bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    assert_eq!(
        String::from_utf8_lossy(&seen.stdout),
        format!("bootstrap 755 {digest}\nlamplighter.toml 644\n"),
        "{}",
        String::from_utf8_lossy(&seen.stderr)
    );
}

/// Prints what is in a zip: names, modes, and of the program its checksum.
const LOOK: &str = r#"
import hashlib, sys, zipfile
with zipfile.ZipFile(sys.argv[1]) as archive:
    assert archive.testzip() is None
    for entry in archive.infolist():
        row = [entry.filename, "%o" % (entry.external_attr >> 16 & 0o777)]
        if entry.filename == "bootstrap":
            row.append(hashlib.sha256(archive.read(entry)).hexdigest())
        print(*row)
"#;

#[test]
fn a_package_comes_with_its_checksum_and_its_bill_of_materials() {
    let ran = package([]).run().code(0);
    let dist = ran.folder.path().join("dist");
    let zip = fs::read(dist.join("stop-untagged.zip")).expect("the zip");
    let digest: String = Sha256::digest(&zip)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let beside = fs::read_to_string(dist.join("stop-untagged.zip.sha256")).expect("the checksum");
    assert_eq!(beside, format!("{digest}  stop-untagged.zip\n"));
    assert!(ran.stdout.starts_with(&digest), "{}", ran.stdout);
    let bill = fs::read_to_string(dist.join("stop-untagged.cdx.json")).expect("the bill");
    let bill: serde_json::Value = serde_json::from_str(&bill).expect("JSON");
    assert_eq!(bill["bomFormat"], "CycloneDX");
    let names: Vec<&str> = bill["components"]
        .as_array()
        .expect("components")
        .iter()
        .filter_map(|component| component["name"].as_str())
        .collect();
    assert!(
        names.contains(&"aws-sdk-ec2") && names.contains(&"lambda_runtime"),
        "{names:?}"
    );
    // The command line is in no Lambda.
    assert!(
        !names.contains(&"clap") && !names.contains(&"x509-parser"),
        "{names:?}"
    );
    // Nothing else: only the program and its configuration, whose text can be found where it is stored uncompressed.
    let files: Vec<String> = fs::read_dir(&dist)
        .expect("the folder")
        .map(|entry| {
            entry
                .expect("an entry")
                .file_name()
                .to_string_lossy()
                .into_owned()
        })
        .collect();
    assert_eq!(files.len(), 3, "{files:?}");
}

#[test]
fn a_configuration_that_is_wrong_or_holds_a_secret_is_not_packed() {
    for (config, said) in [
        (
            "[stop-untagged]\nrequired_tag = []\n",
            "unknown key `required_tag`",
        ),
        (
            "[stop-untagged]\nschedule = \"rate(1 hours)\"\n",
            "schedule",
        ),
        (
            "[report]\nwebhook = \"https://example.com/s3cret-0\"\n",
            "a secret must not be in a package",
        ),
        (
            "[daemon]\n# token = \"s3cret-0\"\n",
            "a secret must not be in a package",
        ),
    ] {
        let ran = package([]).config(config).run().code(2);
        assert!(ran.stderr.contains(said), "{}", ran.stderr);
        assert!(!ran.stderr.contains("s3cret"), "{}", ran.stderr);
        assert!(
            !ran.folder.path().join("dist").exists(),
            "nothing is written"
        );
    }
    // A secret in the environment is not in the package.
    package([])
        .env("LAMPLIGHTER_DAEMON__TOKEN", "s3cret-0")
        .run()
        .code(0);
}

#[test]
fn a_program_that_is_missing_wrong_or_large_is_refused_with_a_way_out() {
    let ran = package(["report-certificates"]).run().code(2);
    assert!(
        ran.stderr
            .contains("`cargo build --release -p report-certificates`"),
        "{}",
        ran.stderr
    );
    let ran = package(["--arm64"]).run().code(2);
    assert!(
        ran.stderr
            .contains("`rustup target add aarch64-unknown-linux-gnu`"),
        "{}",
        ran.stderr
    );
    let ran = package(["nobody"]).run().code(2);
    assert!(
        ran.stderr.contains("there is no function `nobody`"),
        "{}",
        ran.stderr
    );

    let wrong = package(["--from", "arm"]);
    build(&wrong.folder().join("arm"), "stop-untagged", ARM64);
    let ran = wrong.run().code(2);
    assert!(
        ran.stderr
            .contains("it is for arm64, and x86_64 was asked for"),
        "{}",
        ran.stderr
    );
    let right = package(["--from", "arm", "--arm64"]);
    build(&right.folder().join("arm"), "stop-untagged", ARM64);
    right.run().code(0);

    let large = package(["--budget-mb", "1"]);
    let program = large
        .folder()
        .join("target/release/bootstrap-stop-untagged");
    let mut bytes = program_bytes(&program);
    // Numbers that no compression makes small.
    let mut state: u32 = 1;
    bytes.extend(
        std::iter::repeat_with(|| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        })
        .take(1_100_000),
    );
    fs::write(&program, bytes).expect("it is written");
    let ran = large.run().code(2);
    assert!(
        ran.stderr.contains("and the budget is 1000000"),
        "{}",
        ran.stderr
    );
    assert!(
        !ran.folder.path().join("dist").exists(),
        "nothing is written"
    );
}

fn program_bytes(path: &Path) -> Vec<u8> {
    fs::read(path).expect("the program")
}
