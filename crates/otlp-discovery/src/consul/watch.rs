//! The loop of blocking queries: asks, judges the answer, publishes what it says, and waits before it asks again.
//!
//! It asks at most a few times a second, whatever an agent answers, and the less often the longer its answers are: one that
//! ignores the wait, loses its index or fails is asked ever more rarely.

use std::time::Duration;

use http::Method;
use otlp_reliability::Retry;
use tokio::time::{Instant, sleep, sleep_until};

use super::{
    ConsulError,
    agent::{Answer, Ask, Request},
    health,
    index::{Index, Step},
};
use crate::{Endpoint, Publisher, ResolveError, consul::access::Urls};

/// Between the beginnings of two queries at least, also when every answer is news.
const MIN_PERIOD: Duration = Duration::from_millis(250);
/// So many bytes of an answer are read at the cost of one such period, so that a service of ten thousand instances that changes
/// all the time does not take the thread from those who share it.
const BYTES_PER_PERIOD: usize = 256 << 10;
/// An answer without news that came sooner was no end of a wait.
const NO_WAIT: Duration = Duration::from_millis(500);
/// What an answer may take beyond the wait, and all that it may take where there is no wait. The agent itself adds up to a
/// sixteenth of the wait.
const GRACE: Duration = Duration::from_secs(15);

/// What is asked.
#[derive(Debug, Clone)]
pub(super) struct Query {
    pub(super) datacenter: Option<String>,
    pub(super) tags: Vec<String>,
    pub(super) only_passing: bool,
    /// `Some` for stale reads: how old the state of the server may be that answers.
    pub(super) max_staleness: Option<Duration>,
    pub(super) wait: Duration,
}

/// One watched service.
pub(super) struct Watch<'a, A> {
    pub(super) agent: &'a A,
    pub(super) urls: &'a Urls,
    pub(super) query: &'a Query,
    pub(super) service: &'a str,
    pub(super) source_name: String,
    pub(super) publisher: &'a Publisher,
    pub(super) retry: &'a Retry,
}

/// What one query told.
struct Reading {
    endpoints: Vec<Endpoint>,
    /// Until the next query at least, from the beginning of this one.
    period: Duration,
    index: u64,
    is_too_stale: bool,
}

impl<A: Ask> Watch<'_, A> {
    pub(super) async fn run(self) {
        let mut index = Index::default();
        let mut delays = self.retry.backoff();
        let mut of_leader = self.query.max_staleness.is_none();
        let mut has_found = false;
        loop {
            let started = Instant::now();
            match self.read(index, of_leader).await {
                Ok(reading) if reading.is_too_stale => {
                    // Better than nothing, but not better than what is known.
                    if !has_found {
                        self.publisher.found(reading.endpoints);
                        has_found = true;
                    }
                    index.reset();
                    of_leader = true;
                    sleep_until(started + reading.period).await;
                }
                Ok(reading) => {
                    self.publisher.found(reading.endpoints);
                    has_found = true;
                    of_leader = self.query.max_staleness.is_none();
                    let step = index.enter(reading.index);
                    if step == Step::Advanced || (step == Step::Same && started.elapsed() >= NO_WAIT) {
                        delays = self.retry.backoff();
                        sleep_until(started + reading.period).await;
                    } else {
                        sleep(delays.next_delay(reading.period)).await;
                    }
                }
                Err(error) => {
                    let source_name = self.source_name.clone();
                    self.publisher.failed(ResolveError { source_name, message: error.to_string() });
                    // An agent that comes back may have begun to count anew: no waiting behind the old index.
                    index.reset();
                    of_leader = self.query.max_staleness.is_none();
                    sleep(delays.next_delay(MIN_PERIOD)).await;
                }
            }
        }
    }

    async fn read(&self, index: Index, of_leader: bool) -> Result<Reading, ConsulError> {
        let answer = self.agent.ask(self.request(index, of_leader)).await?;
        let needs = format!("a token with `service:read` for {:?} and `node:read`", self.service);
        let (answer, endpoints) = health::read(answer.success(&needs)?).await?;
        if let (true, Some(reason)) = (endpoints.is_empty(), hidden(&answer)) {
            return Err(ConsulError::Token { reason: format!("{reason}; it takes {needs}") });
        }
        let index = answer.number("x-consul-index").ok_or_else(|| {
            ConsulError::nonsense("it has no header X-Consul-Index; perhaps a proxy on the way removed it")
        })?;
        let is_too_stale = match self.query.max_staleness {
            Some(limit) if !of_leader => is_older(&answer, limit),
            _ => false,
        };
        let period = MIN_PERIOD.mul_f64(1.0 + answer.body.len() as f64 / BYTES_PER_PERIOD as f64);
        Ok(Reading { endpoints, period, index, is_too_stale })
    }

    fn request(&self, index: Index, of_leader: bool) -> Request {
        let query = self.query;
        // Clients that were started together shall not ask together for ever.
        let wait = query.wait.mul_f64(1.0 - fastrand::f64() / 10.0);
        let mut url = self.urls.of(&["v1", "health", "service", self.service]);
        {
            let mut pairs = url.query_pairs_mut();
            if let Some(datacenter) = &query.datacenter {
                pairs.append_pair("dc", datacenter);
            }
            for tag in &query.tags {
                pairs.append_pair("tag", tag);
            }
            if query.only_passing {
                pairs.append_key_only("passing");
            }
            if !of_leader {
                pairs.append_key_only("stale");
            }
            if let Some(index) = index.get() {
                pairs.append_pair("index", &index.to_string());
                pairs.append_pair("wait", &format!("{}ms", wait.as_millis()));
            }
        }
        // Without an index the agent answers at once. One that does not is to be known as such before the wait is over.
        let timeout = index.get().map_or(GRACE, |_| wait + wait / 16 + GRACE);
        Request { method: Method::GET, url, body: bytes::Bytes::new(), timeout }
    }
}

/// Why an answer without instances may say nothing of how many there are: an agent with access control answers with what
/// the token may see, and tells only those who have one that there was more.
fn hidden(answer: &Answer) -> Option<&'static str> {
    let denies_by_default = answer.headers.get("x-consul-default-acl-policy").is_some_and(|policy| policy == "deny");
    match answer.had_token {
        true if answer.says("x-consul-results-filtered-by-acls") => Some("it hides all instances"),
        false if denies_by_default => Some("no instance is there, or none that is shown without a token"),
        _ => None,
    }
}

/// Whether a stale read is older than allowed, or of a server that knows no leader, so that nobody can tell.
///
/// Agents answer queries that wait from a stream of changes. Those answers name no age: their header says 0, and that
/// no leader is known, whether there is one or not.
fn is_older(answer: &Answer, limit: Duration) -> bool {
    if answer.headers.get("x-consul-query-backend").is_some_and(|backend| backend == "streaming") {
        return false;
    }
    let knows_leader = answer.says("x-consul-knownleader");
    let age = answer.number("x-consul-lastcontact").map(Duration::from_millis);
    !knows_leader || age.is_none_or(|age| age > limit)
}

#[cfg(test)]
mod tests;
