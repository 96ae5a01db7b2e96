//! How large the copies are.

use super::header::Header;

/// One copy's size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Target {
    /// The width that was asked for.
    pub wanted: u32,
    /// Its width, in the source's stored orientation.
    pub width: u32,
    /// Its height, in the source's stored orientation.
    pub height: u32,
}

/// The sizes of the copies, the widest first. Widths count upright; nothing is made larger than the source, and the
/// sides keep their ratio.
pub fn targets(header: &Header, widths: &[u32]) -> Vec<Target> {
    let (upright, _) = header.upright_size();
    let mut targets: Vec<Target> = widths
        .iter()
        .map(|&wanted| {
            let width = wanted.clamp(1, upright);
            Target {
                wanted,
                width: share(header.width, width, upright),
                height: share(header.height, width, upright),
            }
        })
        .collect();
    targets.sort_by_key(|target| std::cmp::Reverse(target.wanted));
    targets
}

/// `side * numerator / denominator`, rounded, at least 1.
fn share(side: u32, numerator: u32, denominator: u32) -> u32 {
    let (side, numerator, denominator) = (
        u64::from(side),
        u64::from(numerator),
        u64::from(denominator),
    );
    let rounded = (2 * side * numerator + denominator) / (2 * denominator);
    u32::try_from(rounded).unwrap_or(u32::MAX).max(1)
}

/// By what a JPEG's decoder may divide both sides, so that at least twice the largest copy is left: resampling from
/// less loses sharpness that can be seen.
pub fn denominator(width: u32, targets: &[Target]) -> u32 {
    let widest = targets.iter().map(|target| target.width).max().unwrap_or(1);
    [8, 4, 2]
        .into_iter()
        .find(|denominator| width >= 2 * widest.saturating_mul(*denominator))
        .unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sizes(width: u32, height: u32, widths: &[u32]) -> Vec<(u32, u32)> {
        let bytes = super::super::samples::png(width, height);
        let header = super::super::inspect(&bytes).expect("a PNG");
        let targets = targets(&header, widths);
        targets
            .iter()
            .map(|target| (target.width, target.height))
            .collect()
    }

    #[test]
    fn sides_keep_their_ratio_and_nothing_grows() {
        assert_eq!(sizes(40, 30, &[10, 20]), [(20, 15), (10, 8)]);
        assert_eq!(sizes(40, 30, &[41, 4000]), [(40, 30), (40, 30)]);
        assert_eq!(sizes(200, 1, &[10]), [(10, 1)]);
        assert_eq!(sizes(1, 200, &[10]), [(1, 200)]);
    }

    #[test]
    fn the_decoder_leaves_twice_the_largest_copy() {
        let target = |width| Target {
            wanted: width,
            width,
            height: 1,
        };
        assert_eq!(denominator(4000, &[target(1000)]), 2);
        assert_eq!(denominator(3999, &[target(1000)]), 1);
        assert_eq!(denominator(8000, &[target(1000), target(480)]), 4);
        assert_eq!(denominator(65_500, &[target(1000)]), 8);
        assert_eq!(denominator(10, &[target(10)]), 1);
    }
}
