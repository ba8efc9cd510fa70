//! The tasks of a checker: one for each check, on the runtime that the checker was started on.

use std::sync::Arc;

use tokio::runtime::Handle;

use super::core::{Core, Entry, Watched};
use crate::{Clock, sync::lock};

impl<K> Core<K> {
    /// Ends all tasks; rounds under way are cancelled at their next await.
    pub(super) fn stop(&self) {
        let mut state = lock(&self.state);
        state.runtime = None;
        for task in state.entries.iter_mut().filter_map(|entry| entry.task.take()) {
            task.abort();
        }
    }

    /// Whether it has been started and every check has a task that runs.
    pub(super) fn is_running(&self) -> bool {
        let state = lock(&self.state);
        state.runtime.is_some() && state.entries.iter().all(Entry::is_running)
    }
}

impl<K: Clock + 'static> Core<K> {
    pub(super) fn start(self: &Arc<Self>, runtime: Handle) {
        lock(&self.state).runtime = Some(runtime);
        self.run_all();
    }

    /// Gives each check that has none a task, where the checker has been started.
    pub(super) fn run_all(self: &Arc<Self>) {
        let mut state = lock(&self.state);
        let Some(runtime) = state.runtime.clone() else { return };
        for entry in state.entries.iter_mut().filter(|entry| !entry.is_running()) {
            let task = runtime.spawn(watch(Arc::clone(self), Arc::clone(&entry.check)));
            entry.task = Some(task.abort_handle());
        }
    }
}

impl Entry {
    /// A task that has ended was cancelled with its runtime, or an observer panicked in it.
    fn is_running(&self) -> bool {
        self.task.as_ref().is_some_and(|task| !task.is_finished())
    }
}

async fn watch<K: Clock>(core: Arc<Core<K>>, check: Arc<Watched>) {
    loop {
        core.round(&check).await;
        core.clock.sleep(check.config.wait(fastrand::f64())).await;
    }
}
