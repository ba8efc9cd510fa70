//! Fallback: who answers for which errors, with futures and without.

use std::{
    cell::Cell,
    future::{pending, ready},
    time::Duration,
};

use otlp_reliability::{
    BlockingPolicy, Controlled, Event, Fallback, FallbackSnapshot, Policy, PolicyConfig, Recover, Rejection,
    RetryPolicy, Snapshot, Timeout,
};

use crate::{Failure, Record};

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test]
async fn a_success_passes_untouched_and_an_error_gets_the_value() {
    let record = Record::default();
    let fallback = Fallback::value(7).with_observer(record.clone());
    assert_eq!(fallback.execute(|| ready(Ok::<_, Failure>(1))).await, Ok(1));
    assert_eq!(record.events(), []);
    assert_eq!(fallback.execute(|| ready(Err(Failure::Refused(1)))).await, Ok(7));
    assert_eq!(record.events(), [Event::FellBack]);
}

#[tokio::test]
async fn a_function_sees_the_error_and_may_fail_itself() {
    let record = Record::default();
    let fallback = Fallback::from_fn(|error: Failure| match error {
        Failure::Refused(code) if code < 10 => Ok(code + 100),
        other => Err(other),
    });
    let fallback = fallback.with_observer(record.clone());
    assert_eq!(fallback.execute(|| ready(Err(Failure::Refused(1)))).await, Ok(101));
    assert_eq!(fallback.execute(|| ready(Err(Failure::Refused(20)))).await, Err(Failure::Refused(20)));
    assert_eq!(record.events(), [Event::FellBack], "an error is no answer");
    let figures = fallback.snapshot();
    assert_eq!((figures.fell_back, figures.failed), (1, 1));
    assert_eq!(fallback.control().unwrap().snapshot(), Snapshot::Fallback(figures));
}

#[tokio::test(start_paused = true)]
async fn an_async_function_answers_for_a_rejection_of_the_policies_inside() {
    let cached = |error: Failure| async move {
        tokio::time::sleep(SECOND).await;
        Ok(format!("cached: {error:?}"))
    };
    let policy = (Fallback::from_async_fn(cached), Timeout::new(SECOND));
    let answer = tokio::spawn(async move { policy.run(pending::<Result<String, Failure>>).await });
    assert_eq!(answer.await.unwrap().unwrap(), "cached: Policy(Timeout { after: 1s })");
}

#[tokio::test]
async fn only_the_errors_that_the_filter_accepts_are_recovered_from() {
    let asked = Cell::new(0);
    let fallback = Fallback::value(7).when(|error: &Failure| matches!(error, Failure::Policy(_)));
    let refused: Result<i32, Failure> = fallback
        .execute(|| {
            asked.set(asked.get() + 1);
            ready(Err(Failure::Refused(1)))
        })
        .await;
    assert_eq!((refused, asked.get()), (Err(Failure::Refused(1)), 1));
    assert_eq!(fallback.execute(|| ready(Err(Failure::Policy(Rejection::Full)))).await, Ok(7));
    assert_eq!(fallback.snapshot().fell_back, 1);
}

#[test]
fn threads_have_fallbacks_too() {
    let retry = RetryPolicy::constant(Duration::ZERO).build().unwrap();
    let policy =
        (Fallback::from_fn(|error: Failure| if error == Failure::Refused(3) { Ok(0) } else { Err(error) }), retry);
    let calls = Cell::new(0);
    let answer = policy.call(|| {
        calls.set(calls.get() + 1);
        Err(Failure::Refused(calls.get()))
    });
    assert_eq!(answer, Ok(0), "the error of the third attempt");
    assert_eq!(Fallback::value(7).call(|| Err::<i32, _>(Failure::Refused(1))), Ok(7));
}

#[tokio::test]
async fn a_recovery_of_ones_own_goes_in() {
    struct Stale(&'static str);
    impl Recover<String, Failure> for Stale {
        async fn recover(&self, error: Failure) -> Result<String, Failure> {
            if error == Failure::Refused(1) { Ok(self.0.to_owned()) } else { Err(error) }
        }
    }
    let fallback = Fallback::with(Stale("yesterday's"));
    assert_eq!(fallback.run(|| ready(Err(Failure::Refused(1)))).await.unwrap(), "yesterday's");
    assert!(fallback.run(|| ready(Err::<String, _>(Failure::Refused(2)))).await.is_err());
}

#[test]
fn there_is_nothing_to_reload() {
    let fallback = Fallback::value(());
    let error = fallback.control().unwrap().reload(&PolicyConfig::Retry(RetryPolicy::new())).unwrap_err();
    assert_eq!((error.field(), error.value(), error.accepted()), ("kind", "\"retry\"", "fallback"));
    assert_eq!(fallback.snapshot(), FallbackSnapshot::default());
}
