//! The log on a simulated disk: every prefix of a run survives a power cut, every operation may fail, any byte may be
//! damaged. What is checked is always the same: what a sync confirmed and nobody settled is found again, unchanged.

use std::{collections::BTreeMap, io, path::Path, sync::Arc};

use otlp_core::Signal;
use proptest::prelude::*;

use super::{
    log::{Log, ReadError, WriteFailed},
    recovery::{OpenError, Recovered, open},
    simulated_disk::SimulatedDisk,
};

const DIRECTORY: &str = "/queue";
const SEGMENT: u64 = 600;

fn opened(disk: &SimulatedDisk) -> (Log, Recovered) {
    open(Arc::new(disk.clone()), Path::new(DIRECTORY), SEGMENT).unwrap_or_else(|error| panic!("{error:?}"))
}

fn payload(id: u64) -> Vec<u8> {
    let len = 20 + (id % 7) as usize * 15;
    id.to_le_bytes().into_iter().cycle().take(len).collect()
}

fn id_of(payload: &[u8]) -> u64 {
    let id = u64::from_le_bytes(payload[..8].try_into().unwrap());
    assert_eq!(payload, self::payload(id), "what is read is what was written");
    id
}

/// Everything that waits, in order, by id.
fn drain(log: &mut Log) -> Vec<u64> {
    let mut ids = Vec::new();
    for signal in Signal::ALL {
        while let Some(stored) = log.take(signal) {
            let mut bytes = Vec::new();
            match log.read(signal, stored.sequence, &mut bytes) {
                Ok(()) => {
                    let id = id_of(&bytes);
                    assert_eq!(u64::from(stored.items), id % 5 + 1);
                    ids.push(id);
                }
                Err(ReadError::Damaged) => {}
                Err(ReadError::Io(error)) => panic!("{error}"),
            }
        }
    }
    ids
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
    ever: Vec<u64>,
}

impl Program {
    fn append(&mut self, log: &mut Log) {
        let id = self.next_id;
        self.next_id += 1;
        let signal = Signal::ALL[(id % 3) as usize];
        let bytes = payload(id);
        let (first, second) = bytes.split_at(9);
        match log.append(signal, (id % 5) as u32 + 1, id, &[first, b"", second]) {
            Ok(sequence) => {
                self.live.insert((signal.index(), sequence), id);
                self.unsynced.push(id);
                self.ever.push(id);
            }
            Err(failed) => self.failed(&failed),
        }
    }

