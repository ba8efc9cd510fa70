//! How waits are spread.

/// How a wait is spread, so that callers that failed together do not come back together.
///
/// `base` is the wait without jitter: the initial delay, multiplied once per wait, at most the largest delay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "snake_case"))]
pub enum Jitter {
    /// Exactly `base`.
    None,
    /// Between zero and `base`: spreads best, and is the default.
    #[default]
    Full,
    /// Between half of `base` and `base`: spreads, but never comes back at once.
    Equal,
    /// Between the initial delay and the multiplier times the wait before, at most the largest delay: grows by chance.
    Decorrelated,
    /// Around `base`, at most the largest delay: as far from it as `permille` thousandths of it, 0 to 1,000. With 100,
    /// a wait of 1 s is drawn between 0.9 s and 1.1 s.
    Around {
        /// How many thousandths.
        permille: u16,
    },
}
