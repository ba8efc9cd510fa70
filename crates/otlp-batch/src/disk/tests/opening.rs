//! What a directory may hold when it is opened, and how it is left.

use std::{io, path::PathBuf};

use super::{
    super::{
        aside::DAMAGED,
        cursor_file::CURSOR,
        file_system::{FileSystem, LocalDisk},
        segment,
    },
    *,
};

#[test]
fn a_directory_without_work_is_empty_after_closing() {
    let disk = SimulatedDisk::default();
    let (mut log, _) = opened(&disk, None);
    let mut program = Program::default();
    (0..40).for_each(|_| program.append(&mut log));
    while !program.live.is_empty() {
        program.settle(&mut log, 0);
    }
    log.close().unwrap();
    assert_eq!(log.bytes(), 0);
    let (mut again, recovered) = opened(&disk, None);
    assert_eq!(recovered, Recovered::default());
    program.append(&mut again);
    assert_eq!(drain(&mut again).0, [40], "sequences go on where they were");
}

#[test]
fn room_is_freed_also_in_the_segment_that_is_written_to() {
    let disk = SimulatedDisk::default();
    let (mut log, _) = opened(&disk, None);
    let mut program = Program::default();
    (0..4).for_each(|_| program.append(&mut log));
    assert!(log.bytes() > SEGMENT / 4);
    while !program.live.is_empty() {
        program.settle(&mut log, 0);
    }
    log.reclaim().unwrap();
    assert_eq!(log.bytes(), 0);
}

#[test]
fn batches_that_were_handed_out_come_again_after_a_restart_and_when_given_back() {
    let disk = SimulatedDisk::default();
    let (mut log, _) = opened(&disk, None);
    let mut program = Program::default();
    (0..9).for_each(|_| program.append(&mut log));
    program.sync(&mut log);
    let first = log.take(Signal::Traces).unwrap();
    let second = log.take(Signal::Traces).unwrap();
    log.give_back(Signal::Traces, first.sequence);
    assert_eq!(log.take(Signal::Traces), Some(first));
    log.settle(Signal::Traces, second.sequence);
    log.reclaim().unwrap();
    let (mut again, recovered) = opened(&disk, None);
    assert_eq!(recovered.signals[0].batches, 2);
    assert_eq!(again.take(Signal::Traces), Some(first));
}

/// Opening is refused with what `is_refusal` accepts, and changes nothing.
fn refused(disk: &SimulatedDisk, key: Option<EncryptionKey>, is_refusal: impl Fn(&OpenError) -> bool) {
    let (operations, contents) = (disk.operations(), disk.contents());
    let error = try_open(disk, key).err().unwrap();
    assert!(is_refusal(&error), "{error:?}");
    assert_eq!((disk.operations(), disk.contents()), (operations, contents));
}

#[test]
fn a_later_version_is_refused_and_left_as_it_is() {
    let disk = SimulatedDisk::default();
    let (mut log, _) = opened(&disk, None);
    Program::default().append(&mut log);
    log.sync().unwrap();
    let (path, mut bytes) = disk.contents().pop_first().unwrap();
    bytes[8] = 9;
    let checksum = crc32c::crc32c(&bytes[..60]);
    bytes[60..64].copy_from_slice(&checksum.to_le_bytes());
    disk.replace(&path, bytes);
    refused(&disk, None, |error| matches!(error, OpenError::UnknownVersion { version: 9, .. }));
}

#[test]
fn another_key_or_none_is_refused_and_destroys_nothing() {
    let disk = SimulatedDisk::default();
    let (mut log, _) = opened(&disk, Some(key()));
    let mut program = Program::default();
    (0..30).for_each(|_| program.append(&mut log));
    log.close().unwrap();
    let in_the_clear = disk.contents().values().any(|bytes| bytes.windows(20).any(|part| part == &payload(7)[..20]));
    assert!(!in_the_clear);
    refused(&disk, None, |error| matches!(error, OpenError::KeyMissing { .. }));
    let other = EncryptionKey::from_bytes([6; 32]);
    refused(&disk, Some(other), |error| matches!(error, OpenError::WrongKey { .. }));
    let (mut again, _) = opened(&disk, Some(key()));
    assert_eq!(drain(&mut again).0.len(), 30);
}

