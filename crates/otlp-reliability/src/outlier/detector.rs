//! The detector as users hold it.

use std::{collections::HashSet, fmt, hash::Hash, sync::Arc};

use super::{Endpoint, OutlierDetectorConfig, OutlierDetectorSnapshot, OutlierObserver, core::Core};
use crate::{Clock, ConfigError, TokioClock, Verdict};

/// Watches the endpoints of a service and leaves out those that are worse than the others. Built by
/// [`OutlierDetectorConfig::build`].
///
/// Tell it the result of every call ([`Endpoint::record`]), and ask it before each call who is in use
/// ([`Endpoint::is_ejected`], [`OutlierDetector::healthy`]). It has no task of its own: ejections end, and intervals
/// are looked at, when it is asked.
///
/// It is a handle: clones share endpoints and settings. An `Id` is anything that names an endpoint, such as a
/// `SocketAddr`.
///
/// ```
/// use otlp_reliability::{OutlierDetectorConfig, Verdict};
///
/// let detector = OutlierDetectorConfig::new().with_consecutive_failures(3).build()?;
/// let ids = ["10.0.0.1", "10.0.0.2"];
/// let [one, _two] = ids.map(|id| detector.endpoint(id));
///
/// for _ in 0..3 {
///     one.record(Verdict::Failure);
/// }
/// assert!(one.is_ejected());
/// assert_eq!(detector.healthy(&ids), [&"10.0.0.2"]);
/// # Ok::<(), otlp_reliability::ConfigError>(())
/// ```
pub struct OutlierDetector<Id, K = TokioClock> {
    core: Arc<Core<Id, K>>,
}

impl OutlierDetectorConfig {
    /// A detector with these settings, on tokio's time, that knows no endpoints yet.
    ///
    /// # Errors
    ///
    /// The first setting that the table of [`OutlierDetectorConfig`] does not accept.
    pub fn build<Id: Clone + Eq + Hash>(self) -> Result<OutlierDetector<Id>, ConfigError> {
        self.validate()?;
        Ok(OutlierDetector::on(TokioClock, self))
    }
}

impl<Id: Clone + Eq + Hash, K: Clock> OutlierDetector<Id, K> {
    fn on(clock: K, config: OutlierDetectorConfig) -> Self {
        OutlierDetector { core: Arc::new(Core::new(clock, config)) }
    }

    /// A detector with the same settings and observer on another clock, that knows no endpoints yet.
    pub fn with_clock<L: Clock>(self, clock: L) -> OutlierDetector<Id, L> {
        let detector = OutlierDetector::on(clock, self.config());
        detector.core.observe(self.core.observer());
        detector
    }

    /// The same detector, all of its handles reporting to `observer`, in place of the one before.
    pub fn with_observer(self, observer: impl OutlierObserver<Id> + 'static) -> Self {
        self.core.observe(Some(Arc::new(observer)));
        self
    }

    /// The endpoint of this name, added if it is not known: a handle to keep for its calls.
    pub fn endpoint(&self, id: Id) -> Endpoint<Id, K> {
        Endpoint::new(Arc::clone(&self.core), self.core.board.add(id))
    }

    /// Forgets an endpoint; results of its handles count no more. Returns whether it was known.
    ///
    /// Where too large a part of the others would be left ejected, those whose ejection ends first are restored.
    pub fn remove(&self, id: &Id) -> bool {
        let was_known = self.core.board.change(|table| table.remove(id));
        self.core.deliver();
        was_known
    }

    /// Makes `ids` the endpoints that are known, as a service discovery says: adds those that are new, forgets those
    /// that are gone, and keeps what is known of the others.
    pub fn set_endpoints(&self, ids: impl IntoIterator<Item = Id>) {
        let ids: HashSet<Id> = ids.into_iter().collect();
        self.core.board.change(|table| {
            // Added first, so that the part of the ejected is seen among all who stay.
            for id in &ids {
                table.add(id.clone());
            }
            table.retain(|id| ids.contains(id));
        });
        self.core.deliver();
    }

    /// Counts a result of a call to an endpoint; nothing if it is not known. [`Endpoint::record`] does it without a
    /// lock.
    pub fn record(&self, id: &Id, verdict: Verdict) {
        if let Some(tally) = self.core.board.read(|table| table.tally(id).cloned()) {
            self.core.record(&tally, verdict);
        }
    }

    /// Whether an endpoint is ejected now. One that is not known is not. [`Endpoint::is_ejected`] does it without a
    /// lock.
    pub fn is_ejected(&self, id: &Id) -> bool {
        self.core.pass_time();
        self.core.board.read(|table| table.tally(id).is_some_and(|tally| tally.is_ejected()))
    }

    /// Those of `ids` that are not ejected now, in their order. It is empty only if `ids` leaves out some of the known
    /// endpoints: of all endpoints one is always in use.
    pub fn healthy<'a>(&self, ids: &'a [Id]) -> Vec<&'a Id> {
        self.core.pass_time();
        self.core
            .board
            .read(|table| ids.iter().filter(|id| !table.tally(id).is_some_and(|tally| tally.is_ejected())).collect())
    }

    /// The settings in force.
    pub fn config(&self) -> OutlierDetectorConfig {
        self.core.board.read(|table| table.config().clone())
    }

    /// Gives it other settings. Counters stay, and so do ejections, unless too large a part would be ejected.
    ///
    /// # Errors
    ///
    /// Settings that are refused; the old ones then stay in force.
    pub fn reload(&self, config: OutlierDetectorConfig) -> Result<(), ConfigError> {
        config.validate()?;
        self.core.board.reload(config, self.core.now());
        self.core.deliver();
        Ok(())
    }

    /// The state of all endpoints now.
    pub fn snapshot(&self) -> OutlierDetectorSnapshot<Id> {
        self.core.pass_time();
        let now = self.core.now();
        self.core.board.read(|table| table.snapshot(now))
    }
}

impl<Id, K> Clone for OutlierDetector<Id, K> {
    fn clone(&self) -> Self {
        OutlierDetector { core: Arc::clone(&self.core) }
    }
}

impl<Id: fmt::Debug, K> fmt::Debug for OutlierDetector<Id, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OutlierDetector").field("board", &self.core.board).finish_non_exhaustive()
    }
}
