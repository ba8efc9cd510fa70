//! A detector's state and figures at one moment.

use std::time::Duration;

/// The state and figures of an [`OutlierDetector`](crate::OutlierDetector).
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct OutlierDetectorSnapshot<Id> {
    /// The endpoints that are known, in no particular order.
    pub endpoints: Vec<EndpointSnapshot<Id>>,
    /// All ejections so far, also of endpoints that are gone.
    pub ejections: u64,
    /// How often an endpoint would have been ejected, had not too many been already.
    pub prevented: u64,
}

/// The state and figures of one endpoint.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct EndpointSnapshot<Id> {
    /// The endpoint.
    pub id: Id,
    /// How much longer it is ejected. `None`: it is in use.
    #[cfg_attr(feature = "serde", serde(with = "humantime_serde"))]
    pub ejected_for: Option<Duration>,
    /// All ejections of the endpoint so far.
    pub ejections: u64,
    /// Failures since the last success.
    pub consecutive_failures: u32,
    /// Successes since the last interval.
    pub successes: u64,
    /// Failures since the last interval.
    pub failures: u64,
}
