//! The task that samples once a second, for as long as somebody wants it: the performance monitor, the alerts, or both.

use std::sync::Arc;

use parking_lot::Mutex;
use tokio::{
    runtime::Handle,
    task::JoinHandle,
    time::{Instant, MissedTickBehavior},
};

use super::{Source, history};

/// Who wants samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    ByMonitor,
    ByAlerts,
}

/// Samples on the background thread.
pub(super) struct Sampler {
    pub(super) source: Arc<Source>,
    runtime: Handle,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    wanted: Vec<Wanted>,
    task: Option<JoinHandle<()>>,
}

impl Sampler {
    pub(super) fn new(source: Arc<Source>, runtime: Handle) -> Self {
        Sampler { source, runtime, state: Mutex::default() }
    }

    /// Samples from now on, unless it does already.
    pub(super) fn start(&self, wanted: Wanted) {
        let mut state = self.state.lock();
        if !state.wanted.contains(&wanted) {
            state.wanted.push(wanted);
        }
        if state.task.as_ref().is_none_or(JoinHandle::is_finished) {
            let generation = self.source.history.lock().clear();
            state.task = Some(self.runtime.spawn(sample(Arc::clone(&self.source), generation)));
        }
    }

    /// Ends the samples, unless somebody else wants them, and forgets them.
    pub(super) fn stop(&self, wanted: Wanted) {
        let mut state = self.state.lock();
        state.wanted.retain(|other| *other != wanted);
        if state.wanted.is_empty()
            && let Some(task) = state.task.take()
        {
            task.abort();
            self.source.history.lock().clear();
        }
    }

    pub(super) fn is_wanted(&self, wanted: Wanted) -> bool {
        self.state.lock().wanted.contains(&wanted)
    }
}

impl Drop for Sampler {
    fn drop(&mut self) {
        if let Some(task) = self.state.get_mut().task.take() {
            task.abort();
        }
    }
}

async fn sample(source: Arc<Source>, generation: u64) {
    let mut ticks = tokio::time::interval(history::INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let now = Instant::now();
        let wants_latencies = source.history.lock().wants_latencies(now);
        let sample = source.sample(now, wants_latencies);
        source.history.lock().record(generation, sample);
    }
}
