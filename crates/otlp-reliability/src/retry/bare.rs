//! A retry from its settings alone, for callers that have no [`Retry`](super::Retry): no figures, no budget, nothing
//! allocated.

use std::{future::Future, time::Duration};

use super::{
    RetryPolicy,
    progress::{Next, Progress},
};
use crate::{Clock, clock::elapsed};

/// Runs `operation` again after each `Err` until a limit of `policy`, which has been checked, is reached.
pub(crate) async fn retry_errors<T, E, F, Fut>(
    policy: &RetryPolicy,
    clock: &impl Clock,
    mut operation: F,
) -> Result<T, E>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Result<T, E>>,
{
    let started = policy.max_elapsed().map(|_| clock.now());
    let mut progress = None;
    loop {
        let result = operation().await;
        if result.is_ok() {
            return result;
        }
        let progress = progress.get_or_insert_with(|| Progress::new(policy));
        let Next::Wait(delay) = progress.after_failure(Duration::ZERO, elapsed(clock, started)) else { return result };
        clock.sleep(delay).await;
        if progress.is_late(elapsed(clock, started)) {
            return result;
        }
    }
}
