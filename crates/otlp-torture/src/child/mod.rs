//! The child: a process that records, and journals what it was told is durable. It is there to be killed.
//!
//! It is an ordinary user of the client. A thread records what the parent can tell apart; the main thread asks `persist`
//! again and again; and the parent's words come in on a third, which ends the process when the parent is gone.

mod client;
mod produce;

use std::{
    io::{self, BufRead, Write},
    sync::{
        Arc,
        mpsc::{self, RecvTimeoutError},
    },
    thread,
    time::{Duration, Instant},
};

use otlp_batch::Ledger;
use otlp_client::EnhancedOtlpClient;
use parking_lot::Mutex;

use self::produce::Producers;
use crate::{
    Failure,
    item::PRODUCERS,
    journal::{Entry, Journal},
    orders::{Answer, Level, Orders, Word},
};

/// How long a `persist` may take before the parent is told that it does not end.
const PATIENCE: Duration = Duration::from_millis(500);

/// Does what the parent orders, until it is told to stop.
pub(crate) fn run(orders: &str) -> Result<(), Failure> {
    let done = serde_json::from_str(orders).map_err(Failure::from).and_then(obey);
    if let Err(failure) = &done {
        say(&Answer::Failed(failure.to_string()));
    }
    done
}

fn obey(orders: Orders) -> Result<(), Failure> {
    let client = client::build(&orders)?;
    let journal = Arc::new(Mutex::new(Journal::create(&orders.journal)?));
    say(&Answer::Ready);
    let words = listen();
    let mut producers = Producers::start(&orders, &client, &journal);
    // Each `persist` collects the metrics: more often than batches are made, that would be the load.
    let pause = Duration::from_millis(orders.batch_milliseconds) / 2;
    let mut is_stuck = false;
    let mut given_up_before = 0;
    loop {
        match words.recv_timeout(pause) {
            Ok(Word::Hush) => producers.stop(),
            Ok(Word::Stop(milliseconds)) => {
                producers.stop();
                return end(&client, &producers, &journal, Duration::from_millis(milliseconds));
            }
            Ok(Word::Drain(milliseconds)) => {
                producers.stop();
                let until = Instant::now() + Duration::from_millis(milliseconds);
                while client.ledger().pending() > 0 && Instant::now() < until {
                    client.flush_blocking(until.saturating_duration_since(Instant::now()).min(Duration::from_secs(1)));
                }
                return end(&client, &producers, &journal, Duration::from_secs(2));
            }
            Err(RecvTimeoutError::Timeout) => {}
            // Nobody is left to be useful to.
            Err(RecvTimeoutError::Disconnected) => return Err("the parent is gone".into()),
        }
        // Without a level, it is a promise only if somebody asks: half of the children do not.
        if orders.level != Level::None || orders.run % 2 == 1 {
            let was_stuck = std::mem::replace(&mut is_stuck, !persist(&client, producers.recorded(), &journal)?);
            match (was_stuck, is_stuck) {
                (false, true) => say(&Answer::Stuck),
                (true, false) => say(&Answer::Unstuck),
                _ => {}
            }
        }
        let ledger = client.ledger();
        if std::mem::replace(&mut given_up_before, given_up(&ledger)) != given_up(&ledger) {
            journal.lock().write(&Entry::GivenUp(given_up(&ledger), Box::new(ledger)))?;
        }
    }
}

/// Journals what was recorded, if it is durable now. Whether it is.
fn persist(
    client: &EnhancedOtlpClient,
    recorded: [u32; PRODUCERS.len()],
    journal: &Mutex<Journal>,
) -> Result<bool, Failure> {
    let report = client.persist_blocking(PATIENCE);
    if report.durable && given_up(&client.ledger()) == 0 {
        journal.lock().write(&Entry::Durable(recorded))?;
    }
    Ok(report.durable)
}

/// Shuts down, and journals what the library said: what it did not give up is at the receiver or on the disk.
fn end(
    client: &EnhancedOtlpClient,
    producers: &Producers,
    journal: &Mutex<Journal>,
    deadline: Duration,
) -> Result<(), Failure> {
    say(&Answer::Stopping);
    let recorded = producers.recorded();
    let report = client.shutdown_blocking(deadline);
    let ledger = report.ledgers.into_iter().next().unwrap_or_default();
    let mut journal = journal.lock();
    if report.durable && given_up(&ledger) == 0 {
        journal.write(&Entry::Durable(recorded))?;
    }
    journal.write(&Entry::Ended(Box::new(ledger), report.durable))?;
    say(&Answer::Done);
    Ok(())
}

/// How many items of this process the library says it lost. What it found damaged was of an earlier one, which had not
/// been told that it was durable, or the parent will miss it.
fn given_up(ledger: &Ledger) -> u64 {
    let damaged = |ledger: &otlp_batch::SignalLedger| ledger.dropped[otlp_batch::DropReason::DiskDamaged];
    ledger.lost() - damaged(&ledger.traces) - damaged(&ledger.metrics) - damaged(&ledger.logs)
}

/// Tells the parent something. Without a parent the process is about to end anyway.
fn say(answer: &Answer) {
    if let Ok(text) = serde_json::to_string(answer) {
        let _ = writeln!(io::stdout().lock(), "{text}");
    }
}

/// The parent's words. The channel closes when the parent is gone.
fn listen() -> mpsc::Receiver<Word> {
    let (sender, words) = mpsc::channel();
    thread::spawn(move || {
        for line in io::stdin().lock().lines() {
            let Ok(word) = serde_json::from_str(&line.unwrap_or_default()) else { break };
            if sender.send(word).is_err() {
                break;
            }
        }
    });
    words
}
