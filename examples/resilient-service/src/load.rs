//! Clients: so many payments a second, whether the service keeps up or not.
//!
//! What must hold: the rate does not follow the answers. Clients that wait for each other would hide the outage that
//! they are to show.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use reqwest::header::RETRY_AFTER;
use tokio::{
    task::JoinSet,
    time::{Instant, MissedTickBehavior, interval},
};

use crate::{checkout::CLIENT, payment::Payment};

/// What the clients saw since somebody last looked.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    /// The payments they asked for.
    pub sent: u64,
    /// The answers, by status; 0 stands for no answer at all.
    pub answers: BTreeMap<u16, u64>,
    /// How long each answer took.
    pub latencies: Vec<Duration>,
    /// How many answers with status 503 did not say when to come back.
    pub without_retry_after: u64,
}

impl Seen {
    /// How many answers there were.
    pub fn answered(&self) -> u64 {
        self.answers.values().sum()
    }

    /// How many of them had this status.
    pub fn with_status(&self, status: u16) -> u64 {
        self.answers.get(&status).copied().unwrap_or(0)
    }

    /// The longest that a client waited for its answer.
    pub fn slowest(&self) -> Duration {
        self.latencies.iter().copied().max().unwrap_or_default()
    }

    /// What half of the clients waited at most.
    pub fn median(&self) -> Duration {
        let mut sorted = self.latencies.clone();
        sorted.sort_unstable();
        sorted.get(sorted.len() / 2).copied().unwrap_or_default()
    }
}

/// Two clients that pay at a constant rate for as long as this is held.
#[derive(Debug)]
pub struct Load {
    seen: Arc<Mutex<Seen>>,
    _clients: JoinSet<()>,
}

impl Load {
    /// Starts `per_second` payments a second at `url`.
    pub fn start(http: reqwest::Client, url: &str, per_second: u32) -> Self {
        let seen = Arc::new(Mutex::new(Seen::default()));
        let url: Arc<str> = format!("{url}/pay").into();
        let orders = Arc::new(AtomicU64::new(0));
        let mut clients = JoinSet::new();
        for name in ["shop", "kiosk"] {
            let (http, url, orders, seen) = (http.clone(), Arc::clone(&url), Arc::clone(&orders), Arc::clone(&seen));
            clients.spawn(async move {
                let mut ticks = interval(Duration::from_secs(2) / per_second.max(1));
                ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
                let mut payments = JoinSet::new();
                loop {
                    ticks.tick().await;
                    let order = format!("order-{}", orders.fetch_add(1, Ordering::Relaxed));
                    let request = http.post(&*url).header(CLIENT, name).json(&Payment { order, amount_cents: 4_200 });
                    payments.spawn(pay(request, Arc::clone(&seen)));
                    while payments.try_join_next().is_some() {}
                }
            });
        }
        Load { seen, _clients: clients }
    }

    /// What the clients saw since the last time.
    pub fn take(&self) -> Seen {
        std::mem::take(&mut *locked(&self.seen))
    }
}

async fn pay(request: reqwest::RequestBuilder, seen: Arc<Mutex<Seen>>) {
    locked(&seen).sent += 1;
    let started = Instant::now();
    let answer = request.send().await;
    let status = answer.as_ref().map_or(0, |answer| answer.status().as_u16());
    let says_when = answer.is_ok_and(|answer| answer.headers().contains_key(RETRY_AFTER));
    let mut seen = locked(&seen);
    *seen.answers.entry(status).or_default() += 1;
    seen.latencies.push(started.elapsed());
    seen.without_retry_after += u64::from(status == 503 && !says_when);
}

fn locked(seen: &Mutex<Seen>) -> std::sync::MutexGuard<'_, Seen> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}
