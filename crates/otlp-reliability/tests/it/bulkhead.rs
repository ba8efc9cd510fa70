//! The bulkhead: who comes in, in which order, and that every place comes back.

use std::{
    future::{Future, pending, ready},
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
    time::Duration,
};

use otlp_reliability::{
    BlockingPolicy, Bulkhead, BulkheadConfig, Controlled, Event, Permit, Policy, PolicyConfig, Rejection, Snapshot,
    TimeoutConfig,
};
use tokio::{task::yield_now, time::advance};

use crate::{Failure, Record, poll_once};

const SECOND: Duration = Duration::from_secs(1);

fn waiting_bulkhead() -> Bulkhead {
    BulkheadConfig::new(1).with_max_waiting(8).build().unwrap()
}

/// Counts its calls.
#[derive(Default)]
struct Calls(AtomicU32);

impl Wake for Calls {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[tokio::test]
async fn ten_calls_run_at_once_and_the_eleventh_is_rejected() {
    let record = Record::default();
    let bulkhead = Bulkhead::new(10).with_observer(record.clone());
    let permits: Vec<Permit> = (0..10).map(|_| bulkhead.try_acquire().unwrap()).collect();
    let result: Result<(), Failure> = bulkhead.execute(|| ready(Ok(()))).await;
    assert_eq!(result, Err(Failure::Policy(Rejection::Full)));
    assert_eq!(record.events(), [Event::Rejected(Rejection::Full)]);

    drop(permits);
    let result: Result<u32, Failure> = bulkhead.execute(|| ready(Ok(7))).await;
    assert_eq!(result, Ok(7));
    let figures = bulkhead.snapshot();
    assert_eq!((figures.max_concurrent, figures.in_flight, figures.rejected, figures.waited), (10, 0, 1, 0));
}

#[test]
fn a_bulkhead_of_zero_lets_nothing_in_until_it_is_resized() {
    let bulkhead = Bulkhead::new(0);
    assert_eq!(bulkhead.try_acquire().unwrap_err(), Rejection::Full);
    bulkhead.resize(1);
    assert!(bulkhead.try_acquire().is_ok());
    assert!(Bulkhead::new(u32::MAX).try_acquire().is_ok(), "the largest number is no overflow");
}

#[tokio::test(start_paused = true)]
async fn the_line_is_served_in_the_order_of_coming() {
    let bulkhead = waiting_bulkhead();
    let first = bulkhead.try_acquire().unwrap();
    let served = Arc::new(std::sync::Mutex::new(Vec::new()));
    let mut tasks = Vec::new();
    for number in 0..5 {
        let (bulkhead, served) = (bulkhead.clone(), Arc::clone(&served));
        tasks.push(tokio::spawn(async move {
            let permit = bulkhead.acquire().await.unwrap();
            served.lock().unwrap().push(number);
            yield_now().await;
            drop(permit);
        }));
        yield_now().await;
    }
    assert_eq!(bulkhead.snapshot().waiting, 5);
    drop(first);
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(*served.lock().unwrap(), [0, 1, 2, 3, 4]);
    let figures = bulkhead.snapshot();
    assert_eq!((figures.in_flight, figures.waiting, figures.waited, figures.rejected), (0, 0, 5, 0));
}

#[tokio::test]
async fn the_line_has_an_end() {
    let bulkhead = BulkheadConfig::new(1).with_max_waiting(1).build().unwrap();
    let _inside = bulkhead.try_acquire().unwrap();
    let mut waiting = pin!(bulkhead.acquire());
    assert!(poll_once(waiting.as_mut()).is_pending());
    assert_eq!(bulkhead.acquire().await.unwrap_err(), Rejection::Full);
    assert_eq!(bulkhead.snapshot().timed_out, 0);
}

#[tokio::test(start_paused = true)]
async fn pitfall_15_the_longest_wait_passes_in_paused_time() {
    let record = Record::default();
    let config = BulkheadConfig::new(1).with_max_waiting(1).with_max_wait(SECOND);
    let bulkhead = config.build().unwrap().with_observer(record.clone());
    let inside = bulkhead.try_acquire().unwrap();
    {
        let mut waiting = pin!(bulkhead.acquire());
        assert!(poll_once(waiting.as_mut()).is_pending());
        advance(SECOND - Duration::from_millis(1)).await;
        assert!(poll_once(waiting.as_mut()).is_pending());
        advance(Duration::from_millis(2)).await;
        assert!(matches!(poll_once(waiting.as_mut()), Poll::Ready(Err(Rejection::Full))));
    }
    assert_eq!(record.events(), [Event::Rejected(Rejection::Full)]);
    let figures = bulkhead.snapshot();
    assert_eq!((figures.waiting, figures.timed_out, figures.rejected), (0, 1, 1));
    drop(inside);
    assert!(bulkhead.try_acquire().is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_place_that_comes_free_in_the_moment_the_wait_ends_is_taken() {
    let bulkhead = BulkheadConfig::new(1).with_max_waiting(1).with_max_wait(SECOND).build().unwrap();
    let inside = bulkhead.try_acquire().unwrap();
    let mut waiting = pin!(bulkhead.acquire());
    assert!(poll_once(waiting.as_mut()).is_pending());
    advance(2 * SECOND).await;
    drop(inside);
    assert!(matches!(poll_once(waiting.as_mut()), Poll::Ready(Ok(_))));
}

#[tokio::test(start_paused = true)]
async fn the_longest_duration_is_a_wait_without_overflow() {
    let bulkhead = BulkheadConfig::new(1).with_max_waiting(1).with_max_wait(Duration::MAX).build().unwrap();
    let inside = bulkhead.try_acquire().unwrap();
    let mut waiting = pin!(bulkhead.acquire());
    assert!(poll_once(waiting.as_mut()).is_pending());
    drop(inside);
    assert!(matches!(poll_once(waiting.as_mut()), Poll::Ready(Ok(_))));
}

#[tokio::test]
async fn pitfall_08_permits_come_back_when_a_call_is_dropped_at_any_await_point() {
    let bulkhead = waiting_bulkhead();
    let inside = bulkhead.try_acquire().unwrap();
    {
        let mut in_line = pin!(bulkhead.execute(pending::<Result<(), Failure>>));
        assert!(poll_once(in_line.as_mut()).is_pending());
        assert_eq!(bulkhead.snapshot().waiting, 1);
    }
    assert_eq!(bulkhead.snapshot().waiting, 0);
    {
        let mut let_in = pin!(bulkhead.execute(pending::<Result<(), Failure>>));
        assert!(poll_once(let_in.as_mut()).is_pending());
        drop(inside);
        assert_eq!(bulkhead.snapshot().in_flight, 1, "the place is the waiter's before it is polled");
    }
    assert_eq!(bulkhead.snapshot().in_flight, 0);
    {
        let mut running = pin!(bulkhead.execute(pending::<Result<(), Failure>>));
        assert!(poll_once(running.as_mut()).is_pending());
        assert_eq!(bulkhead.snapshot().in_flight, 1);
    }
    assert_eq!(bulkhead.snapshot().in_flight, 0);
    {
        let mut acquired = pin!(bulkhead.acquire());
        assert!(poll_once(acquired.as_mut()).is_ready());
    }
    assert_eq!(bulkhead.snapshot().in_flight, 0);
}

#[tokio::test]
async fn pitfall_06_a_panic_of_the_operation_gives_the_permit_back() {
    let bulkhead = Bulkhead::new(1);
    let task = {
        let bulkhead = bulkhead.clone();
        tokio::spawn(
            async move { bulkhead.execute(|| async { panic!("in the operation") }).await as Result<(), Failure> },
        )
    };
    assert!(task.await.unwrap_err().is_panic());
    assert_eq!(bulkhead.snapshot().in_flight, 0);

    let call = || bulkhead.call(|| -> Result<(), Failure> { panic!("in the operation") });
    assert!(catch_unwind(AssertUnwindSafe(call)).is_err());
    assert_eq!(bulkhead.snapshot().in_flight, 0);
}

#[test]
fn pitfall_18_a_waiter_that_is_dropped_passes_its_place_on() {
    let bulkhead = waiting_bulkhead();
    let inside = bulkhead.try_acquire().unwrap();
    let calls = Arc::new(Calls::default());
    let waker = Waker::from(Arc::clone(&calls));
    let mut second = pin!(bulkhead.acquire());
    {
        let mut first = pin!(bulkhead.acquire());
        assert!(poll_once(first.as_mut()).is_pending());
        assert!(second.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        drop(inside);
        assert_eq!(calls.0.load(Ordering::Relaxed), 0, "it is the first one's turn");
    }
    assert_eq!(calls.0.load(Ordering::Relaxed), 1, "who is gone, so the second is woken");
    assert!(poll_once(second.as_mut()).is_ready());
}

#[test]
fn pitfall_18_nobody_overtakes_the_line() {
    let bulkhead = waiting_bulkhead();
    let inside = bulkhead.try_acquire().unwrap();
    let mut first = pin!(bulkhead.acquire());
    assert!(poll_once(first.as_mut()).is_pending());
    let mut second = pin!(bulkhead.acquire());
    assert!(poll_once(second.as_mut()).is_pending());
    drop(inside);
    assert_eq!(bulkhead.try_acquire().unwrap_err(), Rejection::Full, "a newcomer");
    assert!(poll_once(second.as_mut()).is_pending(), "one who asks again");
    let Poll::Ready(Ok(permit)) = poll_once(first.as_mut()) else { panic!("it was the first one's turn") };
    drop(permit);
    assert!(poll_once(second.as_mut()).is_ready());
}

#[test]
fn a_waiter_that_moves_to_another_task_is_woken_there() {
    let bulkhead = waiting_bulkhead();
    let inside = bulkhead.try_acquire().unwrap();
    let (before, after) = (Arc::new(Calls::default()), Arc::new(Calls::default()));
    let mut waiting = pin!(bulkhead.acquire());
    for calls in [&before, &after] {
        let waker = Waker::from(Arc::clone(calls));
        assert!(waiting.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    }
    drop(inside);
    assert_eq!((before.0.load(Ordering::Relaxed), after.0.load(Ordering::Relaxed)), (0, 1));
}

#[test]
fn a_waker_may_use_the_bulkhead() {
    struct Nosy(Bulkhead);
    impl Wake for Nosy {
        fn wake(self: Arc<Self>) {
            assert_eq!(self.0.snapshot().in_flight, 1);
        }
    }
    impl Drop for Nosy {
        fn drop(&mut self) {
            assert_eq!(self.0.snapshot().max_concurrent, 1);
        }
    }

    let bulkhead = waiting_bulkhead();
    let inside = bulkhead.try_acquire().unwrap();
    {
        let mut cancelled = pin!(bulkhead.acquire());
        for _ in 0..2 {
            let waker = Waker::from(Arc::new(Nosy(bulkhead.clone())));
            assert!(cancelled.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        }
    }
    let mut waiting = pin!(bulkhead.acquire());
    let waker = Waker::from(Arc::new(Nosy(bulkhead.clone())));
    assert!(waiting.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    drop(inside);
}

#[test]
fn a_limit_that_grows_lets_waiters_in_and_one_that_shrinks_lets_calls_end() {
    let bulkhead = waiting_bulkhead();
    let inside = bulkhead.try_acquire().unwrap();
    let mut first = pin!(bulkhead.acquire());
    let mut second = pin!(bulkhead.acquire());
    let mut third = pin!(bulkhead.acquire());
    assert!(
        poll_once(first.as_mut()).is_pending()
            && poll_once(second.as_mut()).is_pending()
            && poll_once(third.as_mut()).is_pending()
    );
    bulkhead.resize(3);
    let (Poll::Ready(Ok(first)), Poll::Ready(Ok(second))) = (poll_once(first.as_mut()), poll_once(second.as_mut()))
    else {
        panic!("there is room for two more")
    };
    assert!(poll_once(third.as_mut()).is_pending());

    bulkhead.resize(1);
    let figures = bulkhead.snapshot();
    assert_eq!((figures.max_concurrent, figures.in_flight, figures.waiting), (1, 3, 1));
    drop((inside, first));
    assert!(poll_once(third.as_mut()).is_pending(), "one is still inside");
    drop(second);
    assert!(poll_once(third.as_mut()).is_ready());
}

#[test]
fn settings_are_exchanged_as_a_whole_and_counters_stay() {
    let bulkhead = Bulkhead::new(1);
    let control = bulkhead.control().unwrap();
    let _inside = bulkhead.try_acquire().unwrap();
    assert!(bulkhead.try_acquire().is_err());

    let error = control.reload(&PolicyConfig::Bulkhead(BulkheadConfig::new(0).with_max_waiting(3))).unwrap_err();
    assert_eq!(error.to_string(), "max_concurrent = 0 is not accepted: it takes 1 to 2147483647");
    let error = control.reload(&PolicyConfig::Timeout(TimeoutConfig::default())).unwrap_err();
    assert_eq!(error.field(), "kind");
    assert!(bulkhead.try_acquire().is_err(), "refused settings change nothing");

    control.reload(&PolicyConfig::Bulkhead(BulkheadConfig::new(2).with_max_waiting(1))).unwrap();
    let _second = bulkhead.try_acquire().unwrap();
    let mut waiting = pin!(bulkhead.acquire());
    assert!(poll_once(waiting.as_mut()).is_pending(), "there is a line now");
    let Snapshot::Bulkhead(figures) = control.snapshot() else { panic!("another kind") };
    assert_eq!(figures, bulkhead.snapshot());
    assert_eq!((figures.max_concurrent, figures.in_flight, figures.waiting, figures.rejected), (2, 2, 1, 2));
}

#[test]
fn another_clock_means_another_bulkhead_with_the_same_settings() {
    let bulkhead = BulkheadConfig::new(1).with_max_waiting(1).build().unwrap();
    let _inside = bulkhead.try_acquire().unwrap();
    let other = bulkhead.clone().with_clock(otlp_reliability::TokioClock);
    let _inside_other = other.try_acquire().unwrap();
    let mut waiting = pin!(other.acquire());
    assert!(poll_once(waiting.as_mut()).is_pending());
    assert_eq!(other.snapshot().max_concurrent, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_thousand_callers_some_of_which_give_up_all_come_through() {
    let bulkhead = BulkheadConfig::new(7).with_max_waiting(1000).build().unwrap();
    let inside = Arc::new(AtomicU32::new(0));
    let mut tasks = Vec::new();
    for number in 0..1000u32 {
        let (bulkhead, inside) = (bulkhead.clone(), Arc::clone(&inside));
        tasks.push(tokio::spawn(async move {
            if number % 3 == 0 {
                let mut impatient = Box::pin(bulkhead.acquire());
                drop(poll_once(impatient.as_mut()));
                return;
            }
            let result: Result<(), Failure> = bulkhead
                .run(|| async {
                    assert!(inside.fetch_add(1, Ordering::SeqCst) < 7);
                    yield_now().await;
                    inside.fetch_sub(1, Ordering::SeqCst);
                    Ok(())
                })
                .await;
            assert_eq!(result, Ok(()));
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
    let figures = bulkhead.snapshot();
    assert_eq!((figures.in_flight, figures.waiting, figures.rejected), (0, 0, 0));
}