#[test]
fn without_its_segments_header_an_encrypted_frame_is_still_read() {
    let disk = SimulatedDisk::default();
    let (mut log, _) = opened(&disk, Some(key()));
    let mut program = Program::default();
    (0..30).for_each(|_| program.append(&mut log));
    log.close().unwrap();
    for (path, mut bytes) in disk.contents() {
        bytes[40] ^= 1;
        disk.replace(&path, bytes);
    }
    refused(&disk, None, |error| matches!(error, OpenError::KeyMissing { .. }));
    let (mut again, recovered) = opened(&disk, Some(key()));
    assert!(recovered.damaged_bytes > 0);
    assert_eq!(drain(&mut again).0.len(), 30);
}

#[test]
fn a_key_can_be_added_later() {
    let disk = SimulatedDisk::default();
    let (mut log, _) = opened(&disk, None);
    let mut program = Program::default();
    (0..12).for_each(|_| program.append(&mut log));
    log.close().unwrap();
    let (mut log, _) = opened(&disk, Some(key()));
    (0..12).for_each(|_| program.append(&mut log));
    log.close().unwrap();
    let (mut again, _) = opened(&disk, Some(key()));
    assert_eq!(drain(&mut again).0.len(), 24);
}

#[test]
fn a_lost_cursor_means_again_and_not_missing() {
    let disk = SimulatedDisk::default();
    let (mut log, _) = opened(&disk, None);
    let mut program = Program::default();
    (0..60).for_each(|_| program.append(&mut log));
    // One of the first segment stays, so that a hole is freed behind it.
    (0..30).for_each(|_| {
        let key = *program.live.keys().find(|(signal, sequence)| *signal > 0 || *sequence > 0).unwrap();
        let id = program.live.remove(&key).unwrap();
        program.durable.retain(|durable| *durable != id);
        log.settle(Signal::ALL[key.0], key.1);
    });
    log.close().unwrap();
    let cursor = Path::new(DIRECTORY).join(CURSOR);
    disk.replace(&cursor, vec![0; 90]);
    let (mut again, recovered) = opened(&disk, None);
    assert!(recovered.is_cursor_lost);
    assert_eq!(recovered.signals.map(|signal| signal.missing_items), [0; 3]);
    check(&program.live.values().copied().collect::<Vec<_>>(), &drain(&mut again).0, 60);
}

#[test]
fn age_is_the_time_that_the_queue_was_open_whatever_the_clock_says() {
    let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
    let disk = SimulatedDisk::default();
    let day = 86_400_000_000_000;
    let (mut log, _) = opened(&disk, None);
    // The clock is a year ahead, then back.
    let first = log.append(Signal::Logs, 1, 700 * day, &[b"first"]).unwrap();
    log.set_open_for(minutes(10));
    let second = log.append(Signal::Logs, 1, 300 * day, &[b"second"]).unwrap();
    log.set_open_for(minutes(5));
    assert_eq!(log.expired(minutes(9)), [(Signal::Logs, first)], "time does not go back");
    assert_eq!(log.expired(minutes(10)), []);
    log.close().unwrap();
    // Closed for any time: nothing that was not tried gets older.
    let (mut log, _) = opened(&disk, None);
    assert_eq!(log.expired(minutes(10)), []);
    log.set_open_for(minutes(1));
    assert_eq!(log.expired(minutes(10)), [(Signal::Logs, first)]);
    log.set_open_for(minutes(11));
    assert_eq!(log.expired(minutes(10)), [(Signal::Logs, first), (Signal::Logs, second)]);
    assert_eq!(log.take(Signal::Logs).unwrap().age, minutes(21));
    // A crash takes what was not written since the last minute; so does a lost cursor take all.
    log.reclaim().unwrap();
    log.set_open_for(minutes(11) + Duration::from_secs(30));
    log.reclaim().unwrap();
    let (mut crashed, _) = opened(&disk, None);
    assert_eq!(crashed.take(Signal::Logs).unwrap().age, minutes(21));
    disk.replace(&Path::new(DIRECTORY).join(CURSOR), b"nothing".to_vec());
    let (mut young, _) = opened(&disk, None);
    assert_eq!(young.take(Signal::Logs).unwrap().age, Duration::ZERO);
    young.set_open_for(minutes(11));
    assert_eq!(young.expired(minutes(10)).len(), 2, "nothing stays for ever");
}

