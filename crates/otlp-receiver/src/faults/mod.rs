//! Scripted faults: what is done to requests, when, and a log of what was done.
//!
//! Every fault that struck is counted for good and logged, with the identities of the items that it concerned, as far
//! as the log's bounds reach.

mod fault;
mod rule;

use std::{
    collections::{BTreeMap, VecDeque},
    fmt,
    sync::Arc,
    time::{Duration, SystemTime},
};

use otlp_core::Signal;
use parking_lot::Mutex;

pub use self::{
    fault::{Fault, FaultKind, GarbageLayer, Rejection, ResetPoint, ResetScope},
    rule::{FaultMix, FaultRule},
};
use crate::{
    Identity,
    changes::{Changes, WaitTimeout},
};

/// The log forgets its oldest entries beyond so many entries …
const LOGGED_FAULTS: usize = 100_000;
/// … or so many identities.
const LOGGED_IDENTITIES: usize = 2_000_000;

/// A handle to the faults of a receiver, to change them while it runs. Clones share them.
#[derive(Clone)]
pub struct Faults {
    shared: Arc<Shared>,
}

struct Shared {
    script: Mutex<Script>,
    changes: Arc<Changes>,
}

#[derive(Default)]
struct Script {
    rules: Vec<FaultRule>,
    log: VecDeque<InjectedFault>,
    logged_identities: usize,
    counts: BTreeMap<FaultKind, u64>,
}

/// A fault that struck.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct InjectedFault {
    /// When.
    pub at: SystemTime,
    /// The number of the request, as in [`RequestRecord::id`](crate::RequestRecord::id).
    pub request: u64,
    /// The signal of the request.
    pub signal: Signal,
    /// What was done.
    pub fault: Fault,
    /// How many items it concerned: those that were rejected, else all of the request.
    pub items: u64,
    /// Which ones; empty if the receiver counts only.
    pub identities: Vec<Identity>,
    /// Whether the store took the items although the sender does not hear of it, or hears of it late.
    pub stored: bool,
}

impl Faults {
    pub(crate) fn new(changes: Arc<Changes>) -> Self {
        Faults { shared: Arc::new(Shared { script: Mutex::default(), changes }) }
    }

    /// Adds a rule: a [`Fault`] or [`FaultMix`] as it is, or limited by `times` and `on`. For each request the first
    /// rule that strikes decides, in the order in which they were added.
    ///
    /// ```
    /// # use otlp_receiver::{Fault, GrpcCode, Receiver};
    /// # let receiver = Receiver::builder().start_blocking()?;
    /// receiver.faults().inject(Fault::grpc(GrpcCode::Unavailable).times(2));
    /// # Ok::<(), otlp_receiver::StartError>(())
    /// ```
    pub fn inject(&self, rule: impl Into<FaultRule>) {
        self.shared.script.lock().rules.push(rule.into());
    }

    /// Removes all rules: requests are served again. The log and the counts stay.
    pub fn clear(&self) {
        self.shared.script.lock().rules.clear();
    }

    /// What struck, oldest first: the last 100,000 faults, fewer if they concerned more than two million items.
    pub fn log(&self) -> Vec<InjectedFault> {
        self.shared.script.lock().log.iter().cloned().collect()
    }

    /// How often a fault of each kind struck.
    pub fn counts(&self) -> BTreeMap<FaultKind, u64> {
        self.shared.script.lock().counts.clone()
    }

    /// How often a fault of `kind` struck.
    pub fn count(&self, kind: FaultKind) -> u64 {
        self.shared.script.lock().counts.get(&kind).copied().unwrap_or_default()
    }

    /// Waits until `holds` of these faults, for at most `within`. The condition is evaluated at the start and after
    /// each change of the receiver.
    ///
    /// # Errors
    /// [`WaitTimeout`] if the time is over first.
    pub async fn wait_for(&self, mut holds: impl FnMut(&Faults) -> bool, within: Duration) -> Result<(), WaitTimeout> {
        self.shared.changes.wait(|| holds(self), within, || format!("faults {:?}", self.counts())).await
    }

    /// As [`Faults::wait_for`], for threads that may block.
    ///
    /// # Errors
    /// [`WaitTimeout`] if the time is over first.
    pub fn wait_for_blocking(
        &self,
        mut holds: impl FnMut(&Faults) -> bool,
        within: Duration,
    ) -> Result<(), WaitTimeout> {
        self.shared.changes.wait_blocking(|| holds(self), within, || format!("faults {:?}", self.counts()))
    }

    /// What is to be done to the next request of `signal`.
    pub(crate) fn next(&self, signal: Signal) -> Option<Fault> {
        let mut script = self.shared.script.lock();
        let fault = script.rules.iter_mut().find_map(|rule| rule.next(signal))?;
        script.rules.retain(|rule| !rule.is_spent());
        Some(fault)
    }

    pub(crate) fn record(&self, fault: InjectedFault) {
        let mut script = self.shared.script.lock();
        *script.counts.entry(fault.fault.kind()).or_default() += 1;
        script.logged_identities += fault.identities.len();
        script.log.push_back(fault);
        while script.log.len() > LOGGED_FAULTS || script.logged_identities > LOGGED_IDENTITIES {
            let Some(oldest) = script.log.pop_front() else { break };
            script.logged_identities -= oldest.identities.len();
        }
        drop(script);
        self.shared.changes.record();
    }
}

impl fmt::Debug for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let script = self.shared.script.lock();
        f.debug_struct("Faults").field("rules", &script.rules).field("counts", &script.counts).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::GrpcCode;

    #[test]
    fn rules_strike_in_the_order_in_which_they_were_added() {
        let faults = Faults::new(Arc::default());
        faults.inject(Fault::grpc(GrpcCode::Aborted).times(1));
        faults.inject(Fault::reset());
        let kinds: Vec<_> = (0..3).map(|_| faults.next(Signal::Traces).unwrap().kind()).collect();
        assert_eq!(kinds, [FaultKind::Fail, FaultKind::Reset, FaultKind::Reset]);
        faults.clear();
        assert_eq!(faults.next(Signal::Traces), None);
    }
}
