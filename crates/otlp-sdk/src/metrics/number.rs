//! The three numbers that instruments record, all kept as 64 bits so that one cell type serves them.
//!
//! Zero is the bit pattern 0 in each of them, so a cell that was reset is a cell of zero.

use otlp_core::data::Number;

/// A number that an instrument can record: `u64`, `i64` or `f64`.
pub trait MetricNumber: repr::Bits + Copy + Send + Sync + 'static {}

impl MetricNumber for u64 {}
impl MetricNumber for i64 {}
impl MetricNumber for f64 {}

pub(super) mod repr {
    use super::NumberKind;

    /// How a number is kept in 64 bits. It seals [`super::MetricNumber`].
    pub trait Bits {
        /// Which number it is.
        const KIND: NumberKind;
        /// The number as bits.
        fn bits(self) -> u64;
        /// The number as a double.
        fn double(self) -> f64;
    }

    impl Bits for u64 {
        const KIND: NumberKind = NumberKind::U64;
        #[inline]
        fn bits(self) -> u64 {
            self
        }
        #[inline]
        fn double(self) -> f64 {
            self as f64
        }
    }

    impl Bits for i64 {
        const KIND: NumberKind = NumberKind::I64;
        #[inline]
        fn bits(self) -> u64 {
            self as u64
        }
        #[inline]
        fn double(self) -> f64 {
            self as f64
        }
    }

    impl Bits for f64 {
        const KIND: NumberKind = NumberKind::F64;
        #[inline]
        fn bits(self) -> u64 {
            self.to_bits()
        }
        #[inline]
        fn double(self) -> f64 {
            self
        }
    }
}

/// Which number 64 bits are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NumberKind {
    /// An unsigned integer.
    U64,
    /// A signed integer.
    I64,
    /// A double.
    F64,
}

impl NumberKind {
    /// The sum of two numbers. Integers wrap; doubles saturate, so that finite summands never make an infinite sum.
    #[inline]
    pub(super) fn add(self, a: u64, b: u64) -> u64 {
        match self {
            NumberKind::U64 | NumberKind::I64 => a.wrapping_add(b),
            NumberKind::F64 => saturating_sum(f64::from_bits(a), f64::from_bits(b)).to_bits(),
        }
    }

    /// By how much a cumulative value grew from `before` to `now`. One that fell was reset at its source and starts
    /// again from zero.
    pub(super) fn growth(self, now: u64, before: u64) -> u64 {
        match self {
            NumberKind::U64 => now.checked_sub(before).unwrap_or(now),
            NumberKind::I64 if (now as i64) < (before as i64) => now,
            NumberKind::I64 => now.wrapping_sub(before),
            NumberKind::F64 => {
                let (now, before) = (f64::from_bits(now), f64::from_bits(before));
                if now < before { now.to_bits() } else { (now - before).to_bits() }
            }
        }
    }

    /// Whether instruments accept the number: NaN and the infinities would make every later sum meaningless.
    #[inline]
    pub(super) fn is_finite(self, bits: u64) -> bool {
        self != NumberKind::F64 || f64::from_bits(bits).is_finite()
    }

    /// Whether the number is below zero.
    #[inline]
    pub(super) fn is_negative(self, bits: u64) -> bool {
        match self {
            NumberKind::U64 => false,
            NumberKind::I64 => (bits as i64) < 0,
            NumberKind::F64 => f64::from_bits(bits) < 0.0,
        }
    }

    /// Whether the number is zero, of either sign.
    #[inline]
    pub(super) fn is_zero(self, bits: u64) -> bool {
        match self {
            NumberKind::U64 | NumberKind::I64 => bits == 0,
            NumberKind::F64 => f64::from_bits(bits) == 0.0,
        }
    }

    /// The number as OTLP carries it. OTLP has no unsigned integer: what exceeds `i64::MAX` is reported as `i64::MAX`.
    pub(super) fn number(self, bits: u64) -> Number {
        match self {
            NumberKind::U64 => Number::I64(i64::try_from(bits).unwrap_or(i64::MAX)),
            NumberKind::I64 => Number::I64(bits as i64),
            NumberKind::F64 => Number::F64(f64::from_bits(bits)),
        }
    }
}

/// The sum of two finite doubles, finite.
#[inline]
pub(super) fn saturating_sum(a: f64, b: f64) -> f64 {
    (a + b).clamp(f64::MIN, f64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finite_doubles_never_sum_to_infinity() {
        assert_eq!(saturating_sum(f64::MAX, f64::MAX), f64::MAX);
        assert_eq!(saturating_sum(f64::MIN, f64::MIN), f64::MIN);
    }

    #[test]
    fn a_cumulative_value_that_fell_counts_from_zero() {
        assert_eq!(NumberKind::U64.growth(7, 5), 2);
        assert_eq!(NumberKind::U64.growth(3, 5), 3);
        assert_eq!(NumberKind::I64.growth(3, 5), 3);
        assert_eq!(f64::from_bits(NumberKind::F64.growth(1.5f64.to_bits(), 4.0f64.to_bits())), 1.5);
    }

    #[test]
    fn an_unsigned_number_beyond_i64_saturates_on_the_wire() {
        assert_eq!(NumberKind::U64.number(u64::MAX), Number::I64(i64::MAX));
        assert_eq!(NumberKind::I64.number(u64::MAX), Number::I64(-1));
    }
}
