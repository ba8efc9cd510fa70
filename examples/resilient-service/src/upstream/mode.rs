//! The ways in which a provider fails its callers.

use std::{fmt, future::pending, time::Duration};

use serde::{Deserialize, Serialize};

/// How the provider behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "mode", rename_all = "snake_case")]
pub enum Mode {
    /// It answers at once.
    Ok,
    /// It answers, after a while.
    Slow {
        /// The while, in milliseconds.
        delay_ms: u64,
    },
    /// It answers every call with a status of 500.
    Failing,
    /// It takes calls and never answers: the worst way to fail, because the caller pays for it.
    Hanging,
    /// It fails every other call.
    Flapping,
}

impl Mode {
    /// Whether the call of this number, counted from 1, is answered with a failure.
    pub(super) fn fails(self, number: u64) -> bool {
        match self {
            Mode::Failing => true,
            Mode::Flapping => number.is_multiple_of(2),
            Mode::Ok | Mode::Slow { .. } | Mode::Hanging => false,
        }
    }

    /// Lets the time pass that an answer takes.
    pub(super) async fn hold_back(self) {
        match self {
            Mode::Slow { delay_ms } => tokio::time::sleep(Duration::from_millis(delay_ms)).await,
            Mode::Hanging => pending().await,
            Mode::Ok | Mode::Failing | Mode::Flapping => {}
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Mode::Ok => f.pad("ok"),
            Mode::Slow { delay_ms } => f.pad(&format!("slow {delay_ms} ms")),
            Mode::Failing => f.pad("failing"),
            Mode::Hanging => f.pad("hanging"),
            Mode::Flapping => f.pad("flapping"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_are_set_as_json() {
        let parse = |json| serde_json::from_str::<Mode>(json).unwrap();
        assert_eq!(parse(r#"{"mode": "hanging"}"#), Mode::Hanging);
        assert_eq!(parse(r#"{"mode": "slow", "delay_ms": 250}"#), Mode::Slow { delay_ms: 250 });
        assert!(serde_json::from_str::<Mode>(r#"{"mode": "asleep"}"#).is_err());
    }

    #[test]
    fn flapping_fails_every_other_call() {
        assert_eq!([1, 2, 3, 4].map(|number| Mode::Flapping.fails(number)), [false, true, false, true]);
    }
}
