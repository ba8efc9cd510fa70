//! The log under fire. What is checked is always the same: what a sync confirmed and nobody settled is found again,
//! unchanged and once, and what is gone is counted.
//!
//! `OTLP_DISK_ROUNDS` multiplies how much is tried, `OTLP_DISK_SEED` begins elsewhere; a failure prints its seed.

mod corruption;
mod faults;
mod freeing;
mod inspecting;
mod kill;
mod opening;
mod power_cut;

use std::{collections::BTreeMap, path::Path, sync::Arc, time::Duration};

use otlp_core::Signal;

use super::{
    cipher::EncryptionKey,
    log::{Log, ReadError, WriteFailed},
    recovery::{Recovered, open},
    refusal::OpenError,
    simulated_disk::{Random, SimulatedDisk},
};

const DIRECTORY: &str = "/queue";
const SEGMENT: u64 = 700;

fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// The seeds of `count` rounds.
fn seeds(count: u64) -> impl Iterator<Item = u64> {
    let first = number("OTLP_DISK_SEED", 1);
    first..first + count * number("OTLP_DISK_ROUNDS", 1)
}

/// Prints the seed if the test fails while it lives.
struct Seed(u64);

impl Drop for Seed {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("OTLP_DISK_SEED={}", self.0);
        }
    }
}

fn key() -> EncryptionKey {
    EncryptionKey::from_bytes([5; 32])
}

fn try_open(disk: &SimulatedDisk, key: Option<EncryptionKey>) -> Result<(Log, Recovered), OpenError> {
    open(Arc::new(disk.clone()), Path::new(DIRECTORY), SEGMENT, key)
}

/// Half of the seeds are encrypted.
fn key_of(seed: u64) -> Option<EncryptionKey> {
    seed.is_multiple_of(2).then(key)
}

fn opened(disk: &SimulatedDisk, key: Option<EncryptionKey>) -> (Log, Recovered) {
    try_open(disk, key).unwrap_or_else(|error| panic!("{error:?}"))
}

fn payload(id: u64) -> Vec<u8> {
    let len = 20 + (id % 7) as usize * 15;
    id.to_le_bytes().into_iter().cycle().take(len).collect()
}

fn items(id: u64) -> u32 {
    (id % 5) as u32 + 1
}

/// Everything that waits, in order, by id, and the items of what could not be read.
fn drain(log: &mut Log) -> (Vec<u64>, u64) {
    let (mut ids, mut damaged) = (Vec::new(), 0);
    let mut bytes = Vec::new();
    for signal in Signal::ALL {
        while let Some(stored) = log.take(signal) {
            match log.read(signal, stored.sequence, &mut bytes) {
                Ok(()) => {
                    let id = u64::from_le_bytes(bytes[..8].try_into().unwrap());
                    assert_eq!(bytes, payload(id), "what is read is what was written");
                    assert_eq!((stored.items, signal), (items(id), Signal::ALL[(id % 3) as usize]));
                    ids.push(id);
                }
                Err(ReadError::Damaged) => damaged += u64::from(stored.items),
                Err(ReadError::Io(error)) => panic!("{error}"),
            }
        }
    }
    (ids, damaged)
}

/// What a program does with a log, and what it may rely on.
#[derive(Default)]
struct Program {
    next_id: u64,
    /// Appended and not settled, by where it stands.
    live: BTreeMap<(usize, u64), u64>,
    /// Of those, what a sync confirmed.
    durable: Vec<u64>,
    unsynced: Vec<u64>,
    /// What a failed sync took, to be appended again.
    lost: Vec<u64>,
    /// Settled, and not noted yet.
    settled: Vec<u64>,
    /// Settled and noted: a kill does not bring it back.
    noted: Vec<u64>,
    open_for: Duration,
}

