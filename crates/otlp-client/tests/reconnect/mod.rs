//! A fleet of clients after an outage, in virtual time. The policies are the real ones, with the settings that a client has
//! unless it is told otherwise; the clients around them and the receivers are models.
//!
//! During the outage every client fills its queue. When the receivers are back, the fleet has far more to say than they
//! can take: what counts is how fast it says it. A receiver takes what it has room for, works it off at its capacity and
//! refuses the rest, as a gateway of OpenTelemetry Collectors does whose sending queue is full.

mod client;
mod receivers;
mod report;

use std::{sync::Arc, time::Duration};

use otlp_batch::BatchLimits;
use tokio::time::{Instant, sleep, sleep_until};

use self::{client::Client, receivers::Receivers};
pub(crate) use self::{
    client::Policies,
    report::{broken_claims, table},
};

/// How many clients, how long the outage, how strong the receivers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fleet {
    pub(crate) clients: u32,
    /// How often each client has a batch to send.
    pub(crate) batch_every: Duration,
    pub(crate) outage: Duration,
    /// What the receivers can take, as a multiple of what the fleet sends in good times.
    pub(crate) headroom: f64,
    /// For how long the receivers can take more than they can work off.
    pub(crate) queue: Duration,
    /// After how long the simulation gives up on a fleet that does not catch up.
    pub(crate) patience: Duration,
}

impl Outcome {
    /// Whether the receivers could take all that came.
    pub(crate) fn is_within_capacity(&self) -> bool {
        self.refused == 0
    }
}

impl Fleet {
    /// So many clients, and an outage of five minutes.
    pub(crate) fn of(clients: u32) -> Self {
        Fleet {
            clients,
            batch_every: Duration::from_secs(5),
            outage: Duration::from_secs(300),
            headroom: 2.0,
            queue: Duration::from_millis(2_500),
            patience: Duration::from_secs(1_500),
        }
    }

    /// Whether the receivers can take what is new and the backlog at its pace together.
    fn has_room_for_the_pace(&self) -> bool {
        let percent = BatchLimits::default().catch_up_percent;
        percent.is_some_and(|percent| f64::from(percent) / 100.0 <= self.headroom)
    }

    /// How many batches per second the receivers work off.
    pub(crate) fn capacity(&self) -> f64 {
        self.headroom * f64::from(self.clients) / self.batch_every.as_secs_f64()
    }
}

/// What came of a fleet with these policies.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Outcome {
    pub(crate) policies: Policies,
    /// The most requests within a second after the outage, as a multiple of the capacity.
    pub(crate) peak_load: f64,
    /// The same within a tenth of a second.
    pub(crate) peak_burst: f64,
    /// The most requests within a second of the second half of the outage, when nobody is there to take one, as a
    /// multiple of the capacity.
    pub(crate) knocks: f64,
    /// How many requests the receivers refused after the outage.
    pub(crate) refused: u64,
    /// How long after the outage no client had a backlog any more. `None`: not in the time that was simulated.
    pub(crate) drained: Option<Duration>,
    /// Requests after the beginning of the outage, for each client.
    pub(crate) attempts: f64,
    /// Requests after the outage, for each batch that was delivered.
    pub(crate) amplification: f64,
    /// Batches that the policies gave up.
    pub(crate) lost: u64,
}

/// Runs the fleet with each kind of policies.
pub(crate) fn run(fleet: Fleet, seed: u64) -> Vec<Outcome> {
    Policies::ALL.into_iter().map(|policies| simulate(fleet, policies, seed)).collect()
}

/// One run, on a runtime of its own whose time jumps from event to event.
fn simulate(fleet: Fleet, policies: Policies, seed: u64) -> Outcome {
    // The policies draw their jitter from the thread's generator.
    fastrand::seed(seed);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(watch(fleet, policies))
}

async fn watch(fleet: Fleet, policies: Policies) -> Outcome {
    let down = Instant::now() + 2 * fleet.batch_every;
    let up = down + fleet.outage;
    let receivers = Arc::new(Receivers::new(fleet, down..up));
    let clients: Vec<_> = (0..fleet.clients)
        .map(|_| {
            let begins = Instant::now() + fleet.batch_every.mul_f64(fastrand::f64());
            Arc::new(Client::new(policies, begins, fleet, Arc::clone(&receivers)))
        })
        .collect();
    for client in &clients {
        tokio::spawn(Arc::clone(client).run());
    }
    sleep_until(up).await;
    let mut drained = None;
    while drained.is_none() && up.elapsed() < fleet.patience {
        sleep(Duration::from_secs(1)).await;
        // Every client may have one that has just closed.
        let backlog: usize = clients.iter().map(|client| client.pending().saturating_sub(1)).sum();
        drained = (backlog == 0).then(|| up.elapsed());
    }
    let figures = receivers.figures();
    Outcome {
        policies,
        peak_load: figures.peak_load,
        peak_burst: figures.peak_burst,
        knocks: figures.knocks,
        refused: figures.refused,
        drained,
        attempts: figures.attempts as f64 / f64::from(fleet.clients),
        amplification: figures.attempts_afterwards as f64 / figures.taken_afterwards.max(1) as f64,
        lost: clients.iter().map(|client| client.lost()).sum(),
    }
}
