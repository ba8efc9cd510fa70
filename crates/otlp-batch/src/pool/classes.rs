//! The sizes in which buffers are made: powers of four of the smallest, up to a chunk. Larger ones are made to measure.

/// The smallest buffer, which a thread starts with.
pub(crate) const SMALLEST: usize = 4 << 10;

/// How many times larger each class is than the one below.
const STEP: usize = 4;

/// The classes of a pool whose largest buffer of a class has so many bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Classes {
    largest: usize,
    count: usize,
}

impl Classes {
    pub(super) fn new(largest: usize) -> Self {
        let below = std::iter::successors(Some(SMALLEST), |size| size.checked_mul(STEP));
        Classes { largest, count: below.take_while(|size| *size < largest).count() + 1 }
    }

    pub(super) fn count(self) -> usize {
        self.count
    }

    pub(super) fn largest(self) -> usize {
        self.largest
    }

    /// The class of buffers that hold `size` bytes; none if only a buffer made to measure does.
    pub(super) fn of(self, size: usize) -> Option<usize> {
        (0..self.count).find(|class| self.size(*class) >= size)
    }

    pub(super) fn size(self, class: usize) -> usize {
        if class + 1 == self.count { self.largest } else { SMALLEST * STEP.pow(class as u32) }
    }

    /// The larger class that a buffer which filled up is followed by.
    pub(super) fn larger(self, size: usize) -> usize {
        (size * STEP).min(self.largest)
    }

    /// The smaller class that a buffer which stayed nearly empty is followed by.
    pub(super) fn smaller(self, size: usize) -> usize {
        (size / STEP).max(SMALLEST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_class_is_a_chunk_whatever_its_size() {
        let classes = Classes::new(40_000);
        assert_eq!((0..classes.count()).map(|class| classes.size(class)).collect::<Vec<_>>(), [4_096, 16_384, 40_000]);
        assert_eq!((classes.of(0), classes.of(16_385), classes.of(40_001)), (Some(0), Some(2), None));
        assert_eq!((classes.larger(16_384), classes.larger(40_000)), (40_000, 40_000));
        assert_eq!((classes.smaller(16_384), classes.smaller(4_096)), (4_096, 4_096));
        assert_eq!((Classes::new(SMALLEST).count(), Classes::new(SMALLEST).size(0)), (1, SMALLEST));
    }
}
