//! A retry storm in virtual time: clients, a server with finite capacity, a pulse of overload, and the time after it.
//! The policies are the real ones; only the clients and the server are models.
//!
//! Before and after the pulse less is offered than the server can serve. What the pulse leaves behind is a full queue,
//! in which calls wait for longer than their clients do. Without retries the queue drains. With retries each client that
//! gave up comes back, so that several times as much is offered as before: the server works at full load on calls that
//! nobody waits for any more, and stays so for good. That is the state that retry budgets and limits are to prevent.

mod report;
mod server;

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use fastrand::Rng;
use otlp_reliability::{
    AdaptiveLimit, AdaptiveLimitConfig, Aimd, Error, Gradient2, PercentageBudget, Policy, Retry, RetryPolicy, Timeout,
    Vegas,
};
use tokio::time::{Instant, sleep, sleep_until};

pub(crate) use self::report::{broken_claims, table};
use self::server::{Busy, SERVICE, Server, WORKERS, capacity_per_second};

const WARM_UP: Duration = Duration::from_secs(12);
const PULSE: Duration = Duration::from_secs(24);
const AFTERWARDS: Duration = Duration::from_secs(30);
/// What is offered, as a share of what the server can serve.
const USUAL_LOAD: f64 = 0.7;
const PULSE_LOAD: f64 = 2.0;
/// How long a client waits for one attempt.
const PATIENCE: Duration = Duration::from_millis(400);
const ATTEMPTS: u32 = 4;
/// What the retry budget allows, in percent of the requests.
const BUDGET: u32 = 20;
/// From what share of requests that succeed on, in each second until the end, the service counts as recovered.
const RECOVERED: f64 = 0.95;

/// How clients retry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Retries {
    None,
    Unlimited,
    Budgeted,
}

/// What limits how many calls are under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Limit {
    None,
    Aimd,
    Vegas,
    Gradient2,
}

/// What came of one way to call the server.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Outcome {
    pub(crate) retries: Retries,
    pub(crate) limit: Limit,
    /// Requests that clients made.
    pub(crate) offered: u64,
    /// Calls that reached the server.
    pub(crate) attempts: u64,
    /// Calls that reached the server after the pulse, for each request made after it.
    pub(crate) amplification: f64,
    /// Requests that succeeded, per second.
    pub(crate) goodput: f64,
    /// The share of requests that succeeded.
    pub(crate) success: f64,
    /// How long the slowest hundredth of the requests that succeeded took at least.
    pub(crate) p99: Duration,
    /// How long after the pulse all was well again. `None`: never.
    pub(crate) recovery: Option<Duration>,
    /// The limit in the second half of the pulse, as a multiple of the server's workers.
    pub(crate) settled: Option<f64>,
}

/// Runs every combination of retries and limits.
pub(crate) fn run(seed: u64) -> Vec<Outcome> {
    let mut outcomes = Vec::new();
    for limit in [Limit::None, Limit::Aimd, Limit::Vegas, Limit::Gradient2] {
        for retries in [Retries::None, Retries::Unlimited, Retries::Budgeted] {
            outcomes.push(simulate(retries, limit, seed));
        }
    }
    outcomes
}

/// One run, on a runtime of its own whose time jumps from event to event.
fn simulate(retries: Retries, limit: Limit, seed: u64) -> Outcome {
    // The policies draw their jitter from the thread's generator.
    fastrand::seed(seed);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(offer(retries, limit, seed))
}

