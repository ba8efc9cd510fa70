//! The power goes at any moment: after each operation of a recorded run, again during recovery, and over generations of
//! processes.

use super::{super::simulated_disk::Unsynced, *};

const PARTLY: [Unsynced; 3] = [Unsynced::Torn, Unsynced::Zeros, Unsynced::Scattered];

/// How many operations there were after a step, and the ids that were durable then.
type Step = (usize, Vec<u64>);

/// A run on a disk that records: what each operation left, the steps, and the id after the last.
fn recorded(seed: u64, steps: usize) -> (Vec<SimulatedDisk>, Vec<Step>, u64) {
    let disk = SimulatedDisk::default();
    disk.record();
    let (mut log, _) = opened(&disk, key_of(seed));
    let mut program = Program::default();
    let mut random = Random::new(seed);
    let mut durable = vec![(disk.operations(), Vec::new())];
    for _ in 0..steps {
        program.step(&mut log, &mut random);
        durable.push((disk.operations(), program.durable.clone()));
    }
    (disk.recorded(), durable, program.next_id)
}

#[test]
fn what_was_synced_survives_a_power_cut_after_every_operation() {
    let mut operations = 0;
    for seed in seeds(1) {
        let _seed = Seed(seed);
        let (disks, steps, next_id) = recorded(seed, 1700);
        operations += disks.len();
        let mut random = Random::new(seed + 1000);
        for (at, disk) in disks.iter().enumerate() {
            // Within a step: what was durable before it, but for what it settled.
            let step = steps.partition_point(|(operations, _)| *operations <= at);
            let (before, after) = (&steps[step.saturating_sub(1)].1, &steps[step.min(steps.len() - 1)].1);
            let durable: Vec<u64> = before.iter().filter(|id| after.contains(id)).copied().collect();
            for unsynced in [Unsynced::Gone, Unsynced::Kept, PARTLY[at % 3]] {
                let after = disk.after_power_cut(unsynced, &mut random);
                let (mut again, recovered) = opened(&after, key_of(seed));
                let (ids, damaged) = drain(&mut again);
                check(&durable, &ids, next_id);
                assert_eq!(damaged, 0, "what is not whole is not found: operation {at}, {unsynced:?}");
                if unsynced != Unsynced::Scattered {
                    let missing: u64 = recovered.signals.iter().map(|signal| signal.missing_items).sum();
                    assert_eq!(missing, 0, "a cut alone takes nothing from the middle: operation {at}, {unsynced:?}");
                }
            }
        }
    }
    assert!(operations >= 2_000, "{operations} operations");
}

#[test]
fn a_second_power_cut_during_recovery_loses_nothing() {
    for seed in seeds(6) {
        let _seed = Seed(seed);
        let disk = SimulatedDisk::default();
        let (mut log, _) = opened(&disk, key_of(seed));
        let mut program = Program::default();
        let mut random = Random::new(seed);
        (0..120).for_each(|_| program.step(&mut log, &mut random));
        for unsynced in Unsynced::ALL {
            let first = disk.after_power_cut(unsynced, &mut random);
            first.record();
            drop(opened(&first, key_of(seed)));
            for during in first.recorded() {
                for unsynced in Unsynced::ALL {
                    let (mut again, _) = opened(&during.after_power_cut(unsynced, &mut random), key_of(seed));
                    program.check(&drain(&mut again).0);
                }
            }
        }
    }
}

#[test]
fn generations_of_processes_that_all_end_in_a_power_cut_lose_nothing() {
    for seed in seeds(30) {
        let _seed = Seed(seed);
        let mut random = Random::new(seed);
        let mut disk = SimulatedDisk::default();
        let mut program = Program::default();
        for _ in 0..12 {
            let (mut log, _) = opened(&disk, key_of(seed));
            let resumed = Program::resumed(&mut log, program.next_id);
            program.check(&resumed.durable);
            program = resumed;
            for _ in 0..random.below(60) {
                program.step(&mut log, &mut random);
            }
            disk = disk.after_power_cut(Unsynced::ALL[random.below(5)], &mut random);
        }
    }
}
