//! When a name is asked for again: when what is known expires, or after a growing wait where nobody answers.

use std::{future::Future, time::Duration};

use super::DnsConfig;
use crate::{Endpoint, Publisher, ResolveError};

/// The longest wait after failures.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// What a name server said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) endpoints: Vec<Endpoint>,
    /// How long it holds.
    pub(super) ttl: Duration,
}

/// Asks, publishes, waits, and begins again.
pub(super) async fn ask_forever<F: Future<Output = Result<Answer, String>>>(
    source_name: String,
    config: &DnsConfig,
    publisher: &Publisher,
    ask: impl Fn() -> F,
) {
    let mut failures = 0;
    loop {
        let wait = match ask().await {
            Ok(answer) => {
                failures = 0;
                publisher.found(answer.endpoints);
                answer.ttl.clamp(config.min_ttl, config.max_ttl)
            }
            Err(message) => {
                publisher.failed(ResolveError { source_name: source_name.clone(), message });
                failures = (failures + 1_u32).min(16);
                backoff(failures)
            }
        };
        tokio::time::sleep(wait).await;
    }
}

/// One second, two, four, … a minute, and no two clients at the same time.
fn backoff(failures: u32) -> Duration {
    let longest = Duration::from_secs(1 << (failures - 1).min(6)).min(LONGEST_WAIT);
    longest.mul_f64(0.5 + 0.5 * fastrand::f64())
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use tokio::time::Instant;

    use super::*;

    /// When each question was asked, if the answers are these and then none.
    async fn asked_at(answers: Vec<Result<u64, &'static str>>) -> (Vec<f64>, crate::Found) {
        let (publisher, found) = Publisher::new();
        let begun = Instant::now();
        let asked = RefCell::new(Vec::new());
        let count = answers.len();
        let answers = RefCell::new(answers.into_iter());
        let ask = || {
            asked.borrow_mut().push(begun.elapsed().as_secs_f64());
            let next = answers.borrow_mut().next();
            async move {
                match next {
                    Some(Ok(ttl)) => {
                        Ok(Answer { endpoints: vec![Endpoint::new("a", 1)], ttl: Duration::from_secs(ttl) })
                    }
                    Some(Err(error)) => Err(error.to_owned()),
                    None => std::future::pending().await,
                }
            }
        };
        let config = DnsConfig::new();
        let asking = ask_forever("dns".to_owned(), &config, &publisher, ask);
        let _ = tokio::time::timeout(Duration::from_secs(24 * 3600), asking).await;
        assert_eq!(asked.borrow().len(), count + 1);
        let known = found.borrow().clone();
        (asked.take(), known)
    }

    #[tokio::test(start_paused = true)]
    async fn a_name_is_asked_for_again_when_it_expires_but_within_bounds() {
        let (asked, _) = asked_at(vec![Ok(30), Ok(0), Ok(1), Ok(100_000)]).await;
        assert_eq!(asked.iter().map(|at| at.round() as u64).collect::<Vec<_>>(), [0, 30, 35, 40, 340]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_fails_for_an_hour_is_asked_ever_more_rarely_and_what_was_found_stays() {
        let mut answers = vec![Ok(30)];
        answers.extend([Err("timed out"); 60]);
        let (asked, known) = asked_at(answers).await;
        let waits: Vec<f64> = asked.windows(2).map(|pair| pair[1] - pair[0]).skip(1).collect();
        for (failures, wait) in waits.iter().enumerate() {
            let longest = (1_u64 << failures.min(6)).min(60) as f64;
            assert!((longest / 2.0 - 0.01..=longest + 0.01).contains(wait), "{failures}: {wait}");
        }
        assert!(asked.last().unwrap() > &1800.0);
        assert_eq!(known.endpoints.unwrap().len(), 1);
        assert_eq!(known.failure.unwrap().to_string(), "dns: timed out");
    }
}
