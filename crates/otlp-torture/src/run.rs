//! One process of a round, once it has ended: what it was told, what it promised, and how it ended.

use crate::{journal::Promises, orders::Level, process::Ending};

/// One process of a round.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) level: Level,
    pub(crate) promises: Promises,
    pub(crate) ending: Ending,
}
