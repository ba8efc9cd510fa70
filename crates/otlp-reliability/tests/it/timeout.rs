//! Timeout on tokio's paused time.

use std::{
    future::{pending, ready},
    time::Duration,
};

use otlp_reliability::{
    Controlled, Error, Event, PolicyConfig, Rejection, RetryPolicy, Snapshot, Timeout, TimeoutConfig,
};
use tokio::{
    task::yield_now,
    time::{Instant, sleep},
};

use crate::{Failure, Record};

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn pitfall_15_paused_time_moves_the_limit() {
    let started = Instant::now();
    let record = Record::default();
    let timeout = Timeout::new(5 * SECOND).with_observer(record.clone());
    let result: Result<(), Failure> = timeout.execute(pending).await;
    assert_eq!(result, Err(Failure::Policy(Rejection::Timeout { after: 5 * SECOND })));
    assert_eq!(started.elapsed(), 5 * SECOND);
    assert_eq!(record.events(), [Event::TimedOut { after: 5 * SECOND }]);
}

#[tokio::test(start_paused = true)]
async fn what_completes_in_time_is_returned_without_an_event() {
    let record = Record::default();
    let timeout = Timeout::new(5 * SECOND).with_observer(record.clone());
    let result: Result<&str, Failure> = timeout
        .execute(|| async {
            sleep(4 * SECOND).await;
            Ok("done")
        })
        .await;
    assert_eq!(result, Ok("done"));
    let result: Result<(), Failure> = timeout.execute(|| ready(Err(Failure::Refused(1)))).await;
    assert_eq!(result, Err(Failure::Refused(1)));
    assert_eq!(record.events(), []);
}

#[tokio::test(start_paused = true)]
async fn a_result_in_the_moment_the_time_is_up_counts() {
    let result: Result<(), Failure> = Timeout::new(SECOND)
        .execute(|| async {
            sleep(SECOND).await;
            Ok(())
        })
        .await;
    assert_eq!(result, Ok(()));
}

#[tokio::test(start_paused = true)]
async fn zero_accepts_what_is_ready_and_nothing_else() {
    let timeout = Timeout::new(Duration::ZERO);
    assert_eq!(timeout.execute(|| ready(Ok::<_, Failure>(1))).await, Ok(1));
    let result: Result<(), Error<()>> = timeout.execute(pending).await;
    assert!(result.unwrap_err().is_timeout());
}

#[tokio::test(start_paused = true)]
async fn the_longest_duration_is_no_overflow() {
    let result: Result<(), Failure> = Timeout::new(Duration::MAX)
        .execute(|| async {
            sleep(3600 * SECOND).await;
            Ok(())
        })
        .await;
    assert_eq!(result, Ok(()));
}

#[test]
fn a_ready_operation_needs_no_runtime() {
    let timeout = Timeout::new(SECOND);
    let mut call = std::pin::pin!(timeout.execute(|| ready(Ok::<_, Failure>(1))));
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    assert_eq!(call.as_mut().poll(&mut context), std::task::Poll::Ready(Ok(1)));
}

#[tokio::test(start_paused = true)]
async fn an_operation_that_uses_up_the_cooperative_budget_is_still_cancelled() {
    let call = tokio::spawn(async {
        let result: Result<(), Failure> = Timeout::new(SECOND)
            .execute(|| async {
                loop {
                    tokio::task::consume_budget().await;
                }
            })
            .await;
        result
    });
    yield_now().await;
    tokio::time::advance(2 * SECOND).await;
    for _ in 0..100 {
        yield_now().await;
    }
    assert!(call.is_finished(), "the timer was never seen");
    assert!(call.await.unwrap().is_err());
}

#[tokio::test(start_paused = true)]
async fn a_reload_is_obeyed_by_new_calls_and_those_under_way_keep_their_time() {
    let timeout = Timeout::new(5 * SECOND);
    let control = timeout.control().unwrap();
    let started = Instant::now();
    let under_way = tokio::spawn({
        let timeout = timeout.clone();
        async move {
            let result: Result<(), Failure> = timeout.execute(pending).await;
            (result, started.elapsed())
        }
    });
    yield_now().await;
    control.reload(&PolicyConfig::Timeout(TimeoutConfig::new(SECOND))).unwrap();
    assert_eq!(timeout.after(), SECOND, "clones share the setting");
    let result: Result<(), Failure> = timeout.execute(pending).await;
    assert_eq!(result, Err(Failure::Policy(Rejection::Timeout { after: SECOND })));
    let rejection = Rejection::Timeout { after: 5 * SECOND };
    assert_eq!(under_way.await.unwrap(), (Err(Failure::Policy(rejection)), 5 * SECOND));
    assert_eq!(timeout.snapshot().timed_out, 2);
    assert_eq!(control.snapshot(), Snapshot::Timeout(timeout.snapshot()));

    let zero = control.reload(&PolicyConfig::Timeout(TimeoutConfig::new(Duration::ZERO))).unwrap_err();
    assert_eq!(zero.field(), "after");
    let other = control.reload(&PolicyConfig::Retry(RetryPolicy::new())).unwrap_err();
    assert_eq!((other.field(), other.accepted()), ("kind", "timeout"));
    assert_eq!(timeout.after(), SECOND, "the old settings stay in force");
}
