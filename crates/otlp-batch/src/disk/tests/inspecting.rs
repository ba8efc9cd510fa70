//! Looking at a directory: it tells what waits, and changes nothing, whatever stands there.

use std::{path::PathBuf, time::SystemTime};

use super::{
    super::{
        dead_letter::DeadLetters,
        file_system::LocalDisk,
        inspect::{InspectError, Inspection, queue_directories},
        lock::DirectoryLock,
        segment,
    },
    opening::Scratch,
    *,
};

/// All files below a directory, with their bytes.
fn files(directory: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.append(&mut files(&path));
        } else {
            found.insert(path.clone(), std::fs::read(&path).unwrap());
        }
    }
    found
}

fn written(directory: &Path, key: Option<EncryptionKey>) -> Program {
    let (mut log, _) = open(Arc::new(LocalDisk), directory, 4096, key).unwrap();
    let (mut program, mut random) = (Program::default(), Random::new(3));
    (0..200).for_each(|_| program.append(&mut log));
    (0..300).for_each(|_| program.step(&mut log, &mut random));
    program.sync(&mut log);
    // No close: a crash's leftovers.
    log.reclaim().unwrap();
    program
}

#[test]
fn what_waits_is_told_and_nothing_changed() {
    let scratch = Scratch::new("inspect");
    let directory = scratch.0.join("collector");
    let program = written(&directory, None);
    let lock = DirectoryLock::acquire(&directory).unwrap();
    std::fs::write(directory.join("cursor.draft"), b"half").unwrap();
    let before = files(&directory);

    let inspection = Inspection::of(&directory, None).unwrap();
    assert!(inspection.holder().is_some_and(|holder| holder.contains(&std::process::id().to_string())));
    assert_eq!(inspection.signals().iter().map(|one| one.batches).sum::<u64>(), program.live.len() as u64);
    let all: u64 = program.live.values().map(|id| u64::from(items(*id))).sum();
    assert_eq!(inspection.signals().iter().map(|one| one.items).sum::<u64>(), all);
    let put_at = |id: u64| SystemTime::UNIX_EPOCH + Duration::from_nanos(id);
    for (at, one) in inspection.signals().iter().enumerate() {
        let ids = || program.live.iter().filter(|((signal, _), _)| *signal == at).map(|(_, id)| *id);
        assert_eq!((one.oldest, one.newest), (ids().next().map(put_at), ids().next_back().map(put_at)));
        assert_eq!(one.bytes, ids().map(|id| payload(id).len() as u64).sum::<u64>());
    }
    let waiting: u64 = inspection.segments().iter().map(|segment| segment.waiting_batches).sum();
    assert_eq!(waiting, program.live.len() as u64);
    let verification = inspection.verify().unwrap();
    assert_eq!((verification.sound_batches, verification.damaged_batches), (program.live.len() as u64, 0));
    assert_eq!(verification.damaged_bytes + verification.missing_items, 0);
    let mut ids = Vec::new();
    for request in inspection.into_requests().unwrap() {
        let request = request.unwrap();
        let id = u64::from_le_bytes(request.request[..8].try_into().unwrap());
        assert_eq!((&request.request[..], request.put_at), (payload(id).as_slice(), put_at(id)));
        ids.push(id);
    }
    ids.sort_unstable();
    let mut expected: Vec<u64> = program.live.values().copied().collect();
    expected.sort_unstable();
    assert_eq!(ids, expected);
    assert_eq!(files(&directory), before);
    assert_eq!(queue_directories(&scratch.0).unwrap(), [directory.as_path()]);
    assert_eq!(queue_directories(&directory).unwrap(), [directory.as_path()]);
    drop(lock);
    assert_eq!(Inspection::of(&directory, None).unwrap().holder(), None);
}

