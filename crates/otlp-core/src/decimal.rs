//! Integers in decimal digits, on the stack.

/// The digits of a 64-bit integer, with its sign if it is negative.
pub(crate) struct Decimal {
    /// Room for a sign and the 19 digits of `i64::MIN`, or the 20 of `u64::MAX`.
    text: [u8; 20],
    start: usize,
}

impl Decimal {
    #[inline]
    pub(crate) fn of_u64(mut value: u64) -> Self {
        let mut decimal = Decimal { text: [0; 20], start: 20 };
        while value >= 10 {
            decimal.prepend(b'0' + (value % 10) as u8);
            value /= 10;
        }
        decimal.prepend(b'0' + value as u8);
        decimal
    }

    #[inline]
    pub(crate) fn of_i64(value: i64) -> Self {
        let mut decimal = Decimal::of_u64(value.unsigned_abs());
        if value < 0 {
            decimal.prepend(b'-');
        }
        decimal
    }

    #[inline]
    fn prepend(&mut self, byte: u8) {
        self.start -= 1;
        self.text[self.start] = byte;
    }

    #[inline]
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.text[self.start..]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_as_the_standard_library_does() {
        for value in [0, 7, 10, 99, 100, u64::MAX] {
            assert_eq!(Decimal::of_u64(value).as_bytes(), value.to_string().as_bytes());
        }
        for value in [0, -1, 10, i64::MIN, i64::MAX] {
            assert_eq!(Decimal::of_i64(value).as_bytes(), value.to_string().as_bytes());
        }
    }
}
