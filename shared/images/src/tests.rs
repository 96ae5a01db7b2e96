//! Whole images through [`resize`], held against what libvips makes of them (`fixtures/expected.json`).

#[path = "../../../tests/fuzz/checks/image_header.rs"]
mod check;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::samples::{self, Rgb};
// The check looks for it here.
use super::{Format, Limits, Reason, Refusal, Resized, Wish, inspect, peek, resize};
use crate as images;

const BACKGROUND: [u8; 3] = [255, 0, 255];

fn fixtures() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures")
}

fn fixture(name: &str) -> Vec<u8> {
    let path = fixtures().join(name);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn wish(widths: &[u32], format: Option<Format>) -> Wish {
    Wish {
        widths: widths.to_vec(),
        format,
        quality: 92,
        background: BACKGROUND,
        keeps_rights: false,
        limits: Limits {
            max_megapixels: 100,
            memory_bytes: 512 << 20,
        },
    }
}

fn resized(name: &str, widths: &[u32], format: Option<Format>) -> Resized {
    resize(&fixture(name), &wish(widths, format))
        .unwrap_or_else(|refusal| panic!("{name} {refusal}"))
}

fn refused(bytes: &[u8]) -> Refusal {
    match resize(bytes, &wish(&[100], None)) {
        Err(refusal) => refusal,
        Ok(resized) => panic!("{} copies were made", resized.copies.len()),
    }
}

/// The mean colours of 4 x 4 fields, row by row.
fn fields(image: &Rgb) -> Vec<[f64; 3]> {
    let edges = |side: usize| -> Vec<usize> {
        // Halves to even, as Python's round does.
        (0..=4)
            .map(|n| (side as f64 * n as f64 / 4.0).round_ties_even() as usize)
            .collect()
    };
    let (xs, ys) = (edges(image.width), edges(image.height));
    let mut fields = vec![];
    for y in ys.windows(2) {
        for x in xs.windows(2) {
            let mut sums = [0.0; 3];
            for row in y[0]..y[1] {
                for column in x[0]..x[1] {
                    let place = (row * image.width + column) * 3;
                    for (sum, sample) in sums.iter_mut().zip(&image.data[place..]) {
                        *sum += f64::from(*sample);
                    }
                }
            }
            let count = ((y[1] - y[0]) * (x[1] - x[0])) as f64;
            fields.push(sums.map(|sum| sum / count));
        }
    }
    fields
}

/// How far the mean colour of a field may lie from libvips's.
fn tolerance(name: &str, to: Format) -> f64 {
    match (name, to) {
        // libvips knows a profile of its own for inks without one; ours multiplies light.
        ("cmyk-without-profile.jpg", _) => 80.0,
        // Between the 625 colours of the profile, the two interpolate differently.
        ("cmyk.jpg", _) => 4.5,
        // Without loss, so that only the decoding, the resizing and the colours are compared.
        (_, Format::Png) => 2.0,
        // A field is 16 pixels wide, and colours that are stored at half the size run over its edges.
        _ => 5.0,
    }
}

#[test]
fn every_image_has_the_size_and_the_colours_that_libvips_gives_it() {
    let expected: BTreeMap<String, BTreeMap<String, Value>> =
        serde_json::from_slice(&fixture("expected.json")).expect("it is JSON");
    assert!(expected.len() > 30, "fixtures are missing");
    let mut wrong = vec![];
    for (name, sizes) in &expected {
        for format in [Format::Jpeg, Format::Png, Format::Webp] {
            let widths: Vec<u32> = sizes
                .keys()
                .map(|width| width.parse().expect("a width"))
                .collect();
            let resized = resized(name, &widths, Some(format));
            assert_eq!(resized.copies.len(), widths.len(), "{name}");
            for copy in &resized.copies {
                let expected = &sizes[&copy.wanted.to_string()];
                let file = copy
                    .file
                    .as_ref()
                    .unwrap_or_else(|refusal| panic!("{name} {refusal}"));
                let image = samples::decoded(file, BACKGROUND);
                assert_eq!(
                    (image.width as u64, image.height as u64),
                    (u64::from(copy.width), u64::from(copy.height)),
                    "{name}"
                );
                let size = (expected["size"][0].as_u64(), expected["size"][1].as_u64());
                if size != (Some(image.width as u64), Some(image.height as u64)) {
                    wrong.push(format!(
                        "{name} {} {size:?}: is {} x {}",
                        copy.wanted, image.width, image.height
                    ));
                }
                let theirs: Vec<[f64; 3]> =
                    serde_json::from_value(expected["fields"].clone()).expect("it holds colours");
                let off = fields(&image)
                    .iter()
                    .zip(&theirs)
                    .flat_map(|(ours, theirs)| ours.iter().zip(theirs).map(|(a, b)| (a - b).abs()))
                    .fold(0.0, f64::max);
                if off > tolerance(name, format) {
                    wrong.push(format!(
                        "{name} {} as {}: off by {off:.1}",
                        copy.wanted,
                        format.name()
                    ));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn a_copy_has_the_type_of_its_source_unless_another_is_asked_for() {
    for (name, format) in [
        ("plain.jpg", Format::Jpeg),
        ("alpha.png", Format::Png),
        ("alpha.webp", Format::Webp),
        ("animated.gif", Format::Gif),
    ] {
        let same = resized(name, &[64], None);
        assert_eq!(same.format, format);
        let file = same.copies[0].file.as_ref().expect("it is made");
        assert_eq!(inspect(file).expect("it is whole").format, format, "{name}");
        // And what was transparent still is.
        let image = samples::decoded(file, BACKGROUND);
        let left = &image.data[image.width * 3 * 24..][..3];
        let is_clear = left.iter().zip(BACKGROUND).all(|(a, b)| a.abs_diff(b) < 4);
        assert_eq!(is_clear, name.starts_with("alpha"), "{name} {left:?}");
    }
}

#[test]
fn all_widths_above_the_source_hold_the_sources_own_size() {
    let resized = resized("plain.jpg", &[100, 161, 5000], None);
    let sizes: Vec<_> = resized
        .copies
        .iter()
        .map(|copy| (copy.wanted, copy.width, copy.height))
        .collect();
    assert_eq!(sizes, [(5000, 160, 120), (161, 160, 120), (100, 100, 75)]);
    let file = |index: usize| resized.copies[index].file.clone().expect("it is made");
    assert_eq!(file(0), file(1));
}

#[test]
fn a_file_that_ends_early_is_damaged_wherever_it_ends() {
    let mut count = 0;
    for entry in std::fs::read_dir(fixtures()).expect("there are fixtures") {
        let name = entry
            .expect("it can be listed")
            .file_name()
            .into_string()
            .expect("ASCII");
        let is_image = [".jpg", ".png", ".gif", ".webp"]
            .iter()
            .any(|end| name.ends_with(end));
        if !is_image || name.starts_with("bomb") {
            continue;
        }
        let bytes = fixture(&name);
        // A JPEG's last two bytes are its end mark, without which all pixels are there.
        let ends = [
            bytes.len() / 10,
            bytes.len() / 3,
            bytes.len() / 2,
            bytes.len() * 9 / 10,
            bytes.len() - 3,
        ];
        for end in ends {
            let refusal = refused(&bytes[..end]);
            assert_eq!(
                refusal.reason,
                Reason::Damaged,
                "{name} up to {end}: {refusal}"
            );
        }
        count += 1;
    }
    assert!(count > 30, "fixtures are missing");
}

#[test]
fn a_file_with_foreign_bytes_in_its_pixels_is_damaged() {
    for name in ["alpha.png", "deep.png", "palette-alpha.png"] {
        let mut bytes = fixture(name);
        let place = bytes.len() / 2;
        bytes[place] ^= 0x55;
        let refusal = refused(&bytes);
        assert_eq!(refusal.reason, Reason::Damaged, "{name}: {refusal}");
    }
    // A marker in the middle of a JPEG's data.
    let mut bytes = fixture("plain.jpg");
    let place = bytes.len() * 3 / 4;
    bytes[place..place + 2].copy_from_slice(&[0xff, 0xd9]);
    assert_eq!(refused(&bytes).reason, Reason::Damaged);
}

#[test]
fn a_bomb_is_refused_from_its_header() {
    for name in ["bomb.jpg", "bomb.png"] {
        let bytes = fixture(name);
        let refusal = match peek(&bytes) {
            Some(Ok(header)) => {
                let wish = wish(&[480], None);
                super::budget::check(&header, bytes.len() as u64, &wish.widths, &wish.limits)
                    .expect_err("it is a bomb")
            }
            other => panic!("{name}: {other:?}"),
        };
        assert_eq!(refusal.reason, Reason::TooLarge, "{name}");
        assert!(refusal.message.contains("42"), "{refusal}");
        // With any number of pixels allowed, the memory is not there.
        let mut generous = wish(&[480], None);
        generous.limits.max_megapixels = u32::MAX;
        let header = peek(&bytes).expect("it reaches").expect("it is readable");
        let refusal = super::budget::check(&header, 300, &generous.widths, &generous.limits);
        let refusal = refusal.expect_err("it takes gigabytes");
        assert!(refusal.message.contains("memory_mb"), "{refusal}");
    }
    assert_eq!(refused(&fixture("bomb.jpg")).reason, Reason::TooLarge);
}

#[test]
fn what_is_not_resized_is_named() {
    let cases: [(&[u8], &str); 12] = [
        (
            b"<?xml version=\"1.0\"?>\n<!-- x -->\n<svg xmlns=\"x\"/>",
            "SVG",
        ),
        (b"  <svg/>", "SVG"),
        (b"%PDF-1.7", "PDF"),
        (b"\0\0\0\x18ftypheic....", "HEIC"),
        (b"\0\0\0\x18ftypmif1....", "HEIC"),
        (b"\0\0\0\x18ftypavif....", "AVIF"),
        (b"II*\0....", "TIFF"),
        (b"MM\0*....", "TIFF"),
        (b"BM......", "BMP"),
        (b"\x1f\x8b\x08", "gzip"),
        (b"PK\x03\x04", "zip"),
        (b"hello", "68 65 6c 6c 6f"),
    ];
    for (bytes, name) in cases {
        let refusal = refused(bytes);
        assert_eq!(refusal.reason, Reason::Unsupported, "{refusal}");
        assert!(refusal.message.contains(name), "{refusal}");
    }
    assert_eq!(refused(b"").message, "is empty");
}

#[test]
fn nothing_of_the_sources_metadata_is_left_but_the_rights_on_request() {
    let bytes = fixture("place.jpg");
    let all = [
        &b"GPS-LATITUDE"[..],
        b"A camera",
        b"a comment",
        b"Ann Artist",
        b"Exif",
    ];
    assert!(
        all.iter().all(|words| contains(&bytes, words)),
        "the fixture holds them"
    );
    for format in [Format::Jpeg, Format::Png, Format::Webp] {
        let mut wish = wish(&[64, 32], Some(format));
        for keeps_rights in [false, true] {
            wish.keeps_rights = keeps_rights;
            let resized = resize(&bytes, &wish).expect("it is resized");
            for copy in &resized.copies {
                let file = copy.file.as_ref().expect("it is made");
                assert!(
                    all[..3].iter().all(|words| !contains(file, words)),
                    "{}",
                    format.name()
                );
                let header = inspect(file).expect("it is whole");
                let text = |text: &Option<Vec<u8>>| {
                    text.clone()
                        .map(|text| String::from_utf8_lossy(&text).into_owned())
                };
                let expected = keeps_rights
                    .then_some(("Ann Artist".to_owned(), "(c) 2026 Ann Artist".to_owned()));
                let found = text(&header.rights.artist).zip(text(&header.rights.copyright));
                assert_eq!(found, expected, "{}", format.name());
                assert_eq!(contains(file, b"Ann Artist"), keeps_rights);
                // The container is still one that decoders take.
                assert_eq!(
                    samples::decoded(file, BACKGROUND).width,
                    copy.width as usize
                );
            }
        }
    }
}

fn contains(bytes: &[u8], words: &[u8]) -> bool {
    bytes.windows(words.len()).any(|window| window == words)
}

#[test]
fn of_what_moves_the_first_picture_is_taken_and_that_is_said() {
    for name in ["animated.gif", "animated.webp"] {
        let resized = resized(name, &[64], None);
        assert_eq!(resized.header.frames, 3, "{name}");
        assert_eq!(
            resized.notes,
            ["it holds 3 pictures, the copies show the first"],
            "{name}"
        );
        let header = inspect(resized.copies[0].file.as_ref().expect("it is made"));
        assert_eq!(header.expect("it is whole").frames, 1, "{name}");
    }
}

#[test]
fn a_copy_that_a_type_cannot_hold_does_not_cost_the_others() {
    // WebP holds 16383 pixels a side; this PNG is one pixel wide and higher.
    let tall = samples::png(4, 20_000);
    let resized = resize(&tall, &wish(&[4, 2], Some(Format::Webp))).expect("it decodes");
    let made: Vec<bool> = resized
        .copies
        .iter()
        .map(|copy| copy.file.is_ok())
        .collect();
    assert_eq!(made, [false, true]);
}

#[test]
fn what_fuzzing_asks_holds_of_the_fixtures_and_of_what_it_found() {
    let found = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fuzz/corpus/image_header");
    let mut count = 0;
    for folder in [fixtures(), found] {
        // Fuzzing may have found nothing that is worth keeping.
        let Ok(entries) = std::fs::read_dir(folder) else {
            continue;
        };
        for entry in entries {
            let path = entry.expect("it can be listed").path();
            check::bytes(&std::fs::read(path).expect("it can be read"));
            count += 1;
        }
    }
    assert!(count > 30, "fixtures are missing");
}

#[test]
fn headers_with_any_byte_changed_are_read_without_a_panic() {
    for name in [
        "place.jpg",
        "progressive.jpg",
        "p3.png",
        "animated.gif",
        "animated.webp",
        "alpha.webp",
    ] {
        let bytes = fixture(name);
        for place in 0..bytes.len().min(700) {
            for flip in [0x01, 0x80, 0xff] {
                let mut changed = bytes.clone();
                changed[place] ^= flip;
                let _ = (inspect(&changed).is_ok(), peek(&changed[..place]).is_some());
            }
        }
    }
}

#[test]
fn no_changed_byte_makes_a_decoder_panic_or_take_more_than_it_may() {
    let mut wish = wish(&[32], Some(Format::Jpeg));
    wish.limits.memory_bytes = 64 << 20;
    for name in [
        "tiny.jpg",
        "plain.webp",
        "palette-alpha.png",
        "orientation.webp",
        "p3.jpg",
        "animated.gif",
    ] {
        let bytes = fixture(name);
        // Every place once, each with another change.
        for place in (0..bytes.len()).step_by((bytes.len() / 150).max(1)) {
            let mut changed = bytes.clone();
            changed[place] = changed[place].wrapping_add((place % 255) as u8 + 1);
            if let Ok(resized) = resize(&changed, &wish) {
                assert_eq!(resized.copies.len(), 1, "{name}");
            }
        }
    }
}
