//! A wall clock that jumps. The library reads the system's clock and takes none from outside, and a test must not turn
//! the clock of the machine: this row only says where it is tested.

use super::Row;

pub(super) fn run() -> Row {
    Row {
        scenario: "clock",
        done: "not with processes: the client takes no other clock than the system's".to_owned(),
        found: "back, forward and a year off are tests of the disk queue, with a clock of their own".to_owned(),
        is_good: true,
    }
}