impl Program {
    /// Goes on with what another one left, which `log` found again.
    fn resumed(log: &mut Log, next_id: u64) -> Self {
        let mut program = Program { next_id, ..Program::default() };
        let mut bytes = Vec::new();
        let mut taken = Vec::new();
        for signal in Signal::ALL {
            while let Some(stored) = log.take(signal) {
                log.read(signal, stored.sequence, &mut bytes).unwrap_or_else(|error| panic!("{error:?}"));
                let id = u64::from_le_bytes(bytes[..8].try_into().unwrap());
                program.live.insert((signal.index(), stored.sequence), id);
                program.durable.push(id);
                taken.push((signal, stored.sequence));
            }
        }
        taken.into_iter().for_each(|(signal, sequence)| log.give_back(signal, sequence));
        program
    }

    fn append(&mut self, log: &mut Log) {
        let id = self.lost.pop().unwrap_or_else(|| {
            self.next_id += 1;
            self.next_id - 1
        });
        let signal = Signal::ALL[(id % 3) as usize];
        let bytes = payload(id);
        let (first, second) = bytes.split_at(9);
        match log.append(signal, items(id), id, &[first, b"", second]) {
            Ok(sequence) => {
                self.live.insert((signal.index(), sequence), id);
                self.unsynced.push(id);
            }
            Err(failed) => {
                self.failed(&failed);
                self.lost.push(id);
            }
        }
    }

    /// Only what was not synced may be lost, and the log says what that is.
    fn failed(&mut self, failed: &WriteFailed) {
        for (signal, sequence) in &failed.lost {
            if let Some(id) = self.live.remove(&(signal.index(), *sequence)) {
                assert!(!self.durable.contains(&id), "{id} was durable");
                self.unsynced.retain(|unsynced| *unsynced != id);
                self.lost.push(id);
            }
        }
    }

    fn sync(&mut self, log: &mut Log) {
        match log.sync() {
            Ok(()) => self.durable.append(&mut self.unsynced),
            Err(failed) => self.failed(&failed),
        }
    }

    fn settle(&mut self, log: &mut Log, which: usize) {
        if self.live.is_empty() {
            return;
        }
        // Mostly the oldest, as a receiver answers.
        let at = if !which.is_multiple_of(4) { 0 } else { which % self.live.len() };
        let key = *self.live.keys().nth(at).unwrap();
        let id = self.live.remove(&key).unwrap();
        log.settle(Signal::ALL[key.0], key.1);
        self.durable.retain(|durable| *durable != id);
        self.unsynced.retain(|unsynced| *unsynced != id);
        self.settled.push(id);
    }

    fn note(&mut self, log: &mut Log) {
        let settled = std::mem::take(&mut self.settled);
        if log.note().is_ok() {
            self.noted.extend(settled);
        }
    }

    fn move_rest(&mut self, log: &mut Log) {
        if let Err(failed) = log.move_rest(self.next_id) {
            self.failed(&failed);
        }
    }

    fn step(&mut self, log: &mut Log, random: &mut Random) {
        let step = random.next() >> 20;
        match step % 22 {
            0..8 => self.append(log),
            8..15 => {
                self.settle(log, (step >> 8) as usize);
                if step & 128 == 0 {
                    self.note(log);
                }
            }
            15..18 => self.sync(log),
            18 | 19 => drop(log.reclaim()),
            20 => self.move_rest(log),
            _ => {
                self.open_for += Duration::from_secs(20);
                log.set_open_for(self.open_for);
            }
        }
    }

    /// Everything durable is there, nothing twice, nothing that was never put.
    fn check(&self, ids: &[u64]) {
        check(&self.durable, ids, self.next_id);
    }
}

fn check(durable: &[u64], ids: &[u64], next_id: u64) {
    let mut once = ids.to_vec();
    once.sort_unstable();
    once.dedup();
    assert_eq!(once.len(), ids.len(), "nothing comes twice: {ids:?}");
    for id in durable {
        assert!(once.binary_search(id).is_ok(), "{id} was durable and is gone");
    }
    assert!(once.last().is_none_or(|last| *last < next_id), "what was never put is not there");
}
