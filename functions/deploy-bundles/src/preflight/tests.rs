#[path = "../../../../tests/fuzz/checks/appspec.rs"]
mod check;

use std::io::{Cursor, Write};
use std::path::Path;

use ::zip::ZipWriter;
use ::zip::write::SimpleFileOptions;
use expect_test::{Expect, expect};
use flate2::Compression;
use flate2::write::GzEncoder;

use super::*;
use crate::preflight;

const MB: u64 = 1024 * 1024;

/// What a look finds, and how many bytes it read in how many steps.
struct Look {
    verdict: Verdict,
    read: u64,
    steps: usize,
}

fn look_within(bundle: BundleType, bytes: &[u8], limit: u64) -> Look {
    let size = bytes.len() as u64;
    let mut preflight = Preflight::new(bundle, size, limit);
    let (mut step, mut read, mut steps) = (preflight.begin(), 0, 0);
    loop {
        match step {
            Step::Done(verdict) => {
                return Look {
                    verdict,
                    read,
                    steps,
                };
            }
            Step::Read(range) => {
                assert!(range.start < range.end && range.end <= size, "{range:?}");
                read += range.end - range.start;
                steps += 1;
                assert!(steps < 10_000, "it comes to an end");
                let range = range.start as usize..range.end as usize;
                step = preflight.go_on(&bytes[range]);
            }
        }
    }
}

fn look(bundle: BundleType, bytes: &[u8]) -> Look {
    look_within(bundle, bytes, 64 * MB)
}

fn zip(names: &[&str]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for name in names {
        let options = SimpleFileOptions::default();
        match name.strip_suffix('/') {
            Some(folder) => zip.add_directory(folder, options).expect("a folder"),
            None => {
                zip.start_file(*name, options).expect("a file");
                zip.write_all(name.as_bytes()).expect("it is written");
            }
        }
    }
    zip.finish().expect("it is finished").into_inner()
}

fn tar_of(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut tar = ::tar::Builder::new(Vec::new());
    for (name, content) in files {
        let mut header = ::tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        if name.ends_with('/') {
            header.set_entry_type(::tar::EntryType::Directory);
        }
        tar.append_data(&mut header, name, *content)
            .expect("an entry");
    }
    tar.into_inner().expect("it is finished")
}

fn tar(names: &[&str]) -> Vec<u8> {
    let files: Vec<(&str, &[u8])> = names.iter().map(|name| (*name, b"x".as_slice())).collect();
    let files = files
        .iter()
        .map(|(name, content)| match name.ends_with('/') {
            true => (*name, b"".as_slice()),
            false => (*name, *content),
        });
    tar_of(&files.collect::<Vec<_>>())
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(bytes).expect("it is written");
    gzip.finish().expect("it is finished")
}

fn told(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Good(found) => format!("good: {found}\n"),
        Verdict::Unknown(why) => format!("unknown: {why}\n"),
        Verdict::Bad(Fault { kind, message }) => format!("{kind:?}: {message}\n"),
    }
}

/// The three kinds of archive are judged alike.
#[track_caller]
fn check(names: &[&str], expected: Expect) {
    let tar = tar(names);
    let as_zip = told(&look(BundleType::Zip, &zip(names)).verdict);
    let as_tar = told(&look(BundleType::Tar, &tar).verdict);
    let as_tgz = told(&look(BundleType::Tgz, &gzip(&tar)).verdict);
    assert_eq!(as_zip, as_tar);
    assert_eq!(as_tar, as_tgz);
    expected.assert_eq(&as_zip);
}

