//! What holds of every bundle, whatever it is: asked by the fuzz target, and by the tests of `functions/deploy-bundles`,
//! which replay the corpus and ask it of their own archives.

use super::preflight::{BundleType, Preflight, Step, Verdict};

/// Little, so that the bound on what is read has its turn.
const LIMIT: u64 = 1;

/// Far more steps than a bundle of the size of these needs.
const MOST_STEPS: usize = 10_000;

const NAMES: [&str; 5] = ["a.zip", "a.tar", "a.tar.gz", "a.yml", "a.json"];

/// Bytes as a bundle of each type.
pub fn bytes(bytes: &[u8]) {
    for bundle in NAMES.into_iter().filter_map(BundleType::of_key) {
        let verdict = look(bundle, bytes);
        assert_eq!(
            verdict,
            look(bundle, bytes),
            "the same when looked at again"
        );
        if let Verdict::Good(found) = &verdict
            && bundle.is_archive()
        {
            let name = found.rsplit('/').next().unwrap_or_default();
            assert!(["appspec.yml", "appspec.yaml"].contains(&name), "{found:?}");
            assert!(found.matches('/').count() <= 1, "{found:?}");
        }
        if let Verdict::Bad(fault) = &verdict {
            assert!(!fault.message.contains(char::is_control), "{fault:?}");
            assert!(fault.message.len() < 2000, "{}", fault.message.len());
        }
    }
}

fn look(bundle: BundleType, bytes: &[u8]) -> Verdict {
    let size = bytes.len() as u64;
    let mut preflight = Preflight::new(bundle, size, LIMIT);
    let mut step = preflight.begin();
    for _ in 0..MOST_STEPS {
        match step {
            Step::Done(verdict) => return verdict,
            Step::Read(range) => {
                assert!(range.start < range.end && range.end <= size, "{range:?}");
                let place = |at: u64| usize::try_from(at).expect("it is within the bytes");
                step = preflight.go_on(&bytes[place(range.start)..place(range.end)]);
            }
        }
    }
    panic!("{bundle} of {size} bytes comes to no end");
}
