//! Outlier ejection: endpoints that are worse than the others are left out for a while, as Envoy does it.
//!
//! The decisions are pure and told the time: `table` ejects and restores, `statistics` tells who is worse than the
//! others. `board` puts lock-free counters before them, `core` a clock and observers around them. What must hold:
//!
//! - Never more endpoints are ejected than `max_ejection_percent` of those known, and never all of them.
//! - Every ejected endpoint comes back.
//! - A result is counted with atomics alone; the lock is taken when something may change.
//! - Memory is bounded by the endpoints that are known.

mod board;
mod config;
mod core;
mod detector;
mod endpoint;
mod failure_percentage;
mod observer;
mod snapshot;
mod statistics;
mod success_rate;
mod table;
mod tally;

pub use self::{
    config::OutlierDetectorConfig,
    detector::OutlierDetector,
    endpoint::Endpoint,
    failure_percentage::FailurePercentage,
    observer::OutlierObserver,
    snapshot::{EndpointSnapshot, OutlierDetectorSnapshot},
    success_rate::SuccessRate,
};
