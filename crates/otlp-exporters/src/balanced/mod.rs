//! Several receivers of the same kind: each attempt goes to one of them.
//!
//! What must hold:
//!
//! - An attempt that is repeated goes to another receiver, if there is one that takes it.
//! - Receivers that come and go lose nothing: an attempt under way keeps its transport, and a batch without a receiver
//!   waits in the queue.
//! - A receiver that stays keeps its connections.

mod key;
mod transports;

use std::{
    fmt,
    sync::{Arc, OnceLock},
};

use otlp_batch::{Attempts, Batch, BatchExporter, ExportFuture, MemoryBudget, ReadyFuture};
use otlp_core::{ExportError, Outcome, Signal, TraceId};
use otlp_discovery::{Breaker, Endpoint, PickRequest, Picked, ServicePool};
use otlp_reliability::{Control, Judge, Retry};
use parking_lot::Mutex;

use self::transports::Transports;
use crate::{
    Attempt, AttemptObserver, Governed, Hurry, JudgeEndpoint, RetryableKinds,
    repeat::Repeat,
    route::{Route, Tried},
};

/// Sends each batch to one of the endpoints of a service.
///
/// The [`ServicePool`] chooses, with the first trace id of the batch as the key: batches of spans and log records that
/// begin with the same trace go to the same endpoint under
/// [`Rendezvous`](otlp_discovery::LoadBalancingStrategy::Rendezvous); metrics, which have no trace, go by chance. A batch
/// is never taken apart for this: the other traces in it go along, so the spans of *one* trace, which end up in several
/// batches and come from several processes, are spread over several endpoints. For tail sampling, where one receiver must
/// see all spans of a trace, put a tier of Collectors with the `loadbalancing` exporter in front of it, or write to Kafka
/// with `partition_traces_by_id`.
///
/// A receiver that asks for a delay is left alone for so long while others take its part.
pub struct BalancedExporter<A: Attempt + 'static> {
    repeat: Repeat,
    balanced: Balanced<A>,
}

struct Balanced<A> {
    pool: ServicePool,
    transports: Transports<A>,
}

/// A batch between its attempts.
struct Course<P> {
    key: Option<TraceId>,
    memory: MemoryBudget,
    /// What is made of the batch, by the transport of its first attempt.
    prepared: OnceLock<P>,
    /// The endpoints where it failed.
    tried: Mutex<Vec<u64>>,
}

impl<A: Attempt + 'static> BalancedExporter<A> {
    /// Balances over the endpoints of `pool`, repeating attempts as `retry` says; `hurry` ends the waits in between.
    ///
    /// `connect` makes what sends to an endpoint, which may have a circuit breaker. It is called on a thread of its own,
    /// within the runtime of the delivery, and may block: meanwhile batches go to the other endpoints. All that it makes
    /// prepare a batch in the same way. `name` is what the ledger calls the destination.
    pub fn new(
        name: impl Into<String>,
        pool: ServicePool,
        connect: impl Fn(&Endpoint, Option<&Breaker>) -> Result<A, ExportError> + Send + Sync + 'static,
        retry: Retry,
        hurry: Hurry,
    ) -> Self {
        BalancedExporter {
            repeat: Repeat::new(name.into(), retry, hurry),
            balanced: Balanced { pool, transports: Transports::new(connect) },
        }
    }

    /// Repeats failures of these kinds alone; a batch that fails in another way is given up.
    pub fn with_retryable(mut self, kinds: RetryableKinds) -> Self {
        self.repeat = self.repeat.of_kinds(kinds);
        self
    }

    /// Lets `observer` hear of failed attempts.
    pub fn with_observer(mut self, observer: Arc<dyn AttemptObserver>) -> Self {
        self.repeat.observe(observer);
        self
    }
}

