//! The load: purchases at a steady rate, the same ones for the same seed.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use axum::http::StatusCode;
use tokio::{
    sync::{Semaphore, watch},
    task::JoinSet,
    time::{Instant, MissedTickBehavior, interval},
};

use super::service::{Answer, Purchase};

/// So many requests are under way at most; what would be more is left out and counted.
const UNDER_WAY: usize = 64;

/// How the requests ended.
#[derive(Debug, Default)]
pub(crate) struct LoadCounts {
    pub(crate) sent: AtomicU64,
    /// 2xx.
    pub(crate) served: AtomicU64,
    /// 4xx: no such user, card declined.
    pub(crate) refused: AtomicU64,
    /// 5xx, or no answer.
    pub(crate) failed: AtomicU64,
    /// Not sent, for too many were under way.
    pub(crate) left_out: AtomicU64,
}

/// What the load is.
#[derive(Debug, Clone)]
pub(crate) struct Load {
    /// `host:port` of the gateway.
    pub(crate) gateway: String,
    /// Requests per second.
    pub(crate) rate: f64,
    pub(crate) seed: u64,
    /// For ever without.
    pub(crate) length: Option<Duration>,
}

impl Load {
    /// Sends requests until the time is over or `stop` turns true, then waits for those under way.
    pub(crate) async fn run(
        self,
        http: reqwest::Client,
        counts: Arc<LoadCounts>,
        traces: watch::Sender<Option<String>>,
        mut stop: watch::Receiver<bool>,
    ) {
        let url = format!("http://{}/orders", self.gateway);
        let room = Arc::new(Semaphore::new(UNDER_WAY));
        let traces = Arc::new(traces);
        let mut under_way = JoinSet::new();
        let mut pace = interval(Duration::from_secs_f64(1.0 / self.rate));
        pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let end = self.length.map(|length| Instant::now() + length);
        for number in 0.. {
            tokio::select! {
                biased;
                _ = stop.wait_for(|stop| *stop) => break,
                at = pace.tick() => if end.is_some_and(|end| at >= end) { break },
            }
            while under_way.try_join_next().is_some() {}
            let Ok(permit) = room.clone().try_acquire_owned() else {
                counts.left_out.fetch_add(1, Ordering::Relaxed);
                continue;
            };
            counts.sent.fetch_add(1, Ordering::Relaxed);
            let request = http.post(&url).header("baggage", tier(number)).json(&purchase(self.seed, number));
            let (counts, traces) = (counts.clone(), traces.clone());
            under_way.spawn(async move {
                let _permit = permit;
                send(request, &counts, &traces).await;
            });
        }
        while under_way.join_next().await.is_some() {}
    }
}

async fn send(request: reqwest::RequestBuilder, counts: &LoadCounts, traces: &watch::Sender<Option<String>>) {
    let counter = match request.send().await {
        Ok(response) if response.status() == StatusCode::CREATED => {
            if let Ok(Answer { trace: Some(trace), .. }) = response.json().await {
                traces.send_replace(Some(trace));
            }
            &counts.served
        }
        Ok(response) if response.status().is_client_error() => &counts.refused,
        Ok(_) | Err(_) => &counts.failed,
    };
    counter.fetch_add(1, Ordering::Relaxed);
}

fn tier(number: u64) -> &'static str {
    if number.is_multiple_of(5) { "shop.tier=gold" } else { "shop.tier=standard" }
}

/// The purchase of this number.
fn purchase(seed: u64, number: u64) -> Purchase {
    const ITEMS: [&str; 4] = ["lamp", "chair", "table", "shelf"];
    let mut chance = fastrand::Rng::with_seed(seed.wrapping_add(number));
    let item = chance.choice(ITEMS).unwrap_or_default().to_owned();
    // A few users are not known to the shop.
    Purchase { number, user: chance.u64(1..=500), item, quantity: chance.u32(1..=4) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_seed_decides_the_purchases() {
        let purchases = |seed| (0..50).map(|number| purchase(seed, number)).collect::<Vec<_>>();
        assert_eq!(purchases(1), purchases(1));
        assert_ne!(purchases(1), purchases(99));
    }
}
