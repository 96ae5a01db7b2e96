//! What holds of every image, whatever it is: asked by the fuzz target, and by the tests of `shared/images`,
//! which replay the corpus and ask it of their own images.

use super::images::{Format, Limits, Wish, budget, inspect, peek, resize};

/// Few pixels and little memory, so that a decoder has its turn and does not take long.
const LIMITS: Limits = Limits {
    max_megapixels: 1,
    memory_bytes: 48 << 20,
};

/// Bytes as an image.
pub fn bytes(bytes: &[u8]) {
    let whole = inspect(bytes);
    assert_eq!(whole, inspect(bytes), "the same when read again");
    // What the first bytes say, all of them say too; only that it ends early may be found later.
    if let (Some(Ok(start)), Ok(all)) = (peek(&bytes[..bytes.len() / 2]), &whole) {
        assert_eq!(
            (start.format, start.width, start.height),
            (all.format, all.width, all.height)
        );
    }
    let wish = Wish {
        widths: vec![1, 7, 5000],
        format: match bytes.last() {
            Some(0..=63) => None,
            Some(64..=127) => Some(Format::Jpeg),
            Some(128..=191) => Some(Format::Png),
            _ => Some(Format::Webp),
        },
        quality: 50,
        background: [1, 2, 3],
        keeps_rights: true,
        limits: LIMITS,
    };
    let Ok(header) = whole else {
        assert!(
            resize(bytes, &wish).is_err(),
            "without a header there are no copies"
        );
        return;
    };
    assert!(header.width > 0 && header.height > 0, "{header:?}");
    let is_allowed = budget::check(&header, bytes.len() as u64, &wish.widths, &LIMITS).is_ok();
    let Ok(resized) = resize(bytes, &wish) else {
        return;
    };
    assert!(is_allowed, "{header:?}");
    let (width, height) = header.upright_size();
    assert_eq!(resized.copies.len(), wish.widths.len());
    for copy in &resized.copies {
        assert_eq!(copy.width, copy.wanted.min(width), "{header:?}");
        assert!((1..=height).contains(&copy.height), "{header:?}");
        let Ok(file) = &copy.file else {
            continue;
        };
        let made = inspect(file).expect("a copy is an image");
        assert_eq!(
            (made.format, made.width, made.height),
            (resized.format, copy.width, copy.height)
        );
        assert_eq!(
            (made.orientation, &made.profile, made.frames),
            (Default::default(), &None, 1)
        );
    }
}