impl<A: Attempt + 'static> Balanced<A> {
    /// The outcome of an attempt at the endpoint that was picked.
    async fn send(
        &self,
        batch: &Batch,
        course: &Course<A::Prepared>,
        picked: &Picked,
        attempts: &Attempts<'_>,
    ) -> Outcome {
        let transport = match self.transports.of(picked, &self.pool).await {
            Ok(transport) => transport,
            Err(error) => return Outcome::retry(error),
        };
        let prepared = match course.prepared.get() {
            Some(prepared) => prepared,
            None => match transport.prepare(batch, &course.memory) {
                Ok(prepared) => course.prepared.get_or_init(|| prepared),
                Err(error) => return Outcome::Refused(error),
            },
        };
        attempts.begin();
        let outcome = transport.attempt(prepared).await;
        attempts.end(&outcome);
        outcome
    }

    /// Tells the pool what the outcome says of the endpoint.
    fn report(&self, picked: Picked, outcome: Outcome, course: &Course<A::Prepared>) -> Outcome {
        let Outcome::Retry(mut failure) = outcome else {
            picked.report(JudgeEndpoint.judge(&outcome));
            return outcome;
        };
        let mut tried = course.tried.lock();
        // A batch may be tried for days.
        if !tried.contains(&picked.id()) {
            tried.push(picked.id());
        }
        drop(tried);
        let outcome = Outcome::Retry(failure.clone());
        match failure.after {
            Some(delay) => {
                picked.leave_alone(delay);
                // The others were not asked to be left alone.
                if self.pool.takes_all() {
                    failure.after = None;
                    return Outcome::Retry(failure);
                }
            }
            None => picked.report(JudgeEndpoint.judge(&outcome)),
        }
        outcome
    }
}

impl<A: Attempt + 'static> Route for Balanced<A> {
    type Course = Course<A::Prepared>;

    fn begin(&self, batch: &Batch, memory: &MemoryBudget) -> Result<Self::Course, ExportError> {
        let memory = memory.clone();
        Ok(Course { key: key::first_trace(batch), memory, prepared: OnceLock::new(), tried: Mutex::default() })
    }

    async fn attempt(&self, batch: &Batch, course: &Self::Course, attempts: &Attempts<'_>) -> Option<Tried> {
        let was_up = self.pool.takes_all();
        let picked = {
            let tried = course.tried.lock();
            let request = PickRequest::new().avoiding(&tried);
            let key = course.key.map(TraceId::to_bytes);
            self.pool.pick_well(&key.iter().fold(request, |request, key| request.with_key(key))).ok()?
        };
        let outcome = self.send(batch, course, &picked, attempts).await;
        Some(Tried { outcome: self.report(picked, outcome, course), was_up })
    }

    fn takes_all(&self, _signal: Signal) -> bool {
        self.pool.takes_all()
    }

    fn ready(&self, _signal: Signal) -> ReadyFuture<'_> {
        Box::pin(self.pool.ready())
    }

    fn policies(&self) -> Vec<(&'static str, Arc<dyn Control>)> {
        Vec::new()
    }
}

impl<A: Attempt + 'static> BatchExporter for BalancedExporter<A> {
    fn name(&self) -> String {
        self.repeat.name.clone()
    }

    fn unready(&self, signal: Signal) -> Option<ReadyFuture<'_>> {
        (!self.balanced.takes_all(signal)).then(|| self.balanced.ready(signal))
    }

    fn export<'a>(&'a self, batch: &'a Batch, attempts: &'a Attempts<'a>) -> ExportFuture<'a> {
        Box::pin(self.repeat.deliver(&self.balanced, batch, attempts))
    }
}

impl<A: Attempt + 'static> Governed for BalancedExporter<A> {
    fn policies(&self) -> Vec<(&'static str, Arc<dyn Control>)> {
        self.repeat.policies(&self.balanced)
    }
}

impl<A: Attempt + 'static> fmt::Debug for BalancedExporter<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BalancedExporter")
            .field("name", &self.repeat.name)
            .field("pool", &self.balanced.pool)
            .finish_non_exhaustive()
    }
}
