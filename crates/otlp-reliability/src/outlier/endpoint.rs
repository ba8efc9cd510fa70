//! One endpoint of a detector, as the code that calls it holds it.

use std::{fmt, hash::Hash, sync::Arc};

use super::{core::Core, tally::Tally};
use crate::{Clock, TokioClock, Verdict};

/// A handle to one endpoint of an [`OutlierDetector`](crate::OutlierDetector). Clones are cheap.
///
/// After the endpoint has been removed it is never ejected, and results are of no consequence.
///
/// ```
/// use otlp_reliability::{Endpoint, Judge, OutlierDetectorConfig, Verdict};
///
/// fn by_status(status: &u16) -> Verdict {
///     if *status >= 500 { Verdict::Failure } else { Verdict::Success }
/// }
///
/// /// The next endpoint that is in use, and what it answered.
/// fn call(endpoints: &[Endpoint<&'static str>]) -> Option<(&'static str, u16)> {
///     let endpoint = endpoints.iter().find(|endpoint| !endpoint.is_ejected())?;
///     let status = if *endpoint.id() == "a" { 503 } else { 200 };
///     endpoint.record(by_status.judge(&status));
///     Some((*endpoint.id(), status))
/// }
///
/// let detector = OutlierDetectorConfig::new().with_consecutive_failures(2).build()?;
/// let endpoints = ["a", "b"].map(|id| detector.endpoint(id));
/// assert_eq!(call(&endpoints), Some(("a", 503)));
/// assert_eq!(call(&endpoints), Some(("a", 503)));
/// assert_eq!(call(&endpoints), Some(("b", 200)));
/// # Ok::<(), otlp_reliability::ConfigError>(())
/// ```
pub struct Endpoint<Id, K = TokioClock> {
    core: Arc<Core<Id, K>>,
    tally: Arc<Tally<Id>>,
}

impl<Id, K> Endpoint<Id, K> {
    pub(super) fn new(core: Arc<Core<Id, K>>, tally: Arc<Tally<Id>>) -> Self {
        Endpoint { core, tally }
    }

    /// Which endpoint it is.
    pub fn id(&self) -> &Id {
        &self.tally.id
    }
}

impl<Id: Clone + Eq + Hash, K: Clock> Endpoint<Id, K> {
    /// Counts the result of a call: two or three atomics, no lock, no clock. Only a failure that completes a row takes
    /// the lock, to eject.
    ///
    /// A call that was cancelled says nothing: [`Verdict::Ignore`].
    pub fn record(&self, verdict: Verdict) {
        self.core.record(&self.tally, verdict);
    }

    /// Whether it is left out now. It reads the clock, and takes the lock when an interval or an ejection has ended.
    pub fn is_ejected(&self) -> bool {
        self.core.pass_time();
        self.tally.is_ejected()
    }
}

impl<Id, K> Clone for Endpoint<Id, K> {
    fn clone(&self) -> Self {
        Endpoint { core: Arc::clone(&self.core), tally: Arc::clone(&self.tally) }
    }
}

impl<Id: fmt::Debug, K> fmt::Debug for Endpoint<Id, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint").field("tally", &self.tally).finish_non_exhaustive()
    }
}
