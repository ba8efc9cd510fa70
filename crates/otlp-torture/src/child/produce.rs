//! The threads of a child that record, each its own items in order.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use otlp_client::EnhancedOtlpClient;
use otlp_core::{Signal, data::Severity};
use parking_lot::Mutex;

use crate::{
    item::{COUNTER, FILLING, Item, NAME, PRODUCERS, RUN},
    journal::{Entry, Journal},
    orders::Orders,
};

/// How many items an intention in the journal covers.
const BLOCK: u32 = 500;
/// How often a thread records a burst.
const BEAT: Duration = Duration::from_millis(5);

/// The threads.
pub(super) struct Producers {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    /// How many items each thread has recorded. Moved after the record has been handed over.
    recorded: [AtomicU32; PRODUCERS.len()],
    is_over: AtomicBool,
}

impl Producers {
    /// Starts the threads, unless there is nothing to be recorded.
    pub(super) fn start(orders: &Orders, client: &EnhancedOtlpClient, journal: &Arc<Mutex<Journal>>) -> Self {
        let shared = Arc::new(Shared::default());
        let start = |producer: usize| {
            let (orders, client, journal) = (orders.clone(), client.clone(), Arc::clone(journal));
            let shared = Arc::clone(&shared);
            thread::spawn(move || produce(producer, &orders, &client, &journal, &shared))
        };
        let threads = if orders.per_second > 0 { (0..PRODUCERS.len()).map(start).collect() } else { Vec::new() };
        Producers { shared, threads }
    }

    /// How many items each thread has recorded so far.
    pub(super) fn recorded(&self) -> [u32; PRODUCERS.len()] {
        self.shared.recorded.each_ref().map(|recorded| recorded.load(Ordering::Acquire))
    }

    /// Lets the threads end, and waits for it.
    pub(super) fn stop(&mut self) {
        self.shared.is_over.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            thread.thread().unpark();
            // A panic has ended the process.
            let _ = thread.join();
        }
    }
}

fn produce(producer: usize, orders: &Orders, client: &EnhancedOtlpClient, journal: &Mutex<Journal>, shared: &Shared) {
    let tracer = client.tracer("torture");
    let logger = client.logger("torture");
    let counter = client.meter("torture").u64_counter(COUNTER).init();
    let run = orders.run.to_string();
    let started = Instant::now();
    let mut number = 0;
    let mut intended = 0;
    loop {
        let due = (started.elapsed().as_secs_f64() * f64::from(orders.per_second)) as u32;
        while number < due {
            if shared.is_over.load(Ordering::Relaxed) {
                return;
            }
            if number == intended {
                intended += BLOCK;
                if journal.lock().write(&Entry::Intends(producer as u8, intended)).is_err() {
                    return;
                }
            }
            let item = Item { run: orders.run, producer: producer as u8, number };
            match PRODUCERS[producer] {
                Signal::Traces => {
                    let mut span = tracer.start("torture");
                    span.set_attribute(NAME, item.name(orders.seed));
                    span.set_attribute(FILLING, item.filling(orders.seed));
                    span.end();
                }
                Signal::Logs => {
                    let record = logger.record(Severity::Info).body("torture");
                    record.attribute(NAME, item.name(orders.seed)).attribute(FILLING, item.filling(orders.seed)).emit();
                }
                Signal::Metrics => counter.add(1, &[(RUN, run.as_str())]),
            }
            number += 1;
            shared.recorded[producer].store(number, Ordering::Release);
        }
        if shared.is_over.load(Ordering::Relaxed) {
            return;
        }
        thread::park_timeout(BEAT);
    }
}