#[test]
fn an_appspec_at_the_top_is_found_in_both_spellings() {
    check(
        &["index.html", "appspec.yml", "scripts/start.sh"],
        expect![[r#"
            good: appspec.yml
        "#]],
    );
    check(
        &["appspec.yaml"],
        expect![[r#"
        good: appspec.yaml
    "#]],
    );
    check(
        &["appspec.yaml", "appspec.yml"],
        expect![[r#"
        good: appspec.yml
    "#]],
    );
    check(
        &["./", "./appspec.yml", "./a/b"],
        expect![[r#"
        good: appspec.yml
    "#]],
    );
}

#[test]
fn the_agent_takes_away_one_folder_and_not_more() {
    check(
        &["shop-1.2/", "shop-1.2/appspec.yml", "shop-1.2/a"],
        expect![[r#"
            good: shop-1.2/appspec.yml
        "#]],
    );
    check(
        &["shop-1.2/appspec.yaml", "shop-1.2/a/b"],
        expect![[r#"
        good: shop-1.2/appspec.yaml
    "#]],
    );
    check(
        &["a/b/appspec.yml", "a/c"],
        expect![[r#"
        Appspec: has no `appspec.yml` (or `appspec.yaml`) where the agent looks: `a/b/appspec.yml` is too deep, it belongs to the top
    "#]],
    );
    // macOS puts its own folder beside.
    check(
        &["shop/appspec.yml", "__MACOSX/._shop"],
        expect![[r#"
            Appspec: has no `appspec.yml` (or `appspec.yaml`) where the agent looks: `shop/appspec.yml` is in a folder that is not alone at the top, `__MACOSX` lies beside it
        "#]],
    );
    check(
        &["shop/appspec.yml", "README"],
        expect![[r#"
        Appspec: has no `appspec.yml` (or `appspec.yaml`) where the agent looks: `shop/appspec.yml` is in a folder that is not alone at the top, `README` lies beside it
    "#]],
    );
}

#[test]
fn a_missing_appspec_is_told_with_what_comes_nearest() {
    check(
        &["index.html", "a/b", "c"],
        expect![[r#"
        Appspec: has no `appspec.yml` (or `appspec.yaml`) where the agent looks: at its top are `a`, `c`, `index.html`
    "#]],
    );
    check(
        &["a", "b", "c", "d"],
        expect![[r#"
        Appspec: has no `appspec.yml` (or `appspec.yaml`) where the agent looks: at its top are `a`, `b`, `c`, …
    "#]],
    );
    check(
        &["AppSpec.yml", "a"],
        expect![[r#"
        Appspec: has no `appspec.yml` (or `appspec.yaml`) where the agent looks: `AppSpec.yml` is spelt in another way, and case matters
    "#]],
    );
    check(
        &["shop/Appspec.yml", "shop/a"],
        expect![[r#"
        Appspec: has no `appspec.yml` (or `appspec.yaml`) where the agent looks: `shop/Appspec.yml` is spelt in another way, and case matters
    "#]],
    );
    check(
        &["appspec.yml.txt"],
        expect![[r#"
        Appspec: has no `appspec.yml` (or `appspec.yaml`) where the agent looks, there is only `appspec.yml.txt`
    "#]],
    );
    check(
        &["appspec.json", "a"],
        expect![[r#"
        Appspec: has no `appspec.yml` (or `appspec.yaml`) where the agent looks, there is only `appspec.json`
    "#]],
    );
    check(
        &["build/out/appspec.yml", "a"],
        expect![[r#"
        Appspec: has no `appspec.yml` (or `appspec.yaml`) where the agent looks: `build/out/appspec.yml` is too deep, it belongs to the top
    "#]],
    );
    check(
        &["shop\\appspec.yml", "a"],
        expect![[r#"
        Appspec: has no `appspec.yml` (or `appspec.yaml`) where the agent looks: `shop\appspec.yml` is written with backslashes, which are no folders in an archive
    "#]],
    );
    check(
        &["\u{1}`x"],
        expect![[r#"
        Appspec: has no `appspec.yml` (or `appspec.yaml`) where the agent looks: at its top are `��x`
    "#]],
    );
    check(
        &["appspec.yml/", "appspec.yml/a"],
        expect![[r#"
        Appspec: has no `appspec.yml` (or `appspec.yaml`) where the agent looks: `appspec.yml` is too deep, it belongs to the top
    "#]],
    );
}

#[test]
fn an_archive_of_nothing_is_refused() {
    check(
        &[],
        expect![[r#"
        Appspec: is an archive without a file
    "#]],
    );
}

#[test]
fn what_climbs_out_of_its_folder_is_not_there() {
    // The unpackers leave it out, and so it is no second thing at the top.
    let mut bytes = tar(&["xx/appspec.yml", "app/appspec.yml"]);
    rename(&mut bytes, b"xx/appspec.yml", b"../appspec.yml");
    assert_eq!(
        look(BundleType::Tar, &bytes).verdict,
        Verdict::Good("app/appspec.yml".to_owned())
    );
}

/// Renames an entry of a tar to a name that its builder refuses, checksum and all.
fn rename(bytes: &mut [u8], from: &[u8], to: &[u8]) {
    let at = bytes
        .chunks(512)
        .position(|block| block.starts_with(from))
        .expect("the entry");
    let header = &mut bytes[at * 512..][..512];
    header[..100].fill(0);
    header[..to.len()].copy_from_slice(to);
    header[148..156].fill(b' ');
    let sum: u64 = header.iter().map(|byte| u64::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
}

#[test]
fn a_large_zip_costs_a_few_reads_of_its_end_and_never_its_content() {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let stored = SimpleFileOptions::default().compression_method(::zip::CompressionMethod::Stored);
    zip.start_file("big", stored).expect("a file");
    zip.write_all(&vec![7; 8 * 1024 * 1024])
        .expect("it is written");
    zip.start_file("appspec.yml", stored).expect("a file");
    let bytes = zip.finish().expect("it is finished").into_inner();
    let look = look(BundleType::Zip, &bytes);
    assert_eq!(look.verdict, Verdict::Good("appspec.yml".to_owned()));
    assert!(
        look.steps <= 3 && look.read < 70_000,
        "{} in {}",
        look.read,
        look.steps
    );
}

#[test]
fn a_zip_with_a_comment_a_prefix_or_the_large_format_is_read() {
    let mut commented = ZipWriter::new(Cursor::new(Vec::new()));
    commented
        .set_comment("PK\u{5}\u{6} is how it ends".to_owned().into_boxed_str())
        .expect("a comment");
    commented
        .start_file("appspec.yml", SimpleFileOptions::default())
        .expect("a file");
    let commented = commented.finish().expect("it is finished").into_inner();
    let good = Verdict::Good("appspec.yml".to_owned());
    assert_eq!(look(BundleType::Zip, &commented).verdict, good);

    let prefixed = [b"#!/bin/sh\nexit\n".as_slice(), &zip(&["appspec.yml"])].concat();
    assert_eq!(look(BundleType::Zip, &prefixed).verdict, good);

    // More files than 16 bits can count make the writer use the large format.
    let names: Vec<String> = (0..70_000).map(|number| format!("f{number}")).collect();
    let mut names: Vec<&str> = names.iter().map(String::as_str).collect();
    names.push("appspec.yml");
    let large = zip(&names);
    assert!(
        large.windows(4).any(|four| four == b"PK\x06\x06"),
        "it is zip64"
    );
    assert_eq!(look(BundleType::Zip, &large).verdict, good);
}

#[test]
fn a_tar_passes_over_what_files_hold_and_stops_at_its_appspec() {
    let content = vec![7; 8 * 1024 * 1024];
    let late = tar_of(&[
        ("big", &content),
        ("appspec.yml", b"os: linux\n"),
        ("more", &content),
    ]);
    let found = look(BundleType::Tar, &late);
    assert_eq!(found.verdict, Verdict::Good("appspec.yml".to_owned()));
    assert!(found.read <= 3 * MB, "{} bytes", found.read);
    let early = tar_of(&[("appspec.yml", b"os: linux\n"), ("more", &content)]);
    assert!(look(BundleType::Tgz, &gzip(&early)).steps <= 2);
}

#[test]
fn long_names_of_gnu_and_posix_are_read() {
    let long = format!("{}/{}/x", "a".repeat(120), "b".repeat(120));
    let good = Verdict::Good("appspec.yml".to_owned());
    let gnu = tar_of(&[(&long, b"1"), ("appspec.yml", b"2")]);
    assert_eq!(look(BundleType::Tar, &gnu).verdict, good);

    let mut posix = ::tar::Builder::new(Vec::new());
    let record = b"20 path=appspec.yml\n";
    let mut pax = ::tar::Header::new_ustar();
    pax.set_entry_type(::tar::EntryType::XHeader);
    pax.set_size(record.len() as u64);
    pax.set_path("pax").expect("a name");
    pax.set_cksum();
    posix.append(&pax, record.as_slice()).expect("an entry");
    let mut header = ::tar::Header::new_ustar();
    header.set_size(1);
    header.set_path("short").expect("a name");
    header.set_cksum();
    posix.append(&header, b"x".as_slice()).expect("an entry");
    let posix = posix.into_inner().expect("it is finished");
    assert_eq!(look(BundleType::Tar, &posix).verdict, good);
}

#[test]
fn the_agent_on_windows_takes_no_tar() {
    let bytes = tar_of(&[("appspec.yml", b"version: 0.0\nos: windows  # sigh\n")]);
    expect![[r#"
        Type: is a tar, and its appspec is for Windows, where the agent takes only zip
    "#]]
    .assert_eq(&told(&look(BundleType::Tar, &bytes).verdict));
}

#[test]
fn what_is_not_what_its_name_says_is_refused_with_what_it_is() {
    let (zip, tar) = (zip(&["appspec.yml"]), tar(&["appspec.yml"]));
    let text = b"version: 0.0\nResources: []\n".repeat(30);
    let mut all = String::new();
    for (bundle, bytes) in [
        (BundleType::Zip, tar.as_slice()),
        (BundleType::Zip, &text),
        (BundleType::Tar, &zip),
        (BundleType::Tar, &gzip(&tar)),
        (BundleType::Tar, b"short"),
        (BundleType::Tgz, &tar),
        (BundleType::Tgz, &zip),
        (BundleType::Tgz, b"BZh91AY"),
        (BundleType::Yaml, &zip),
        (BundleType::Json, b"{\0}"),
        (BundleType::Zip, b""),
    ] {
        all.push_str(&told(&look(bundle, bytes).verdict));
    }
    expect![[r#"
        Type: is named as zip, and its first bytes are those of a tar archive
        Type: is no whole zip: its end is missing, as if the upload was cut off
        Type: is named as tar, and its first bytes are those of a zip archive
        Type: is named as tar, and its first bytes are those of gzip
        Type: is named as tar, and its first bytes are those of a text
        Type: is named as tgz, and its first bytes are those of a tar archive
        Type: is named as tgz, and its first bytes are those of a zip archive
        Type: is named as tgz, and its first bytes are those of bzip2
        Type: is named as YAML, and its first bytes are those of a zip archive
        Type: is named as JSON, and its first bytes are those of something else
        Type: is empty
    "#]]
    .assert_eq(&all);
}

#[test]
fn an_upload_that_was_cut_off_is_refused_at_any_length() {
    let tar = tar(&["a", "b", "c/appspec.yml", "d"]);
    let (zip, tgz) = (zip(&["a", "b/appspec.yml", "c"]), gzip(&tar));
    for (bundle, bytes) in [(BundleType::Zip, &zip), (BundleType::Tgz, &tgz)] {
        for length in 0..bytes.len() {
            let verdict = look(bundle, &bytes[..length]).verdict;
            assert!(
                matches!(verdict, Verdict::Bad(_)),
                "{bundle} {length}: {verdict:?}"
            );
        }
    }
    // A tar has no end that must be there, so only what ends within an entry is told.
    for length in 1..512 * 3 {
        let verdict = look(BundleType::Tar, &tar[..length]).verdict;
        assert!(matches!(verdict, Verdict::Bad(_)), "{length}: {verdict:?}");
    }
}

#[test]
fn no_garbled_byte_brings_it_out_of_step() {
    let tar = tar(&["a", "b/appspec.yml", "b/c"]);
    let archives = [
        (BundleType::Zip, zip(&["a", "b/appspec.yml", "c"])),
        (BundleType::Tgz, gzip(&tar)),
        (BundleType::Tar, tar),
    ];
    for (bundle, bytes) in archives {
        for at in 0..bytes.len() {
            for value in [0, 0x7f, 0xff, bytes[at] ^ 1] {
                let mut bytes = bytes.clone();
                bytes[at] = value;
                // `look` asserts that every read lies within the bundle and that it ends.
                look(bundle, &bytes);
            }
        }
    }
}

#[test]
fn a_tar_that_grows_without_end_is_not_unpacked_to_its_end() {
    // 64 MB of zeros in one file are 64 KB of gzip; the scan may see 16 MB.
    let zeros = vec![0; 64 * 1024 * 1024];
    let bomb = gzip(&tar_of(&[("zeros", &zeros), ("appspec.yml", b"x")]));
    let found = look_within(BundleType::Tgz, &bomb, MB);
    expect![[r#"
        unknown: it unpacks to more than 16 MB, and no more was read
    "#]]
    .assert_eq(&told(&found.verdict));
    // What cannot be compressed is bounded by what is read.
    let mut noise = vec![0; 3 * 1024 * 1024];
    let mut state = 1u32;
    for byte in &mut noise {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        *byte = state.to_be_bytes()[0];
    }
    let long = gzip(&tar_of(&[("noise", &noise), ("appspec.yml", b"x")]));
    let found = look_within(BundleType::Tgz, &long, MB);
    expect![[r#"
        unknown: 1 MB of it hold no appspec that settles it, and no more was read (`max_scan_mb`)
    "#]]
    .assert_eq(&told(&found.verdict));
    assert!(found.read <= 2 * MB, "{} bytes", found.read);
}

#[test]
fn an_encrypted_appspec_is_refused() {
    let mut bytes = zip(&["appspec.yml"]);
    let at = bytes
        .windows(4)
        .position(|four| four == b"PK\x01\x02")
        .expect("the table");
    bytes[at + 8] |= 1;
    expect![[r#"
        Type: is encrypted, and the agent has no password
    "#]]
    .assert_eq(&told(&look(BundleType::Zip, &bytes).verdict));
}

#[test]
fn an_appspec_by_itself_has_its_two_keys() {
    let mut all = String::new();
    for (bundle, text) in [
        (
            BundleType::Yaml,
            "version: 0.0\nResources:\n  - f:\n      Type: AWS::Lambda::Function\n",
        ),
        (
            BundleType::Yaml,
            "\u{feff}# comment\n\"version\": 0.0\nresources: []\n",
        ),
        (BundleType::Yaml, "{\"version\": 0.0, \"Resources\": []}"),
        (BundleType::Yaml, "version: 0.0\nos: linux\nfiles: []\n"),
        (BundleType::Yaml, "  version: 0.0\nResourcesX: 1\n"),
        (BundleType::Yaml, "version: \u{e9}\nResources:\n"),
        (BundleType::Json, "{\"version\": 0.0, \"Resources\": [{}]}"),
        (BundleType::Json, "{\"Resources\": [{}]}"),
        (BundleType::Json, "[]"),
        (BundleType::Json, "version: 0.0"),
    ] {
        all.push_str(&told(&look(bundle, text.as_bytes()).verdict));
    }
    let latin = b"version: \xe9\nResources:\n";
    all.push_str(&told(&look(BundleType::Yaml, latin).verdict));
    let deep = format!("{{\"version\": {}", "[".repeat(100_000));
    all.push_str(&told(&look(BundleType::Json, deep.as_bytes()).verdict));
    expect![[r#"
        good: the appspec itself
        good: the appspec itself
        good: the appspec itself
        Appspec: is no appspec: it lacks `Resources`
        Appspec: is no appspec: it lacks `version` and `Resources`
        good: the appspec itself
        good: the appspec itself
        Appspec: is no appspec: it lacks `version`
        Appspec: is JSON, but no object
        Type: is no JSON: expected value at line 1 column 1
        Type: is no text in UTF-8
        Type: is no JSON: recursion limit exceeded at line 1 column 139
    "#]]
    .assert_eq(&all);
}

#[test]
fn the_ending_of_a_key_names_the_bundle_type() {
    for (key, expected) in [
        ("apps/shop/live/a.zip", Some(BundleType::Zip)),
        ("a.ZIP", Some(BundleType::Zip)),
        ("a.tar", Some(BundleType::Tar)),
        ("a.tar.gz", Some(BundleType::Tgz)),
        ("a.1.2.tgz", Some(BundleType::Tgz)),
        ("a.yml", Some(BundleType::Yaml)),
        ("a.yaml", Some(BundleType::Yaml)),
        ("a.json", Some(BundleType::Json)),
        ("a.gz", None),
        ("a.zip/readme", None),
        ("zip", None),
        (".zip", None),
        ("", None),
    ] {
        assert_eq!(BundleType::of_key(key), expected, "{key}");
    }
}

#[test]
fn what_fuzzing_asks_holds_of_the_fixtures_and_of_what_it_found() {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut count = 0;
    for folder in ["fixtures", "../../tests/fuzz/corpus/appspec"] {
        let folder = own.join(folder);
        for file in std::fs::read_dir(&folder).expect("the folder is there") {
            let path = file.expect("an entry").path();
            check::bytes(&std::fs::read(&path).expect("it can be read"));
            count += 1;
        }
    }
    assert!(count > 20, "only {count} files");
}

#[test]
fn archives_of_other_programs_are_read_as_well() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    let mut names: Vec<String> = std::fs::read_dir(&folder)
        .expect("the folder is there")
        .map(|file| {
            file.expect("an entry")
                .file_name()
                .to_string_lossy()
                .into_owned()
        })
        .filter(|name| name != "SOURCE.md")
        .collect();
    names.sort();
    let mut all = String::new();
    for name in names {
        let bundle = BundleType::of_key(&name).expect("its name says what it is");
        let bytes = std::fs::read(folder.join(&name)).expect("it can be read");
        all.push_str(&format!("{name}: {}", told(&look(bundle, &bytes).verdict)));
    }
    expect![[r#"
        appspec.json: good: the appspec itself
        appspec.yaml: good: the appspec itself
        gnu.tar: good: appspec.yml
        macos.zip: Appspec: has no `appspec.yml` (or `appspec.yaml`) where the agent looks: `shop/appspec.yml` is in a folder that is not alone at the top, `__MACOSX` lies beside it
        one-folder.zip: good: shop-1.2/appspec.yaml
        posix.tgz: good: appspec.yml
        top.zip: good: appspec.yml
        ustar.tar: good: shop/appspec.yml
    "#]].assert_eq(&all);
}
