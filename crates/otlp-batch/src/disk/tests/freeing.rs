//! Room is freed although little of a segment has no fate yet; and what is missing is counted also where nothing follows.

use std::path::PathBuf;

use super::{
    super::{aside::DAMAGED, segment},
    *,
};

/// The newest segment.
fn newest(disk: &SimulatedDisk) -> (PathBuf, Vec<u8>) {
    let is_segment = |path: &PathBuf| segment::number(path.file_name().unwrap().to_str().unwrap()).is_some();
    disk.contents().into_iter().rfind(|(path, _)| is_segment(path)).unwrap()
}

#[test]
fn damage_in_the_last_frame_after_a_clean_end_is_counted_and_kept_to_be_looked_at() {
    for seed in seeds(20) {
        let _seed = Seed(seed);
        let disk = SimulatedDisk::default();
        let (mut log, _) = opened(&disk, key_of(seed));
        let mut program = Program::default();
        (0..30).for_each(|_| program.append(&mut log));
        log.close().unwrap();
        let (path, mut bytes) = newest(&disk);
        let mut random = Random::new(seed);
        let at = bytes.len() - 1 - random.below(20);
        if seed.is_multiple_of(2) {
            bytes[at] ^= 1;
        } else {
            bytes.truncate(at);
        }
        disk.replace(&path, bytes);
        let (mut again, recovered) = opened(&disk, key_of(seed));
        let found: u64 = drain(&mut again).0.iter().map(|id| u64::from(items(*id))).sum();
        let missing: u64 = recovered.signals.iter().map(|signal| signal.missing_items).sum();
        let all: u64 = (0..30).map(|id| u64::from(items(id))).sum();
        assert!(missing > 0, "nobody would know");
        assert_eq!(found + missing, all);
        for ((signal, sequence), _) in program.live {
            again.settle(Signal::ALL[signal], sequence);
        }
        again.reclaim().unwrap();
        assert!(disk.contents().keys().any(|path| path.parent().unwrap().ends_with(DAMAGED)), "kept aside");
    }
}

#[test]
fn what_little_is_left_of_a_segment_is_moved_and_stays_the_same() {
    for seed in seeds(20) {
        let _seed = Seed(seed);
        let disk = SimulatedDisk::default();
        let (mut log, _) = opened(&disk, key_of(seed));
        let mut program = Program::default();
        (0..60).for_each(|_| program.append(&mut log));
        program.sync(&mut log);
        // Every fifth stays.
        let settled: Vec<(usize, u64)> =
            program.live.iter().filter(|(_, id)| *id % 5 > 0).map(|(place, _)| *place).collect();
        for place in settled {
            let id = program.live.remove(&place).unwrap();
            program.durable.retain(|durable| *durable != id);
            log.settle(Signal::ALL[place.0], place.1);
        }
        log.reclaim().unwrap();
        let before = log.bytes();
        let taken = log.take(Signal::Traces).unwrap();
        while log.move_rest(0).unwrap() {
            log.reclaim().unwrap();
        }
        assert!(log.bytes() * 2 < before, "{} of {before}", log.bytes());
        assert_ne!(log.take(Signal::Traces).unwrap().sequence, taken.sequence, "what is handed out stays so");
        let (mut again, recovered) = opened(&disk, key_of(seed));
        assert_eq!(recovered.damaged_bytes, 0);
        let ids = drain(&mut again).0;
        program.check(&ids);
        assert_eq!(ids.len(), 12);
    }
}
