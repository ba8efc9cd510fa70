//! A round: one queue directory, one backend, and processes on it one after the other until everything is delivered and
//! judged. What a round leaves is kept if it fails, and removed if not.

use std::{fs, path::PathBuf, time::Duration};

use otlp_core::Signal;

use crate::{
    Failure,
    backend::{Backend, Weather},
    journal::Promises,
    orders::{Answer, Level, Orders, Word},
    process::{Ending, Process},
    run::Run,
    tally::{Explanation, Tally},
    verdict::Verdict,
};

/// How long the last process may take to deliver everything, and any to begin or to end.
pub(crate) const DEADLINE: Duration = Duration::from_secs(120);

/// One queue and what became of it.
pub(crate) struct Round {
    seed: u64,
    directory: PathBuf,
    pub(crate) backend: Backend,
    pub(crate) tally: Tally,
    pub(crate) runs: Vec<Run>,
    settled_below: u32,
}

impl Round {
    /// An empty directory and a backend in clear weather.
    ///
    /// # Errors
    /// If there can be neither.
    pub(crate) fn new(scenario: &str, seed: u64) -> Result<Self, Failure> {
        let name = format!("otlp-torture-{scenario}-{seed}-{}", std::process::id());
        let directory = std::env::temp_dir().join(name);
        fs::create_dir_all(directory.join("queue"))?;
        let backend = Backend::start(seed)?;
        Ok(Round { seed, directory, backend, tally: Tally::default(), runs: Vec::new(), settled_below: 0 })
    }

    /// Where the queue is.
    pub(crate) fn queue(&self) -> PathBuf {
        self.directory.join("queue")
    }

    /// Orders for the next process: with every other seed the queue is encrypted; small files, so that they often change, and many batches, so that a kill meets them in
    /// every state.
    pub(crate) fn orders(&self, level: Level, per_second: u32) -> Orders {
        let run = self.runs.len() as u32;
        Orders {
            run,
            seed: self.seed,
            endpoint: self.backend.endpoint(),
            queue: self.queue(),
            journal: self.directory.join(format!("journal-{run:04}")),
            said: self.directory.join(format!("said-{run:04}")),
            level,
            is_encrypted: self.seed % 2 == 1,
            segment_bytes: 64 << 10,
            max_bytes: 1 << 30,
            memory_bytes: 16 << 20,
            batch_milliseconds: 10,
            per_second,
        }
    }

    /// Enters the end of a process: what it promised and what it delivered. `loses_answers`: the backend may have taken
    /// what it did not acknowledge.
    ///
    /// # Errors
    /// If its journal cannot be read.
    pub(crate) fn enter(&mut self, orders: &Orders, ending: Ending, loses_answers: bool) -> Result<(), Failure> {
        let arrivals = self.backend.take();
        let promises = Promises::read(&orders.journal)?;
        let signals = promises.ended.as_ref().map(|ledger| [ledger.traces, ledger.metrics, ledger.logs]);
        let counted = signals.map(|signals| signals.iter().map(|signal| signal.acknowledgements_lost).sum());
        let answers_lost = counted.or(if loses_answers { None } else { Some(0) });
        let explanation = Explanation { answers_lost, settled_below: self.settled_below };
        self.tally.add(orders.run, arrivals, explanation);
        if promises.ended.as_ref().is_some_and(|ledger| ledger.pending() == 0) {
            self.settled_below = orders.run + 1;
        }
        self.runs.push(Run { level: orders.level, promises, ending });
        Ok(())
    }

    /// The last process: the weather is clear, it records nothing, and delivers what there is.
    ///
    /// # Errors
    /// If it fails, or does not end.
    pub(crate) fn drain(&mut self) -> Result<(), Failure> {
        self.backend.set(Weather::Clear)?;
        let orders = self.orders(Level::Interval(20), 0);
        let mut process = Process::start(&orders, None)?;
        process.wait_for(&Answer::Ready, DEADLINE)?;
        process.tell(Word::Drain(DEADLINE.as_millis() as u64));
        let ending = process.wait(DEADLINE * 2)?;
        self.enter(&orders, ending, false)
    }

    /// How many items the last process found.
    pub(crate) fn recovered(&self) -> u64 {
        let last = self.runs.last().and_then(|run| run.promises.ended.as_ref());
        last.map_or(0, |ledger| Signal::ALL.iter().map(|signal| ledger.signal(*signal).recovered).sum())
    }

    /// Judges.
    pub(crate) fn verdict(&self) -> Verdict {
        Verdict::of(&self.runs, &self.tally)
    }

    /// Removes what the round leaves; if something is wrong it is kept, and said where.
    pub(crate) fn close(self, is_good: bool, verdict: &Verdict) {
        if is_good && verdict.is_good() {
            // What is left in a temporary directory harms nobody.
            let _ = fs::remove_dir_all(&self.directory);
        } else {
            eprintln!("seed {}, kept in {}\n{verdict}", self.seed, self.directory.display());
        }
    }
}