    /// Only what was not synced may be lost, and the log says what that is.
    fn failed(&mut self, failed: &WriteFailed) {
        for (signal, sequence) in &failed.lost {
            if let Some(id) = self.live.remove(&(signal.index(), *sequence)) {
                assert!(!self.durable.contains(&id), "{id} was durable");
                self.unsynced.retain(|unsynced| *unsynced != id);
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
        let key = *self.live.keys().nth(which % self.live.len()).unwrap();
        let id = self.live.remove(&key).unwrap();
        log.settle(Signal::ALL[key.0], key.1);
        self.durable.retain(|durable| *durable != id);
        self.unsynced.retain(|unsynced| *unsynced != id);
    }

    fn step(&mut self, log: &mut Log, step: u64) {
        match step % 10 {
            0..5 => self.append(log),
            5 | 6 => self.settle(log, step as usize),
            7 | 8 => self.sync(log),
            _ => drop(log.reclaim()),
        }
    }

    fn check(&self, ids: &[u64]) {
        for id in &self.durable {
            assert!(ids.contains(id), "{id} was durable and is gone");
        }
        for id in ids {
            assert!(self.ever.contains(id), "{id} was never put");
        }
        let mut once = ids.to_vec();
        once.sort_unstable();
        once.dedup();
        assert_eq!(once.len(), ids.len(), "nothing comes twice");
    }
}

fn steps(seed: u64) -> impl Iterator<Item = u64> {
    let mut state = seed;
    std::iter::repeat_with(move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state >> 33
    })
}

#[test]
fn what_was_synced_survives_a_power_cut_after_every_operation() {
    let disk = SimulatedDisk::default();
    let (mut log, _) = opened(&disk);
    let mut program = Program::default();
    for step in steps(1).take(600) {
        program.step(&mut log, step);
        for (kept, names) in [(0, false), (0, true), (7, true), (60, false), (usize::MAX, true)] {
            let after = disk.after_power_cut(|_| kept, names);
            let (mut again, _) = opened(&after);
            program.check(&drain(&mut again));
        }
    }
    assert!(disk.operations() > 600);
}

#[test]
fn what_was_synced_survives_a_failure_of_every_operation() {
    let operations = {
        let disk = SimulatedDisk::default();
        let (mut log, _) = opened(&disk);
        let mut program = Program::default();
        steps(2).take(200).for_each(|step| program.step(&mut log, step));
        disk.operations()
    };
    for number in 1..=operations {
        for (count, error) in [(1, io::ErrorKind::Other), (3, io::ErrorKind::StorageFull), (50, io::ErrorKind::Other)] {
            let disk = SimulatedDisk::default();
            disk.fail(number, count, error);
            let Ok((mut log, _)) = open(Arc::new(disk.clone()), Path::new(DIRECTORY), SEGMENT) else { continue };
            let mut program = Program::default();
            steps(2).take(200).for_each(|step| program.step(&mut log, step));
            program.check(&drain(&mut log));
            let (mut again, _) = opened(&disk.after_power_cut(|unsynced| unsynced / 2, false));
            program.check(&drain(&mut again));
        }
    }
}

#[test]
fn a_directory_without_work_is_empty_after_closing() {
    let disk = SimulatedDisk::default();
    let (mut log, _) = opened(&disk);
    let mut program = Program::default();
    (0..40).for_each(|_| program.append(&mut log));
    while !program.live.is_empty() {
        program.settle(&mut log, 0);
    }
    log.close().unwrap();
    assert_eq!(log.bytes(), 0);
    let (mut again, recovered) = opened(&disk);
    assert_eq!(recovered, Recovered::default());
    program.append(&mut again);
    assert_eq!(drain(&mut again), [40], "sequences go on where they were");
}

#[test]
fn batches_that_were_handed_out_come_again_after_a_restart_and_when_given_back() {
    let disk = SimulatedDisk::default();
    let (mut log, _) = opened(&disk);
    let mut program = Program::default();
    (0..9).for_each(|_| program.append(&mut log));
    program.sync(&mut log);
    let first = log.take(Signal::Traces).unwrap();
    let second = log.take(Signal::Traces).unwrap();
    log.give_back(Signal::Traces, first.sequence);
    assert_eq!(log.take(Signal::Traces), Some(first));
    log.settle(Signal::Traces, second.sequence);
    log.reclaim().unwrap();
    let (mut again, recovered) = opened(&disk);
    assert_eq!(recovered.signals[0].batches, 2);
    assert_eq!(again.take(Signal::Traces), Some(first));
}

#[test]
fn a_later_version_is_refused_and_left_as_it_is() {
    let disk = SimulatedDisk::default();
    let (mut log, _) = opened(&disk);
    Program::default().append(&mut log);
    log.sync().unwrap();
    disk.damage(|_, bytes| {
        bytes[8] = 9;
        let checksum = crc32c::crc32c(&bytes[..60]);
        bytes[60..64].copy_from_slice(&checksum.to_le_bytes());
    });
    let before = disk.operations();
    let refused = open(Arc::new(disk.clone()), Path::new(DIRECTORY), SEGMENT).err();
    assert!(matches!(refused, Some(OpenError::UnknownVersion { version: 9, .. })), "{refused:?}");
    assert_eq!(disk.operations(), before);
}

/// One thing that happens to bytes.
#[derive(Debug, Clone)]
enum Damage {
    Flip(u8),
    Cut,
    Zero(usize),
    Duplicate(usize),
    Insert(Vec<u8>),
}

fn any_damage() -> impl Strategy<Value = Damage> {
    prop_oneof![
        (1..=255u8).prop_map(Damage::Flip),
        Just(Damage::Cut),
        (1..300usize).prop_map(Damage::Zero),
        (1..300usize).prop_map(Damage::Duplicate),
        proptest::collection::vec(any::<u8>(), 1..200).prop_map(Damage::Insert),
    ]
}

impl Damage {
    fn apply(&self, bytes: &mut Vec<u8>, at: usize) {
        match self {
            Damage::Flip(bits) => bytes[at] ^= bits,
            Damage::Cut => bytes.truncate(at),
            Damage::Zero(len) => bytes.iter_mut().skip(at).take(*len).for_each(|byte| *byte = 0),
            Damage::Duplicate(len) => {
                let part: Vec<u8> = bytes.iter().skip(at).take(*len).copied().collect();
                bytes.splice(at..at, part);
            }
            Damage::Insert(more) => drop(bytes.splice(at..at, more.iter().copied())),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn damage_anywhere_is_never_a_panic_and_never_another_batch(
        damages in proptest::collection::vec((any_damage(), any::<prop::sample::Index>(), any::<prop::sample::Index>()), 1..4),
        seed in any::<u64>(),
    ) {
        let disk = SimulatedDisk::default();
        let (mut log, _) = opened(&disk);
        let mut program = Program::default();
        steps(seed).take(80).for_each(|step| program.step(&mut log, step));
        program.sync(&mut log);
        let files = { let mut count = 0; disk.damage(|_, _| count += 1); count };
        for (damage, file, at) in damages {
            let (file, mut number) = (file.index(files), 0);
            disk.damage(|_, bytes| {
                if number == file && !bytes.is_empty() {
                    let at = at.index(bytes.len());
                    damage.apply(bytes, at);
                }
                number += 1;
            });
        }
        if let Ok((mut again, recovered)) = open(Arc::new(disk.clone()), Path::new(DIRECTORY), SEGMENT) {
            let ids = drain(&mut again);
            for id in &ids {
                prop_assert!(program.ever.contains(id));
            }
            let found: u64 = recovered.signals.iter().map(|signal| signal.batches).sum();
            prop_assert!(ids.len() as u64 <= found);
        }
    }
}
