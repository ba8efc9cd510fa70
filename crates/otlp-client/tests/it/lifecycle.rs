//! The life of a client from its users' side: futures that are dropped half way, two clients in one process, and the end of
//! a client at the hands of what it calls itself.

use std::{
    pin::pin,
    sync::{Arc, mpsc},
    task::{Context, Waker},
    thread,
    time::Duration,
};

use otlp_batch::{DeliveryObserver, Settled};
use otlp_client::EnhancedOtlpClient;
use parking_lot::Mutex;

use crate::setup::{DEADLINE, builder, client, receiver, spans};

/// Polls `future` this many times, and drops it.
fn poll_and_drop(future: impl Future, polls: usize) {
    let mut future = pin!(future);
    for _ in 0..polls {
        if future.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready() {
            return;
        }
        thread::yield_now();
    }
}

#[test]
fn a_future_that_is_dropped_after_any_number_of_polls_loses_nothing() {
    for polls in 0..8 {
        let receiver = receiver();
        let client = client(&receiver);
        spans(&client, 10);
        poll_and_drop(client.flush(DEADLINE), polls);
        poll_and_drop(client.persist(DEADLINE), polls);
        poll_and_drop(client.shutdown(DEADLINE), polls);
        let report = client.shutdown_blocking(DEADLINE);
        assert!(report.complete, "{polls}: {report}");
        let traces = &report.ledgers[0].traces;
        assert_eq!((traces.accepted, traces.delivered), (10, 10), "{polls}: {report}");
        assert_eq!(receiver.store().spans().len(), 10, "{polls}");
    }
}

#[test]
fn two_clients_in_one_process_share_nothing() {
    let (one, other) = (receiver(), receiver());
    let (first, second) = (client(&one), client(&other));
    spans(&first, 3);
    spans(&second, 5);
    assert!(first.shutdown_blocking(DEADLINE).complete);
    spans(&second, 5);
    assert!(second.shutdown_blocking(DEADLINE).complete);
    assert_eq!((one.store().spans().len(), other.store().spans().len()), (3, 10));
}

/// Does something with a client, once, on the thread that delivers.
struct OnDelivery(Mutex<Option<Box<dyn FnOnce() + Send>>>);

impl OnDelivery {
    fn new() -> Arc<Self> {
        Arc::new(OnDelivery(Mutex::new(None)))
    }

    fn is_to(&self, act: impl FnOnce() + Send + 'static) {
        *self.0.lock() = Some(Box::new(act));
    }
}

impl DeliveryObserver for OnDelivery {
    fn settled(&self, _: &Settled<'_>) {
        let act = self.0.lock().take();
        if let Some(act) = act {
            act();
        }
    }
}

fn observed(endpoint: String) -> (EnhancedOtlpClient, Arc<OnDelivery>) {
    let observer = OnDelivery::new();
    let client = builder(endpoint).0.with_grpc_transport().with_delivery_observer(Arc::clone(&observer) as _);
    (client.with_drop_deadline(Duration::MAX).build_blocking().unwrap(), observer)
}

#[test]
fn a_last_client_that_is_dropped_on_its_own_thread_does_not_wait_for_itself() {
    let receiver = receiver();
    let (client, observer) = observed(receiver.grpc_endpoint());
    let (ended, end) = mpsc::channel();
    spans(&client, 1);
    let sent = client.tracer("test");
    observer.is_to(move || {
        sent.start("late").end();
        drop(client);
        let _ = ended.send(());
    });
    assert_eq!(end.recv_timeout(DEADLINE), Ok(()), "the drop returns");
}

#[test]
fn waiting_for_a_flush_on_the_thread_that_flushes_ends() {
    let receiver = receiver();
    let (client, observer) = observed(receiver.grpc_endpoint());
    let (ended, end) = mpsc::channel();
    spans(&client, 1);
    let inner = client.clone();
    observer.is_to(move || {
        spans(&inner, 1);
        let _ = ended.send(inner.flush_blocking(Duration::MAX).complete);
    });
    assert_eq!(end.recv_timeout(DEADLINE), Ok(false), "what was recorded here is not delivered yet, and it says so");
    assert!(client.shutdown_blocking(DEADLINE).complete, "the client works on");
    assert_eq!(receiver.store().spans().len(), 2);
}
