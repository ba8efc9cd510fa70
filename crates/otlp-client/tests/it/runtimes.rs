//! No runtime, runtimes of every kind, drops in awkward places, many threads.

use std::{panic, time::Duration};

use otlp_core::Signal;

use crate::setup::{DEADLINE, client, duration_of, receiver, spans};

#[test]
fn no_runtime_at_all() {
    let receiver = receiver();
    let client = client(&receiver);
    spans(&client, 100);
    assert!(client.flush_blocking(DEADLINE).complete);
    assert_eq!(receiver.store().count(Signal::Traces), 100);
    spans(&client, 1);
    assert_eq!(client.shutdown_blocking(DEADLINE).ledgers[0].traces.delivered, 101);
}

#[test]
fn shutdown_from_inside_a_current_thread_runtime() {
    let receiver = receiver();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let blocking = client(&receiver);
        spans(&blocking, 10);
        assert_eq!(blocking.shutdown_blocking(DEADLINE).ledgers[0].traces.delivered, 10);
        let waiting = client(&receiver);
        spans(&waiting, 10);
        assert_eq!(waiting.shutdown(DEADLINE).await.ledgers[0].traces.delivered, 10);
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn spans_across_tasks_of_a_multi_thread_runtime() {
    let receiver = tokio::task::spawn_blocking(receiver).await.unwrap();
    let client = client(&receiver);
    let tasks: Vec<_> = (0..100)
        .map(|number| {
            let tracer = client.tracer("tasks");
            tokio::spawn(async move {
                let mut span = tracer.start("task");
                tokio::task::yield_now().await;
                span.set_attribute("number", number);
                span.end();
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert!(client.flush(DEADLINE).await.complete);
    assert_eq!(receiver.store().count(Signal::Traces), 100);
}

#[test]
fn a_drop_outside_of_a_runtime_delivers() {
    let receiver = receiver();
    let client = client(&receiver);
    spans(&client, 10);
    drop(client);
    assert_eq!(receiver.store().count(Signal::Traces), 10);
}

#[test]
fn a_drop_inside_of_a_runtime_delivers() {
    let receiver = receiver();
    for runtime in [
        tokio::runtime::Builder::new_current_thread().build().unwrap(),
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap(),
    ] {
        runtime.block_on(async {
            let client = client(&receiver);
            spans(&client, 10);
        });
    }
    assert_eq!(receiver.store().count(Signal::Traces), 20);
}

#[test]
fn a_drop_during_unwinding_delivers_and_ends_open_spans() {
    let receiver = receiver();
    let client = client(&receiver);
    let result = panic::catch_unwind(panic::AssertUnwindSafe(move || {
        let _open = client.tracer("test").start("open");
        spans(&client, 5);
        panic!("scripted panic");
    }));
    assert!(result.is_err());
    assert_eq!(receiver.store().count(Signal::Traces), 6);
    assert_eq!(receiver.store().spans_named("open").len(), 1);
}

#[test]
fn dropping_a_clone_is_not_dropping_the_client() {
    let receiver = receiver();
    let client = client(&receiver);
    drop(client.clone());
    spans(&client, 1);
    assert_eq!(client.shutdown_blocking(DEADLINE).ledgers[0].traces.delivered, 1);
}

#[test]
fn clones_in_64_threads() {
    let receiver = receiver();
    let client = client(&receiver);
    std::thread::scope(|threads| {
        for _ in 0..64 {
            let client = client.clone();
            threads.spawn(move || spans(&client, 100));
        }
    });
    assert_eq!(client.shutdown_blocking(DEADLINE).ledgers[0].traces.delivered, 6_400);
    assert_eq!(receiver.store().arrivals(Signal::Traces).len(), 6_400);
}

#[test]
fn a_cancelled_flush_goes_on_and_a_later_one_completes() {
    let receiver = receiver();
    let client = client(&receiver);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async {
        spans(&client, 10);
        let cancelled = tokio::time::timeout(Duration::ZERO, client.flush(DEADLINE)).await;
        drop(cancelled);
        assert!(client.flush(DEADLINE).await.complete);
    });
    assert_eq!(receiver.store().count(Signal::Traces), 10);
}

#[test]
fn a_shutdown_keeps_its_deadline() {
    let receiver = receiver();
    receiver.faults().inject(otlp_receiver::Fault::BlackHole { stored: false });
    let client = client(&receiver);
    spans(&client, 10);
    let mut report = None;
    let took = duration_of(|| report = Some(client.shutdown_blocking(Duration::from_millis(100))));
    assert!(took < Duration::from_secs(5), "{took:?}");
    let ledger = report.unwrap().ledgers[0].traces;
    assert_eq!((ledger.dropped.total(), ledger.pending), (10, 0), "{ledger}");
}
