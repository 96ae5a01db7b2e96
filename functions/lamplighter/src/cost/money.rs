//! Money without floats: whole picodollars, and a quotient that is rounded once, when it is shown.

use std::fmt;
use std::ops::{Add, AddAssign};

/// Picodollars in a dollar. The finest price, that of a GB-second, has ten decimal places.
const PICO: i128 = 1_000_000_000_000;

/// An amount in picodollars.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Money(i128);

impl Money {
    /// Reads `12.3456`: digits, and at most twelve decimal places.
    pub fn parse(text: &str) -> Result<Self, String> {
        let fault = || {
            format!(
                "`{text}` is no amount (allowed: dollars such as `0.0000166667`, at most twelve decimal places)"
            )
        };
        let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
        let is_number =
            |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        if !is_number(whole) || !is_number(fraction) || whole.len() > 9 || fraction.len() > 12 {
            return Err(fault());
        }
        let digits = format!("{whole}{fraction:0<12}");
        digits.parse().map(Self).map_err(|_| fault())
    }

    /// `count` times this amount for every `per`: 10,000,000 requests at this much a million. Rounded to the picodollar,
    /// half up, which is the only rounding before the amount is shown.
    pub fn times(self, count: u128, per: u128) -> Self {
        let per = i128::try_from(per.max(1)).unwrap_or(i128::MAX);
        let count = i128::try_from(count).unwrap_or(i128::MAX);
        Self((self.0.saturating_mul(count).saturating_add(per / 2)) / per)
    }

    /// How often `price` fits into this amount, as a whole number of times; nothing for a price of zero.
    pub fn divided_by(self, price: Self) -> Option<u128> {
        u128::try_from(self.0.checked_div(price.0)?).ok()
    }

    /// Dollars with this many decimal places, rounded half up.
    fn shown(self, places: u32) -> String {
        let unit = PICO / 10_i128.pow(places);
        let rounded = (self.0 + unit / 2) / unit;
        let (whole, fraction) = (rounded / 10_i128.pow(places), rounded % 10_i128.pow(places));
        format!("{whole}.{fraction:0places$}", places = places as usize)
    }

    /// Dollars and cents.
    pub fn cents(self) -> String {
        self.shown(2)
    }
}

/// Dollars with six decimal places, for machines.
impl fmt::Display for Money {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(&self.shown(6))
    }
}

impl Add for Money {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl AddAssign for Money {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl std::iter::Sum for Money {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::default(), Add::add)
    }
}
