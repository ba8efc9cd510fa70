//! What is done with bytes of any kind, as a file of the queue: the bodies of the fuzz targets in `fuzz/`, run by the
//! tests over recorded inputs and mutations of them as well. None may panic, and what is read must be consistent.
//!
//! Checksums keep random bytes out, so each target also tries its input with all checksums made right.

use std::io;

use otlp_core::Signal;

use super::{
    file_system::DiskFile,
    format::{
        Cursor, FRAME_HEADER_LEN, FRAME_MAGIC, FrameHeader, JournalEncoder, SEGMENT_HEADER_LEN, SegmentHeader,
        journal_entries, payload_checksum,
    },
    scan::{Depth, scan},
    stored_batch::BatchReader,
};

/// A file that is read.
struct Content(Vec<u8>);

impl DiskFile for Content {
    fn size(&self) -> io::Result<u64> {
        Ok(self.0.len() as u64)
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let bytes = usize::try_from(offset).ok().and_then(|offset| self.0.get(offset..)).unwrap_or_default();
        let len = bytes.len().min(buffer.len());
        buffer[..len].copy_from_slice(&bytes[..len]);
        Ok(len)
    }

    fn append(&mut self, _: &[&[u8]]) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn truncate(&mut self, _: u64) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn sync(&self) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

/// The frames of a segment.
pub fn disk_frames(bytes: &[u8]) {
    frames(bytes.to_vec());
    let mut repaired = bytes.to_vec();
    let at: Vec<usize> = (0..bytes.len()).filter(|at| bytes[*at..].starts_with(&FRAME_MAGIC)).collect();
    for at in at.into_iter().rev() {
        repair(&mut repaired[at..]);
    }
    frames(repaired);
}

fn repair(frame: &mut [u8]) {
    let Some((header, payload)) = frame.split_first_chunk_mut::<FRAME_HEADER_LEN>() else { return };
    let mut len = [0; 4];
    len.copy_from_slice(&header[8..12]);
    if let Some(payload) = payload.get(..u32::from_le_bytes(len) as usize) {
        header[12..16].copy_from_slice(&payload_checksum([payload]).to_le_bytes());
    }
    let checksum = crc32c::crc32c(&header[8..]);
    header[4..8].copy_from_slice(&checksum.to_le_bytes());
}

fn frames(bytes: Vec<u8>) {
    let file = Content(bytes);
    let size = file.0.len() as u64;
    let mut sound = Vec::new();
    for depth in [Depth::Payloads, Depth::Headers] {
        let (mut end, mut between, mut found) = (0, 0, Vec::new());
        let scan = scan(&file, size, 0, depth, |frame| {
            let offset = u64::from(frame.offset);
            assert!(offset >= end, "frames do not overlap");
            between += offset - end;
            end = offset + frame.header.frame_len();
            assert!(end <= size, "frames lie inside of the file");
            assert_eq!(FrameHeader::decode(&frame.header.encode()), Some(frame.header));
            found.push(frame);
        });
        assert_eq!((scan.end, scan.damaged_bytes, scan.unreadable), (end, between, 0), "every byte is accounted for");
        if depth == Depth::Payloads {
            for frame in &found {
                let start = frame.offset as usize + FRAME_HEADER_LEN;
                let payload = &file.0[start..start + frame.header.payload_len as usize];
                assert_eq!(payload_checksum([payload]), frame.header.payload_checksum);
            }
            sound = found;
        } else if sound.len() == found.len() {
            assert_eq!(sound, found, "the same as with the payloads, if those are sound");
        }
    }
}

/// The header of a segment.
pub fn disk_segment_header(bytes: &[u8]) {
    let check = |bytes: &[u8]| {
        if let Ok(header) = SegmentHeader::decode(bytes) {
            assert_eq!(SegmentHeader::decode(&header.encode()), Ok(header));
        }
    };
    check(bytes);
    if let Some(header) = bytes.first_chunk::<SEGMENT_HEADER_LEN>() {
        let mut repaired = *header;
        let checksum = crc32c::crc32c(&repaired[..60]);
        repaired[60..].copy_from_slice(&checksum.to_le_bytes());
        check(&repaired);
    }
}

/// The cursor.
pub fn disk_cursor(bytes: &[u8]) {
    let check = |bytes: &[u8]| {
        let Some(cursor) = Cursor::decode(bytes) else { return };
        assert_eq!(cursor.encode(), bytes);
        for signal in Signal::ALL {
            let settled = cursor.signal(signal);
            let end = settled.end();
            assert!(!settled.covers(end, end.saturating_add(1)) || end == u64::MAX);
            assert_eq!(settled.count_within(end, u64::MAX), 0);
            let (all, half) = (settled.count_within(0, u64::MAX), end / 2);
            assert_eq!(settled.count_within(0, half) + settled.count_within(half, u64::MAX), all);
            assert_eq!(settled.covers(0, end), all == end);
        }
    };
    check(bytes);
    if let Some((content, _)) = bytes.split_last_chunk::<4>() {
        check(&[content, &crc32c::crc32c(content).to_le_bytes()].concat());
    }
}

/// The journal of the cursor, whose mark are the first four bytes.
pub fn disk_journal(bytes: &[u8]) {
    let Some((mark, journal)) = bytes.split_first_chunk::<4>() else { return };
    let mark = u32::from_le_bytes(*mark);
    let check = |journal: &[u8]| -> Vec<(Signal, u64, u64)> {
        let entries: Vec<_> = journal_entries(journal, mark).collect();
        let (mut encoder, mut again) = JournalEncoder::begin(mark);
        entries.iter().for_each(|(signal, first, end)| encoder.entry(*signal, *first, *end, &mut again));
        assert!(entries.is_empty() || journal.starts_with(&again), "what was read is what stands there");
        let mut cursor = Cursor::default();
        cursor.settle(entries.iter().copied());
        for (signal, first, end) in &entries {
            assert!(cursor.signal(*signal).covers(*first, *end), "and has its fate");
        }
        assert_eq!(Cursor::decode(&cursor.encode()), Some(cursor), "in a cursor that can be written");
        entries
    };
    check(journal);
    // The same entries with checksums that are right.
    let (mut encoder, mut repaired) = JournalEncoder::begin(mark);
    let mut count = 0;
    for entry in journal.chunks_exact(17) {
        let (first, rest) = entry.split_first_chunk::<8>().unwrap_or((&[0; 8], &[]));
        let (end, signal) = rest.split_first_chunk::<8>().unwrap_or((&[0; 8], &[]));
        let (first, end) = (u64::from_le_bytes(*first), u64::from_le_bytes(*end));
        if first < end {
            let signal = Signal::ALL[usize::from(signal.first().copied().unwrap_or(0)) % 3];
            encoder.entry(signal, first, end, &mut repaired);
            count += 1;
        }
    }
    assert_eq!(check(&repaired).len(), count);
}

/// A batch as it is stored; the first byte chooses the signal.
pub fn disk_batch(bytes: &[u8]) {
    let Some((first, request)) = bytes.split_first() else { return };
    let signal = Signal::ALL[usize::from(*first) % 3];
    let mut reader = BatchReader::default();
    let Ok(batch) = reader.read(signal, 7, &request.to_vec().into()) else { return };
    assert_eq!(batch.sequence(), 7);
    let again = batch.to_request().segments().concat();
    if let Ok(again) = reader.read(signal, 8, &again.into()) {
        assert_eq!(again.items(), batch.items(), "what is sent is what was stored");
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, path::PathBuf};

    use super::{
        super::{format::Settled, simulated_disk::Random},
        *,
    };

    /// How many mutations of each target's inputs are tried.
    const MUTATIONS: usize = 5_000;

    fn segment() -> Vec<u8> {
        let mut bytes = SegmentHeader { number: 3, created_at: 9, encryption: None }.encode().to_vec();
        for sequence in 0..4u64 {
            let payload = [sequence as u8; 30];
            let header = FrameHeader {
                payload_len: 30,
                payload_checksum: payload_checksum([payload.as_slice()]),
                sequence,
                items: 1,
                signal: Signal::ALL[sequence as usize % 3],
                is_encrypted: sequence == 3,
                put_at: 1,
                queue_time: 2,
            };
            bytes.extend_from_slice(&header.encode());
            bytes.extend_from_slice(&payload);
        }
        bytes
    }

    fn cursor() -> Vec<u8> {
        let mut settled = Settled::below(5);
        settled.push(9, 12);
        settled.push(20, 21);
        Cursor::new(1234, [settled, Settled::default(), Settled::below(1 << 40)], [22, 0, 1 << 41]).encode()
    }

    fn journal() -> Vec<u8> {
        let (mut encoder, mut bytes) = JournalEncoder::begin(7);
        for (signal, first, end) in [(Signal::Logs, 5, 9), (Signal::Traces, 0, 1), (Signal::Logs, 1, 3)] {
            encoder.entry(signal, first, end, &mut bytes);
        }
        [&7u32.to_le_bytes(), bytes.as_slice()].concat()
    }

    fn batch() -> Vec<u8> {
        let field = |number: u8, content: &[u8]| [&[number << 3 | 2, content.len() as u8], content].concat();
        let record = field(2, &field(5, &field(1, b"body")));
        let scope = [field(1, &field(1, b"scope")), record.clone(), record].concat();
        let group = [field(1, &field(1, &field(1, b"key"))), field(2, &scope)].concat();
        [&[2], field(1, &group).as_slice()].concat()
    }

    fn run(name: &str, target: impl Fn(&[u8]), seed: &[u8]) {
        target(seed);
        if std::env::var_os("OTLP_WRITE_CORPUS").is_some() {
            let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/corpus")).join(name);
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join("seed-0"), seed).unwrap();
        }
        let mut random = Random::new(1);
        for _ in 0..MUTATIONS {
            let mut bytes = seed.to_vec();
            for _ in 0..=random.below(4) {
                let at = random.below(bytes.len());
                let end = (at + 1 + random.below(40)).min(bytes.len());
                match random.below(6) {
                    0 | 1 => bytes[at] ^= 1 << random.below(8),
                    2 => bytes[at] = [0, 1, 0x7f, 0x80, 0xff][random.below(5)],
                    3 if end - at < bytes.len() => drop(bytes.drain(at..end)),
                    4 => bytes.extend_from_within(at..end),
                    _ => bytes.truncate(at.max(1)),
                }
            }
            target(&bytes);
        }
    }

    #[test]
    fn frames_of_any_bytes() {
        run("disk_frames", disk_frames, &segment());
    }

    #[test]
    fn headers_of_any_bytes() {
        run("disk_segment_header", disk_segment_header, &segment()[..SEGMENT_HEADER_LEN]);
    }

    #[test]
    fn cursors_of_any_bytes() {
        run("disk_cursor", disk_cursor, &cursor());
    }

    #[test]
    fn journals_of_any_bytes() {
        run("disk_journal", disk_journal, &journal());
    }

    #[test]
    fn batches_of_any_bytes() {
        run("disk_batch", disk_batch, &batch());
    }
}
