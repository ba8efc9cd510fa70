//! Any part of any file is flipped, cut, doubled, zeroed, overwritten or exchanged. Never a panic, never another batch,
//! what is undamaged is delivered, what is damaged is counted.

use std::{collections::BTreeSet, path::PathBuf};

use super::{
    super::{examine::examine, format::FRAME_MAGIC, scan::Depth, segment},
    *,
};

/// A queue with everything durable, and the bytes of each frame that has no fate.
struct Written {
    disk: SimulatedDisk,
    program: Program,
    frames: Vec<(u64, Vec<u8>)>,
}

fn written(seed: u64) -> Written {
    let disk = SimulatedDisk::default();
    let (mut log, _) = opened(&disk, key_of(seed));
    let (mut program, mut random) = (Program::default(), Random::new(seed));
    (0..90).for_each(|_| program.step(&mut log, &mut random));
    program.append(&mut log);
    program.sync(&mut log);
    // So that there is a cursor which knows of all of them.
    program.settle(&mut log, 0);
    log.reclaim().unwrap();
    let mut frames = Vec::new();
    for (path, bytes) in disk.contents() {
        if segment::number(path.file_name().unwrap().to_str().unwrap()).is_none() {
            continue;
        }
        let mut found = Vec::new();
        let opened = examine(&disk, &path, Depth::Payloads, |frame| found.push(frame));
        assert_eq!(opened.unwrap().damaged_bytes(), 0);
        for frame in found {
            let at = frame.offset as usize;
            let place = (frame.header.signal.index(), frame.header.sequence);
            if let Some(id) = program.live.get(&place) {
                frames.push((*id, bytes[at..at + frame.header.frame_len() as usize].to_vec()));
            }
        }
    }
    assert_eq!(frames.len(), program.live.len());
    Written { disk, program, frames }
}

/// Does one thing to one file, or two.
fn damage(files: &mut [(PathBuf, Vec<u8>)], random: &mut Random) {
    let file = random.below(files.len());
    let other = random.below(files.len());
    let (len, other_len) = (files[file].1.len(), files[other].1.len());
    if len == 0 || other_len == 0 {
        return;
    }
    let at = random.below(len);
    let end = (at + 1 + random.below(300)).min(len);
    let bytes = &mut files[file].1;
    match random.below(10) {
        0 => bytes[at] ^= 1 << random.below(8),
        1 => bytes[at] = random.next() as u8,
        2 => bytes.truncate(at),
        3 => drop(bytes.drain(at..end)),
        4 => bytes.extend_from_within(at..end),
        5 => bytes[at..end].fill(0),
        6 => {
            let part = bytes[at..end].to_vec();
            drop(bytes.splice(at..at, part));
        }
        7 => bytes[at..end].iter_mut().for_each(|byte| *byte = random.next() as u8),
        8 => {
            // Part of one file over part of another.
            let from = random.below(other_len);
            let part = files[other].1[from..(from + 300).min(other_len)].to_vec();
            let bytes = &mut files[file].1;
            let end = (at + part.len()).min(bytes.len());
            drop(bytes.splice(at..end, part));
        }
        _ => {
            let (one, two) = (files[file].1.clone(), files[other].1.clone());
            (files[file].1, files[other].1) = (two, one);
        }
    }
}

/// Where in a file a frame may begin.
fn starts(bytes: &[u8]) -> Vec<usize> {
    (0..bytes.len()).filter(|at| bytes[*at..].starts_with(&FRAME_MAGIC)).collect()
}

#[test]
fn damage_is_counted_and_the_rest_delivered() {
    let mut seen = 0;
    for seed in seeds(50) {
        let Written { disk, program, frames } = written(seed);
        let before: Vec<(PathBuf, Vec<u8>)> = disk.contents().into_iter().collect();
        for round in 0..200 {
            let _seed = Seed(seed);
            let mut random = Random::new(seed * 1000 + round);
            let mut files = before.clone();
            (0..=random.below(3)).for_each(|_| damage(&mut files, &mut random));
            let damaged = disk.copy();
            files.iter().for_each(|(path, bytes)| damaged.replace(path, bytes.clone()));

            let (mut again, recovered) = opened(&damaged, key_of(seed));
            let (ids, unreadable) = drain(&mut again);
            let segments =
                files.iter().filter(|(path, _)| segment::number(path.file_name().unwrap().to_str().unwrap()).is_some());
            let places: Vec<&[u8]> =
                segments.flat_map(|(_, bytes)| starts(bytes).into_iter().map(|at| &bytes[at..])).collect();
            let is_intact = |frame: &[u8]| places.iter().any(|place| place.starts_with(frame));
            let intact: BTreeSet<u64> =
                frames.iter().filter(|(_, frame)| is_intact(frame)).map(|(id, _)| *id).collect();
            check(&Vec::from_iter(intact.iter().copied()), &ids, program.next_id);
            let lost: u64 = program.live.values().filter(|id| !ids.contains(id)).map(|id| u64::from(items(*id))).sum();
            let missing: u64 = recovered.signals.iter().map(|signal| signal.missing_items).sum();
            if lost > 0 {
                seen += 1;
                // Cut off at the end, nothing is known of it without a cursor; else it is known how many items, or that
                // bytes are damaged.
                let is_shorter = recovered.is_cursor_lost
                    && files.iter().zip(&before).any(|(now, before)| now.1.len() < before.1.len());
                assert!(
                    missing + unreadable > 0 || recovered.damaged_bytes > 0 || is_shorter,
                    "{lost} items went uncounted in round {round}"
                );
            }
            // A damaged queue takes new batches as before.
            let mut program = Program { next_id: program.next_id, ..Program::default() };
            program.append(&mut again);
            program.sync(&mut again);
            let (mut next, _) = opened(&damaged, key_of(seed));
            assert!(drain(&mut next).0.contains(&(program.next_id - 1)));
        }
    }
    assert!(seen > 1_000, "{seen} of the damages took something");
}

#[test]
fn items_that_are_gone_from_the_middle_are_counted_one_by_one() {
    for seed in seeds(20) {
        let _seed = Seed(seed);
        let disk = SimulatedDisk::default();
        let (mut log, _) = opened(&disk, key_of(seed));
        let mut program = Program::default();
        (0..60).for_each(|_| program.append(&mut log));
        log.close().unwrap();
        let segments: Vec<PathBuf> = disk.contents().into_keys().collect();
        let gone = 1 + seed as usize % (segments.len() - 3);
        disk.replace(&segments[gone], Vec::new());
        let (mut again, recovered) = opened(&disk, key_of(seed));
        let found: u64 = drain(&mut again).0.iter().map(|id| u64::from(items(*id))).sum();
        let all: u64 = (0..60).map(|id| u64::from(items(id))).sum();
        let missing: u64 = recovered.signals.iter().map(|signal| signal.missing_items).sum();
        assert!(missing > 0);
        assert_eq!(found + missing, all);
    }
}