async fn offer(retries: Retries, limit: Limit, seed: u64) -> Outcome {
    let server = Arc::new(Server::default());
    let limiter = limiter(limit);
    // From the outside in: a request is retried; each attempt needs a place under the limit, and then has its time.
    let policy = Arc::new((retry(retries), (limiter.clone(), Timeout::new(PATIENCE))));
    let requests = Arc::new(Mutex::new(Vec::new()));
    let start = Instant::now();
    let pulse_ends = start + WARM_UP + PULSE;
    let end = pulse_ends + AFTERWARDS;
    let limits = tokio::spawn(watch(limiter, start + WARM_UP + PULSE / 2, pulse_ends));

    let mut random = Rng::with_seed(seed);
    let mut arrived_before = 0;
    let mut arrival = start;
    while arrival < end {
        sleep_until(arrival).await;
        if arrival < pulse_ends {
            arrived_before = server.arrived();
        }
        let (policy, server, requests) = (Arc::clone(&policy), Arc::clone(&server), Arc::clone(&requests));
        tokio::spawn(async move {
            let began = Instant::now();
            let result: Result<(), Error<Busy>> =
                policy.run(|| async { server.call().await.map_err(Error::Inner) }).await;
            requests.lock().unwrap().push(Request { began, ended: Instant::now(), succeeded: result.is_ok() });
        });
        let in_pulse = arrival >= start + WARM_UP && arrival < pulse_ends;
        let rate = capacity_per_second() * if in_pulse { PULSE_LOAD } else { USUAL_LOAD };
        arrival += Duration::from_secs_f64(-(1.0 - random.f64()).ln() / rate);
    }
    let arrived = server.arrived();
    // The last ones end, and are not part of the figures of time.
    sleep(Duration::from_secs(10)).await;

    let settled = limits.await.unwrap();
    let requests = std::mem::take(&mut *requests.lock().unwrap());
    let afterwards = requests.iter().filter(|request| request.began >= pulse_ends).count();
    let succeeded: Vec<_> = requests.iter().filter(|request| request.succeeded).collect();
    let mut latencies: Vec<_> = succeeded.iter().map(|request| request.ended - request.began).collect();
    latencies.sort_unstable();
    Outcome {
        retries,
        limit,
        offered: requests.len() as u64,
        attempts: server.arrived(),
        amplification: (arrived - arrived_before) as f64 / afterwards as f64,
        goodput: succeeded.len() as f64 / (end - start).as_secs_f64(),
        success: succeeded.len() as f64 / requests.len() as f64,
        p99: latencies.get(latencies.len() * 99 / 100).copied().unwrap_or_default(),
        recovery: recovery(&requests, pulse_ends, end),
        settled,
    }
}

/// One request and what came of it.
struct Request {
    began: Instant,
    ended: Instant,
    succeeded: bool,
}

fn retry(retries: Retries) -> Option<Retry> {
    let retry = RetryPolicy::new()
        .with_max_attempts(ATTEMPTS)
        .with_initial_delay(SERVICE / 2)
        .with_max_delay(SERVICE * 4)
        .build()
        .unwrap();
    match retries {
        Retries::None => None,
        Retries::Unlimited => Some(retry),
        Retries::Budgeted => {
            let budget = PercentageBudget::new(f64::from(BUDGET)).with_min_per_second(0).build().unwrap();
            Some(retry.with_budget(budget))
        }
    }
}

fn limiter(limit: Limit) -> Option<AdaptiveLimit> {
    let settings = AdaptiveLimitConfig::default();
    let settings = match limit {
        Limit::None => return None,
        // It sees no queue, so the timeout says what is too long: a sixth more than a call takes.
        Limit::Aimd => settings.with_algorithm(Aimd::new()).with_timeout(SERVICE * 7 / 6),
        Limit::Vegas => settings.with_algorithm(Vegas::new().with_alpha(2.0).with_beta(4.0)),
        // Calls that are all alike need little tolerance.
        Limit::Gradient2 => settings.with_algorithm(Gradient2::new().with_rtt_tolerance(1.1).with_queue_size(2)),
    };
    Some(settings.build().unwrap())
}

/// The mean of the limit from `from` to `to`, as a multiple of the server's workers.
async fn watch(limiter: Option<AdaptiveLimit>, from: Instant, to: Instant) -> Option<f64> {
    let limiter = limiter?;
    sleep_until(from).await;
    let (mut sum, mut looks) = (0.0, 0.0);
    while Instant::now() < to {
        sum += f64::from(limiter.snapshot().limit);
        looks += 1.0;
        sleep(SERVICE / 4).await;
    }
    Some(sum / looks / f64::from(WORKERS))
}

/// How long after `from` the service was well in each second until `to`, by the requests that ended in it.
fn recovery(requests: &[Request], from: Instant, to: Instant) -> Option<Duration> {
    let seconds = (to - from).as_secs() as usize;
    let mut counts = vec![(0_u32, 0_u32); seconds];
    for request in requests.iter().filter(|request| request.ended >= from && request.ended < to) {
        let (succeeded, all) = &mut counts[(request.ended - from).as_secs() as usize];
        *succeeded += u32::from(request.succeeded);
        *all += 1;
    }
    let is_well = |(succeeded, all): &(u32, u32)| f64::from(*succeeded) >= RECOVERED * f64::from(*all);
    let well_at_the_end = counts.iter().rev().take_while(|second| is_well(second)).count();
    (well_at_the_end > 0).then(|| Duration::from_secs((seconds - well_at_the_end) as u64))
}