/// A directory of its own on the disk of this machine, gone with the test.
pub(super) struct Scratch(pub(super) PathBuf);

impl Scratch {
    pub(super) fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("otlp-disk-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        Scratch(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn strangers_in_a_directory_are_left_alone() {
    let scratch = Scratch::new("strangers");
    let directory = scratch.0.join("a/b");
    let open = || open(Arc::new(LocalDisk), &directory, 4096, None);
    let (mut log, _) = open().unwrap();
    let mut program = Program::default();
    (0..200).for_each(|_| program.append(&mut log));
    log.close().unwrap();
    (0..10_000).for_each(|at| std::fs::write(directory.join(format!("segment-{at}")), b"not ours").unwrap());
    std::fs::create_dir(directory.join(segment::name(0))).unwrap();
    std::fs::create_dir(directory.join(segment::name(900))).unwrap();
    std::fs::write(directory.join("segment-ffffffffffffffff.otlpq"), b"too large a number").unwrap();
    let (mut log, recovered) = open().unwrap();
    assert_eq!(recovered.damaged_bytes, 0);
    assert_eq!(drain(&mut log).0.len(), 200);
    while !program.live.is_empty() {
        program.settle(&mut log, 0);
    }
    log.close().unwrap();
    assert_eq!(LocalDisk.list(&directory).unwrap().len(), 10_000 + 2, "with the cursor and the number too large");
}

#[test]
fn segments_that_are_no_segments_are_kept_aside() {
    let scratch = Scratch::new("aside");
    for number in 1..40 {
        std::fs::write(segment::path(&scratch.0, number), vec![number as u8; 5000]).unwrap();
    }
    let (mut log, recovered) = open(Arc::new(LocalDisk), &scratch.0, 4096, None).unwrap();
    assert_eq!(recovered.damaged_bytes, 39 * 5000);
    assert_eq!(log.bytes(), 0);
    assert_eq!(LocalDisk.list(&scratch.0.join(DAMAGED)).unwrap().len(), 3, "four segments' bytes");
    let mut program = Program::default();
    program.append(&mut log);
    program.sync(&mut log);
    assert_eq!(program.durable, [0]);
}

#[test]
fn a_file_that_may_not_be_read_is_an_error_and_not_damage() {
    struct Locked;
    impl FileSystem for Locked {
        fn create_dir(&self, _: &Path) -> io::Result<()> {
            Ok(())
        }
        fn list(&self, _: &Path) -> io::Result<Vec<String>> {
            Ok(vec![segment::name(1)])
        }
        fn create(&self, _: &Path) -> io::Result<Box<dyn super::super::file_system::DiskFile>> {
            panic!("nothing is changed")
        }
        fn open(&self, _: &Path, _: bool) -> io::Result<Box<dyn super::super::file_system::DiskFile>> {
            Err(io::ErrorKind::PermissionDenied.into())
        }
        fn rename(&self, _: &Path, _: &Path) -> io::Result<()> {
            panic!("nothing is changed")
        }
        fn remove(&self, _: &Path) -> io::Result<()> {
            panic!("nothing is changed")
        }
        fn sync_dir(&self, _: &Path) -> io::Result<()> {
            panic!("nothing is changed")
        }
    }
    let error = open(Arc::new(Locked), Path::new(DIRECTORY), SEGMENT, None).err().unwrap();
    assert!(matches!(&error, OpenError::Io { path, .. } if path.ends_with(segment::name(1))), "{error:?}");
}
