//! Makes calls, one after the other, on the thread that it was made on.

use std::hint::black_box;

use tokio::{
    runtime::{Builder, Runtime},
    task::coop::unconstrained,
};

use crate::{
    Failure,
    call::{IsRejection, Tally},
};

/// Makes calls of one case.
pub(crate) trait Worker {
    /// Makes so many calls.
    fn run(&mut self, calls: u64);

    /// Makes so many calls and tells what became of them.
    fn tally(&mut self, calls: u64) -> Tally;
}

/// Calls of an asynchronous policy, all in one task of a runtime of their own.
pub(crate) struct AsyncWorker<P, F> {
    runtime: Runtime,
    policy: P,
    call: F,
}

impl<P, F> AsyncWorker<P, F> {
    pub(crate) fn new(policy: P, call: F) -> Result<Self, Failure> {
        Ok(AsyncWorker { runtime: Builder::new_current_thread().enable_time().build()?, policy, call })
    }

    /// One loop for figures and for tallies, so that what is tallied is what was measured.
    fn drive<E>(&mut self, calls: u64, mut tally: Option<&mut Tally>)
    where
        F: AsyncFn(&mut P, u64) -> Result<u64, E>,
        E: IsRejection,
    {
        let AsyncWorker { runtime, policy, call } = self;
        // Unconstrained: in a service each task makes few calls between two waits, and tokio's budget for a task that
        // never waits is not what is measured.
        runtime.block_on(unconstrained(async {
            for turn in 0..calls {
                let result = call(policy, turn).await;
                black_box(&result);
                if let Some(tally) = &mut tally {
                    tally.add(&result);
                }
            }
        }));
    }
}

impl<P, F, E> Worker for AsyncWorker<P, F>
where
    F: AsyncFn(&mut P, u64) -> Result<u64, E>,
    E: IsRejection,
{
    fn run(&mut self, calls: u64) {
        self.drive(calls, None);
    }

    fn tally(&mut self, calls: u64) -> Tally {
        let mut tally = Tally::default();
        self.drive(calls, Some(&mut tally));
        tally
    }
}
