//! The disk refuses: each operation of a run, once, a few times or for ever, also while the directory is opened; and
//! blocks that it cannot read.

use std::io;

use super::{super::simulated_disk::Unsynced, *};

const STEPS: usize = 200;

fn operations(seed: u64) -> usize {
    let disk = SimulatedDisk::default();
    let (mut log, _) = opened(&disk, key_of(seed));
    let (mut program, mut random) = (Program::default(), Random::new(seed));
    (0..STEPS).for_each(|_| program.step(&mut log, &mut random));
    disk.operations()
}

#[test]
fn what_was_synced_survives_a_failure_of_every_operation() {
    for seed in seeds(2) {
        let _seed = Seed(seed);
        for number in 1..=operations(seed) {
            for (count, error) in [
                (1, io::ErrorKind::Other),
                (3, io::ErrorKind::StorageFull),
                (40, io::ErrorKind::ReadOnlyFilesystem),
                (usize::MAX, io::ErrorKind::StorageFull),
            ] {
                let disk = SimulatedDisk::default();
                disk.fail(number, count, error);
                let Ok((mut log, _)) = try_open(&disk, key_of(seed)) else { continue };
                let (mut program, mut random) = (Program::default(), Random::new(seed));
                (0..STEPS).for_each(|_| program.step(&mut log, &mut random));
                let crashed = disk.copy();
                crashed.repair();
                program.check(&drain(&mut log).0);
                for unsynced in [Unsynced::Gone, Unsynced::Kept, Unsynced::Torn] {
                    let (mut again, recovered) = opened(&crashed.after_power_cut(unsynced, &mut random), key_of(seed));
                    program.check(&drain(&mut again).0);
                    let missing: u64 = recovered.signals.iter().map(|signal| signal.missing_items).sum();
                    assert_eq!(missing, 0, "what was appended again is not missing: {number}, {count}, {unsynced:?}");
                }
            }
        }
    }
}

#[test]
fn a_disk_that_works_again_is_used_again() {
    for seed in seeds(40) {
        let _seed = Seed(seed);
        let disk = SimulatedDisk::default();
        let (mut log, _) = opened(&disk, key_of(seed));
        let (mut program, mut random) = (Program::default(), Random::new(seed));
        (0..40).for_each(|_| program.step(&mut log, &mut random));
        disk.fail(disk.operations() + 1, usize::MAX, io::ErrorKind::StorageFull);
        (0..40).for_each(|_| program.step(&mut log, &mut random));
        disk.repair();
        while !program.lost.is_empty() {
            program.append(&mut log);
        }
        program.sync(&mut log);
        assert!(program.lost.is_empty() && program.unsynced.is_empty());
        log.close().unwrap();
        let (mut again, recovered) = opened(&disk, key_of(seed));
        assert_eq!(recovered.damaged_bytes, 0);
        let mut ids = drain(&mut again).0;
        ids.sort_unstable();
        let mut expected: Vec<u64> = program.live.values().copied().collect();
        expected.sort_unstable();
        assert_eq!(ids, expected);
    }
}

#[test]
fn an_opening_that_fails_at_any_operation_leaves_what_the_next_one_needs() {
    for seed in seeds(20) {
        let _seed = Seed(seed);
        let disk = SimulatedDisk::default();
        let (mut log, _) = opened(&disk, key_of(seed));
        let (mut program, mut random) = (Program::default(), Random::new(seed));
        (0..100).for_each(|_| program.step(&mut log, &mut random));
        let left = disk.after_power_cut(Unsynced::ALL[random.below(5)], &mut random);
        for number in 1..12 {
            for count in [1, usize::MAX] {
                let disk = left.copy();
                disk.fail(disk.operations() + number, count, io::ErrorKind::Other);
                if let Ok((mut log, _)) = try_open(&disk, key_of(seed)) {
                    program.check(&drain(&mut log).0);
                }
                disk.repair();
                let (mut again, _) = opened(&disk.after_power_cut(Unsynced::Torn, &mut random), key_of(seed));
                program.check(&drain(&mut again).0);
            }
        }
    }
}

#[test]
fn a_block_that_cannot_be_read_hides_no_more_than_itself() {
    for seed in seeds(20) {
        let _seed = Seed(seed);
        let disk = SimulatedDisk::default();
        let (mut log, _) = open(Arc::new(disk.clone()), Path::new(DIRECTORY), 40_000, None).unwrap();
        let mut program = Program::default();
        (0..500).for_each(|_| program.append(&mut log));
        program.sync(&mut log);
        let mut random = Random::new(seed);
        let files = disk.contents();
        let (path, bytes) = files.iter().nth(random.below(files.len())).unwrap();
        let bad = random.below(bytes.len()) as u64 / 4096 * 4096;
        disk.fail_reads(path, bad..bad + 4096);
        let (mut again, recovered) = opened(&disk, None);
        let mut found = Vec::new();
        let mut into = Vec::new();
        for signal in Signal::ALL {
            while let Some(stored) = again.take(signal) {
                if again.read(signal, stored.sequence, &mut into).is_ok() {
                    found.push(u64::from_le_bytes(into[..8].try_into().unwrap()));
                }
            }
        }
        // The block's frames, which have 100 bytes on average, and the one that reaches into it.
        assert!(found.len() >= 500 - 60 && found.len() < 500, "{} of 500", found.len());
        assert!(recovered.damaged_bytes > 0 || found.len() as u64 == 500 - into_vain(&recovered, found.len()));
        disk.repair();
        let untouched = disk.copy();
        let (mut whole, _) = opened(&untouched, None);
        assert_eq!(drain(&mut whole).0.len(), 500, "nothing was cut off or removed");
    }

    /// Frames that were found by their headers alone and cannot be read.
    fn into_vain(recovered: &Recovered, read: usize) -> u64 {
        500 - read as u64 - (500 - recovered.signals.iter().map(|signal| signal.batches).sum::<u64>())
    }
}
