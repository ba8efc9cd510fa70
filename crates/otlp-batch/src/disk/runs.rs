//! Between which segments a gap in the sequences means that something is missing.
//!
//! With a cursor, always: it tells what has its fate. Without one, what is not there may have been delivered and freed,
//! so a gap says something only where no segment is gone between its two ends.

/// The numbers of the segments that are there, in stretches without a hole.
pub(super) struct Runs {
    /// Where the stretches begin; empty if every gap counts.
    starts: Vec<u32>,
}

impl Runs {
    /// Of rising numbers; `has_cursor` tells whether it is known what has its fate.
    pub(super) fn new(numbers: &[u32], has_cursor: bool) -> Self {
        let begins = |at: &usize| *at == 0 || numbers[at - 1].checked_add(1) != Some(numbers[*at]);
        let starts =
            if has_cursor { Vec::new() } else { (0..numbers.len()).filter(begins).map(|at| numbers[at]).collect() };
        Runs { starts }
    }

    /// Whether nothing was freed between a frame in `before` (`None`: the first that was ever put) and one in `after`.
    pub(super) fn are_joined(&self, before: Option<u32>, after: u32) -> bool {
        let run = |number: u32| self.starts.partition_point(|start| *start <= number);
        self.starts.is_empty()
            || before.map_or(self.starts[0] == 1 && run(after) == 1, |before| run(before) == run(after))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hole_between_two_segments_parts_them() {
        let runs = Runs::new(&[3, 4, 7, 8], false);
        assert!(runs.are_joined(Some(3), 4) && runs.are_joined(Some(7), 8) && runs.are_joined(Some(8), 7));
        assert!(!runs.are_joined(Some(4), 7) && !runs.are_joined(None, 3));
        assert!(Runs::new(&[1, 2], false).are_joined(None, 2));
        assert!(Runs::new(&[3, 7], true).are_joined(Some(3), 7));
    }
}
