//! `[resize-images]`: where copies may not go, and values that make no sense.

use expect_test::expect;

use super::{check, good};

#[test]
fn a_source_that_holds_its_own_copies_is_refused() {
    check(
        "[resize-images]\nsources = [\"s3://photos\"]\n",
        expect![[r#"
            error: lamplighter.toml:2: `sources` in [resize-images]: `s3://photos/` holds the copies `s3://photos/resized/`, and each copy would be resized again
              |
            2 | sources = ["s3://photos"]
              |           ^^^^^^^^^^^^^^^
            hint: let the copies be in another bucket, or the source under another prefix
        "#]],
    );
    check(
        "[resize-images]\nsources = [\"s3://photos/in/\"]\noutput_prefix = \"in/small/\"\n",
        expect![[r#"
            error: lamplighter.toml:2: `sources` in [resize-images]: `s3://photos/in/` holds the copies `s3://photos/in/small/`, and each copy would be resized again
              |
            2 | sources = ["s3://photos/in/"]
              |           ^^^^^^^^^^^^^^^^^^^
            hint: let the copies be in another bucket, or the source under another prefix
        "#]],
    );
    check(
        "[resize-images]\nsources = [\"s3://photos/in/\", \"s3://small/\"]\noutput_bucket = \"small\"\n",
        expect![[r#"
            error: lamplighter.toml:2: `sources` in [resize-images]: `s3://small/` holds the copies `s3://small/resized/`, and each copy would be resized again
              |
            2 | sources = ["s3://photos/in/", "s3://small/"]
              |           ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
            hint: let the copies be in another bucket, or the source under another prefix
        "#]],
    );
}

#[test]
fn a_source_among_the_copies_is_refused() {
    check(
        "[resize-images]\nsources = [\"s3://photos/resized/in/\"]\n",
        expect![[r#"
            error: lamplighter.toml:2: `sources` in [resize-images]: `s3://photos/resized/in/` lies where the copies are, `s3://photos/resized/`, and nothing there is taken for a source
              |
            2 | sources = ["s3://photos/resized/in/"]
              |           ^^^^^^^^^^^^^^^^^^^^^^^^^^^
            hint: choose another `output_prefix`
        "#]],
    );
}

#[test]
fn copies_without_a_place_of_their_own_are_refused() {
    check(
        "[resize-images]\noutput_prefix = \"\"\n",
        expect![[r#"
        error: lamplighter.toml:2: `output_prefix` in [resize-images]: copies would lie among their sources, and be taken for new images
          |
        2 | output_prefix = ""
          |                 ^^
        hint: give it a value such as "resized/", or set `output_bucket`
    "#]],
    );
}

#[test]
fn two_buckets_whose_copies_would_meet_are_refused() {
    check(
        "[resize-images]\nsources = [\"s3://photos/in/\", \"s3://scans/in/\"]\noutput_bucket = \"small\"\n",
        expect![[r#"
            error: lamplighter.toml:3: `output_bucket` in [resize-images]: copies of `s3://photos/in/` and of `s3://scans/in/` with the same key would be one object in `small`
              |
            3 | output_bucket = "small"
              |                 ^^^^^^^
            hint: leave it empty, so that copies stay in the bucket of their source
        "#]],
    );
}

#[test]
fn places_that_do_not_meet_are_accepted() {
    for section in [
        "sources = [\"s3://photos/in/\", \"s3://scans/in/\"]\noutput_prefix = \"out/\"\n",
        "sources = [\"s3://photos\"]\noutput_bucket = \"small\"\noutput_prefix = \"\"\n",
        "sources = [\"s3://photos/in/\", \"s3://photos/more/\"]\noutput_bucket = \"small\"\n",
    ] {
        good(&format!("[resize-images]\n{section}"), &[], &[]);
    }
}

#[test]
fn values_that_make_no_sense_are_refused() {
    check(
        "[resize-images]\nwidths = []\nquality = 0\nbackground = \"white\"\nformat = \"gif\"\noutput_prefix = \"resized\"\n",
        expect![[r##"
            error: lamplighter.toml:2: `widths` in [resize-images]: at least one width is needed
              |
            2 | widths = []
              |          ^^

            error: lamplighter.toml:3: `quality` in [resize-images]: 0 is out of range, it must be 1 to 100
              |
            3 | quality = 0
              |           ^

            error: lamplighter.toml:4: `background` in [resize-images]: `white` is no colour
              |
            4 | background = "white"
              |              ^^^^^^^
            hint: write it like "#ffffff"

            error: lamplighter.toml:5: `format` in [resize-images]: `gif` is none of "same", "jpeg", "png", "webp"
              |
            5 | format = "gif"
              |          ^^^^^

            error: lamplighter.toml:6: `output_prefix` in [resize-images]: `resized` does not end with a slash
              |
            6 | output_prefix = "resized"
              |                 ^^^^^^^^^
            hint: write it like "resized/"
        "##]],
    );
    check(
        "[resize-images]\nwidths = [480, 0, 480]\ncache_control = \"a\\nb\"\n",
        expect![[r#"
            error: lamplighter.toml:2: `widths` in [resize-images]: 480 is listed twice
              |
            2 | widths = [480, 0, 480]
              |          ^^^^^^^^^^^^^

            error: lamplighter.toml:2: `widths` in [resize-images]: 0 is out of range, it must be 1 to 16383
              |
            2 | widths = [480, 0, 480]
              |                ^

            error: lamplighter.toml:3: `cache_control` in [resize-images]: `a�b` cannot be the value of a header
              |
            3 | cache_control = "a\nb"
              |                 ^^^^^^
        "#]],
    );
}

#[test]
fn widths_and_colours_are_read() {
    let config = good(
        "[resize-images]\nwidths = [640, 100]\nbackground = \"#0080fF\"\n",
        &[],
        &[],
    );
    assert_eq!(config.resize_images.widths, [100, 640]);
    assert_eq!(config.resize_images.background, [0, 128, 255]);
}
