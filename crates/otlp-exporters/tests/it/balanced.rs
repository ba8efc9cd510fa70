//! Several receivers, one of which cannot be sent to yet: the others are.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
        mpsc,
    },
    time::Duration,
};

use otlp_batch::{Batch, MemoryBudget, Pipeline};
use otlp_core::{ErrorKind, ExportError, Outcome};
use otlp_discovery::{Endpoint, LoadBalancer, ServiceDiscovery, ServicePool};
use otlp_exporters::{Attempt, BalancedExporter, Hurry};
use otlp_reliability::RetryPolicy;
use parking_lot::Mutex;
use tokio::sync::watch;

use crate::records::{pipeline, span};

const DEADLINE: Duration = Duration::from_secs(20);

/// Takes everything, and counts it.
struct Counting(watch::Sender<usize>);

impl Attempt for Counting {
    type Prepared = ();

    fn name(&self) -> String {
        "counting".to_owned()
    }

    fn prepare(&self, _: &Batch, _: &MemoryBudget) -> Result<(), ExportError> {
        Ok(())
    }

    async fn attempt(&self, (): &()) -> Outcome {
        self.0.send_modify(|count| *count += 1);
        Outcome::delivered()
    }
}

fn pool() -> ServicePool {
    let endpoints = ["a", "b"].map(|host| Endpoint::new(host, 1));
    let discovery = ServiceDiscovery::new().with_endpoints("receivers", endpoints);
    discovery.prepare(LoadBalancer::new()).unwrap().discover("receivers").unwrap()
}

fn start(connect: impl Fn(&Endpoint) -> Result<Counting, ExportError> + Send + Sync + 'static) -> Pipeline {
    let retry = RetryPolicy::new().with_max_attempts(None).with_initial_delay(Duration::from_millis(1));
    let connect = move |endpoint: &Endpoint, _: Option<&_>| connect(endpoint);
    pipeline(BalancedExporter::new("receivers", pool(), connect, retry.build().unwrap(), Hurry::new()))
}

#[test]
fn a_receiver_whose_certificates_hang_keeps_no_batch_from_the_others_and_is_connected_to_once() {
    let (release, gate) = mpsc::channel::<()>();
    let (gate, counts) = (Mutex::new(gate), watch::Sender::new(0));
    let begun = Arc::new(AtomicUsize::new(0));
    let (to_b, connects) = (counts.clone(), Arc::clone(&begun));
    let pipeline = start(move |endpoint| {
        if endpoint.host == "a" {
            connects.fetch_add(1, SeqCst);
            let _ = gate.lock().recv();
            return Ok(Counting(watch::Sender::new(0)));
        }
        Ok(Counting(to_b.clone()))
    });
    // One after the other they are tried: two of these wait for the one that hangs.
    for number in 0..4 {
        span(pipeline.intake(), &number.to_string());
        pipeline.flush_blocking(Duration::ZERO);
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let mut delivered = counts.subscribe();
    runtime
        .block_on(async { tokio::time::timeout(DEADLINE, delivered.wait_for(|count| *count >= 1)).await })
        .expect("the other receiver gets its batches")
        .unwrap();
    drop(release);
    let ledger = pipeline.shutdown_blocking(DEADLINE).ledgers.remove(0);
    assert_eq!((ledger.traces.delivered, ledger.lost()), (4, 0), "{ledger}");
    assert_eq!(begun.load(SeqCst), 1, "those who wait for it share it");
}

#[test]
fn a_transport_that_cannot_be_made_or_whose_making_panics_is_tried_again() {
    let tried = Arc::new(AtomicUsize::new(0));
    let tries = Arc::clone(&tried);
    let pipeline = start(move |_| match tries.fetch_add(1, SeqCst) {
        0 => Err(ExportError::new(ErrorKind::Network, "no file")),
        1 => panic!("scripted"),
        _ => Ok(Counting(watch::Sender::new(0))),
    });
    for number in 0..4 {
        span(pipeline.intake(), &number.to_string());
        assert!(pipeline.flush_blocking(DEADLINE).complete);
    }
    let ledger = pipeline.shutdown_blocking(DEADLINE).ledgers.remove(0);
    assert_eq!((ledger.traces.delivered, ledger.lost()), (4, 0), "{ledger}");
    assert_eq!(tried.load(SeqCst), 4, "and is kept once it is there");
}
