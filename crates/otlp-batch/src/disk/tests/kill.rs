//! The process is killed at any moment: what it wrote is there, whether it was synced or not, and nothing comes again
//! that it had noted.

use super::{super::simulated_disk::Unsynced, *};

#[test]
fn what_was_noted_does_not_come_again_after_a_kill_at_any_operation() {
    for seed in seeds(1) {
        let _seed = Seed(seed);
        let disk = SimulatedDisk::default();
        disk.record();
        let (mut log, _) = opened(&disk, key_of(seed));
        let (mut program, mut random) = (Program::default(), Random::new(seed));
        let mut steps = Vec::new();
        for _ in 0..700 {
            program.step(&mut log, &mut random);
            steps.push((disk.operations(), program.durable.clone(), program.noted.len()));
        }
        assert!(program.noted.len() > 100, "{} noted", program.noted.len());
        for (at, disk) in disk.recorded().iter().enumerate() {
            // Within a step: what held before it, but for what it settled.
            let step = steps.partition_point(|(operations, ..)| *operations <= at);
            let Some((_, before, noted)) = step.checked_sub(1).and_then(|before| steps.get(before)) else { continue };
            let after = &steps[step.min(steps.len() - 1)].1;
            let durable: Vec<u64> = before.iter().filter(|id| after.contains(id)).copied().collect();
            let (mut again, _) = opened(disk, key_of(seed));
            let (ids, damaged) = drain(&mut again);
            check(&durable, &ids, program.next_id);
            assert_eq!(damaged, 0);
            for id in &program.noted[..*noted] {
                assert!(!ids.contains(id), "{id} was noted and comes again: operation {at}");
            }
        }
    }
}

#[test]
fn a_journal_that_outlived_its_cursor_or_lost_its_end_says_nothing_wrong() {
    let disk = SimulatedDisk::default();
    let (mut log, _) = opened(&disk, None);
    let mut program = Program::default();
    (0..30).for_each(|_| program.append(&mut log));
    program.sync(&mut log);
    for _ in 0..3 {
        (0..3).for_each(|_| program.settle(&mut log, 0));
        program.note(&mut log);
    }
    let mut random = Random::new(1);
    for unsynced in Unsynced::ALL {
        let (mut again, recovered) = opened(&disk.after_power_cut(unsynced, &mut random), None);
        program.check(&drain(&mut again).0);
        assert_eq!(recovered.signals.map(|signal| signal.missing_items), [0; 3], "{unsynced:?}");
    }
    // The next process notes beside another cursor.
    let (mut next, _) = opened(&disk, None);
    let mut resumed = Program::resumed(&mut next, program.next_id);
    assert_eq!(resumed.durable.len(), 21);
    (0..2).for_each(|_| resumed.settle(&mut next, 0));
    resumed.note(&mut next);
    let (mut last, _) = opened(&disk, None);
    assert_eq!(drain(&mut last).0.len(), 19);
}

#[test]
fn a_note_costs_one_write_and_no_sync() {
    let disk = SimulatedDisk::default();
    let (mut log, _) = opened(&disk, None);
    let mut program = Program::default();
    (0..30).for_each(|_| program.append(&mut log));
    program.sync(&mut log);
    // The first writes a cursor, the second the file.
    for _ in 0..2 {
        program.settle(&mut log, 0);
        program.note(&mut log);
    }
    for _ in 0..20 {
        let before = disk.operations();
        program.settle(&mut log, 0);
        program.note(&mut log);
        assert_eq!(disk.operations(), before + 1);
    }
}
