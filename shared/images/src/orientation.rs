//! The eight ways a camera may have been held, and turning pixels upright.

/// How an image has to be turned or mirrored to stand upright: EXIF's values 1 to 8.
///
/// CIPA DC-008 (EXIF 3.0), section 4.6.5.1.6.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Orientation(u8);

impl Default for Orientation {
    fn default() -> Self {
        Self(1)
    }
}

impl Orientation {
    /// EXIF's value, if it is one.
    pub fn from_exif(value: u16) -> Option<Self> {
        match value {
            1..=8 => Some(Self(value as u8)),
            _ => None,
        }
    }

    /// Whether width and height change places.
    pub fn swaps_axes(self) -> bool {
        self.0 >= 5
    }

    /// Whether what is stored last from left to right, and from top to bottom, comes first on its upright axis.
    pub fn reverses(self) -> (bool, bool) {
        match self.0 {
            2 => (true, false),
            3 | 7 => (true, true),
            4 | 6 => (false, true),
            8 => (true, false),
            _ => (false, false),
        }
    }

    /// Turns a plane of `width` x `height` pixels upright, each of `size` bytes. Answers the new width and height.
    pub fn apply(
        self,
        pixels: Vec<u8>,
        width: usize,
        height: usize,
        size: usize,
    ) -> (Vec<u8>, usize, usize) {
        if self.0 == 1 {
            return (pixels, width, height);
        }
        let (to_width, to_height) = match self.swaps_axes() {
            true => (height, width),
            false => (width, height),
        };
        let (from_right, from_bottom) = self.reverses();
        let mut upright = Vec::with_capacity(pixels.len());
        for row in 0..to_height {
            for column in 0..to_width {
                let (mut x, mut y) = match self.swaps_axes() {
                    true => (row, column),
                    false => (column, row),
                };
                if from_right {
                    x = width - 1 - x;
                }
                if from_bottom {
                    y = height - 1 - y;
                }
                let place = (y * width + x) * size;
                upright.extend_from_slice(&pixels[place..place + size]);
            }
        }
        (upright, to_width, to_height)
    }
}

#[cfg(test)]
mod tests {
    use super::Orientation;

    #[test]
    fn each_orientation_puts_the_stored_corners_where_exif_says() {
        // Stored as `abc` over `def`; EXIF names where the stored row 0 and column 0 are seen.
        let cases = [
            (1, "abc def"),
            (2, "cba fed"),
            (3, "fed cba"),
            (4, "def abc"),
            (5, "ad be cf"),
            (6, "da eb fc"),
            (7, "fc eb da"),
            (8, "cf be ad"),
        ];
        for (value, expected) in cases {
            let orientation = Orientation::from_exif(value).expect("a value of EXIF");
            let (upright, width, _) = orientation.apply(b"abcdef".to_vec(), 3, 2, 1);
            let rows: Vec<&str> = upright
                .chunks(width)
                .map(|row| std::str::from_utf8(row).expect("letters"))
                .collect();
            assert_eq!(rows.join(" "), expected, "orientation {value}");
        }
    }
}