#[test]
fn damage_is_told_and_the_rest_read() {
    let scratch = Scratch::new("inspect-damage");
    let program = written(&scratch.0, None);
    let oldest = Inspection::of(&scratch.0, None).unwrap();
    let segment = oldest.segments().iter().rev().nth(1).unwrap();
    assert!(segment.waiting_batches > 5);
    let mut bytes = std::fs::read(&segment.path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle..middle + 30].iter_mut().for_each(|byte| *byte ^= 0x55);
    std::fs::write(&segment.path, bytes).unwrap();
    let before = files(&scratch.0);
    let inspection = Inspection::of(&scratch.0, None).unwrap();
    let verification = inspection.verify().unwrap();
    assert!(verification.damaged_batches + verification.missing_items > 0, "{verification:?}");
    let (read, damaged): (Vec<_>, Vec<_>) = inspection.into_requests().unwrap().partition(Result::is_ok);
    assert_eq!(read.len() as u64, verification.sound_batches);
    assert_eq!(damaged.len() as u64, verification.damaged_batches);
    assert!(read.len() + 3 >= program.live.len());
    assert_eq!(files(&scratch.0), before);
}

#[test]
fn verify_tells_of_damage_in_the_last_batch_after_a_clean_end() {
    let scratch = Scratch::new("inspect-last");
    let (mut log, _) = open(Arc::new(LocalDisk), &scratch.0, 4096, None).unwrap();
    let mut program = Program::default();
    (0..10).for_each(|_| program.append(&mut log));
    log.close().unwrap();
    drop(log);
    let sound = Inspection::of(&scratch.0, None).unwrap().verify().unwrap();
    assert_eq!((sound.sound_batches, sound.missing_items, sound.damaged_bytes), (10, 0, 0));
    let path = segment::path(&scratch.0, 1);
    let mut bytes = std::fs::read(&path).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&path, bytes).unwrap();
    let damaged = Inspection::of(&scratch.0, None).unwrap().verify().unwrap();
    assert_eq!((damaged.sound_batches, damaged.missing_items), (9, u64::from(items(9))));
    assert!(damaged.damaged_bytes > 0);
}

#[test]
fn without_the_key_batches_are_counted_and_verified_and_not_read() {
    let scratch = Scratch::new("inspect-key");
    let program = written(&scratch.0, Some(key()));
    let inspection = Inspection::of(&scratch.0, None).unwrap();
    assert!(inspection.segments().iter().all(|segment| segment.is_encrypted));
    assert_eq!(inspection.verify().unwrap().sound_batches, program.live.len() as u64);
    assert!(matches!(inspection.into_requests().err(), Some(InspectError::KeyMissing { .. })));
    let other = Some(EncryptionKey::from_bytes([6; 32]));
    assert!(matches!(Inspection::of(&scratch.0, other), Err(InspectError::WrongKey { .. })));
    let requests = Inspection::of(&scratch.0, Some(key())).unwrap().into_requests().unwrap();
    assert_eq!(requests.filter(Result::is_ok).count(), program.live.len());
}

#[test]
fn dead_letters_are_inspected_like_a_queue() {
    let scratch = Scratch::new("inspect-dead");
    written(&scratch.0, None);
    assert_eq!(Inspection::of(&scratch.0, None).unwrap().dead_letters(), None);
    let mut letters = DeadLetters::new(Arc::new(LocalDisk), &scratch.0, 1 << 20, None);
    letters.put(Signal::Metrics, 4, 77, &[b"refused"]).unwrap();
    letters.sync().unwrap();
    let directory = Inspection::of(&scratch.0, None).unwrap().dead_letters().unwrap();
    let request = Inspection::of(directory, None).unwrap().into_requests().unwrap().next().unwrap().unwrap();
    assert_eq!((request.signal, request.items, &request.request[..]), (Signal::Metrics, 4, b"refused".as_slice()));
}

#[test]
fn a_directory_that_is_not_there_or_of_another_version_is_an_error() {
    let scratch = Scratch::new("inspect-error");
    let absent = Inspection::of(scratch.0.join("absent"), None);
    assert!(matches!(absent, Err(InspectError::Io { .. })));
    written(&scratch.0, None);
    let path = segment::path(&scratch.0, 900);
    let mut bytes = super::super::format::SegmentHeader { number: 900, created_at: 0, encryption: None }.encode();
    bytes[8] = 2;
    let checksum = crc32c::crc32c(&bytes[..60]);
    bytes[60..].copy_from_slice(&checksum.to_le_bytes());
    std::fs::write(&path, bytes).unwrap();
    let error = Inspection::of(&scratch.0, None).unwrap_err();
    assert!(error.to_string().contains("version 2"), "{error}");
}
