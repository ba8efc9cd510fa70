//! What a child knows, in a file of its own beside the queue: what it was about to record, and what it was told is
//! durable.
//!
//! A line is written before its items are recorded (`intends`) or after they are durable (`durable`), so whatever
//! moment the child dies at, the journal promises no more than the library did. Durable lines are synced: the journal
//! survives whatever the queue must survive. Each line has a checksum; a last line that is torn was never promised.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::Path,
};

use otlp_batch::Ledger;
use serde::{Deserialize, Serialize};

use crate::item::PRODUCERS;

/// One line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Entry {
    /// The thread records nothing at or above this number before it says so.
    Intends(u8, u32),
    /// For each thread: everything below that number is durable, or has its fate, and was not dropped.
    Durable([u32; PRODUCERS.len()]),
    /// The library has dropped so many items, as its ledger tells: nothing recorded from here on is promised.
    GivenUp(u64, Box<Ledger>),
    /// The library was shut down in order, and this is what it said: the ledger, and whether what is left is kept. If not,
    /// the time was up before the disk had answered.
    Ended(Box<Ledger>, bool),
}

/// The child's end of a journal.
#[derive(Debug)]
pub(crate) struct Journal(File);

impl Journal {
    /// A new journal.
    ///
    /// # Errors
    /// If the file cannot be made, or is there.
    pub(crate) fn create(path: &Path) -> io::Result<Self> {
        Ok(Journal(OpenOptions::new().create_new(true).append(true).open(path)?))
    }

    /// Adds a line with one write. All but intentions are synced.
    ///
    /// # Errors
    /// If the file cannot be written or synced.
    pub(crate) fn write(&mut self, entry: &Entry) -> io::Result<()> {
        let text = serde_json::to_string(entry)?;
        self.0.write_all(format!("{:08x} {text}\n", crc32c::crc32c(text.as_bytes())).as_bytes())?;
        if matches!(entry, Entry::Intends(..)) { Ok(()) } else { self.0.sync_data() }
    }
}

/// What a journal says in the end.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Promises {
    /// Below which number each thread may have recorded.
    pub(crate) intended: [u32; PRODUCERS.len()],
    /// Below which number everything of each thread is durable.
    pub(crate) durable: [u32; PRODUCERS.len()],
    /// How many items the library says it dropped.
    pub(crate) given_up: u64,
    /// What the library said when it was shut down, if it came to that.
    pub(crate) ended: Option<Box<Ledger>>,
    /// Whether all that was pending then is on the disk.
    pub(crate) is_kept: bool,
}

impl Promises {
    /// Reads a journal. A child that died before it began one has promised nothing.
    ///
    /// # Errors
    /// If the file cannot be read, or a line before the last is damaged.
    pub(crate) fn read(path: &Path) -> io::Result<Self> {
        let text = match fs::read(path) {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(error),
        };
        let mut promises = Promises::default();
        // What comes after the last line end was torn.
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        for line in whole.lines() {
            let entry =
                entry(line).ok_or_else(|| io::Error::other(format!("the journal has a damaged line: {line}")))?;
            match entry {
                Entry::Intends(producer, number) => {
                    if let Some(intended) = promises.intended.get_mut(usize::from(producer)) {
                        *intended = number.max(*intended);
                    }
                }
                Entry::Durable(numbers) => promises.durable = numbers,
                Entry::GivenUp(items, _) => promises.given_up = items,
                Entry::Ended(ledger, is_kept) => (promises.ended, promises.is_kept) = (Some(ledger), is_kept),
            }
        }
        Ok(promises)
    }

    /// How many spans, log records and increments are durable.
    pub(crate) fn durable_items(&self) -> u64 {
        self.durable.iter().map(|number| u64::from(*number)).sum()
    }
}

fn entry(line: &str) -> Option<Entry> {
    let (checksum, text) = line.split_once(' ')?;
    let is_whole = u32::from_str_radix(checksum, 16).ok()? == crc32c::crc32c(text.as_bytes());
    is_whole.then(|| serde_json::from_str(text).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_journal_cut_anywhere_promises_what_its_whole_lines_say() {
        let path = std::env::temp_dir().join(format!("otlp-torture-journal-{}", std::process::id()));
        let _ = fs::remove_file(&path);
        assert_eq!(Promises::read(&path).unwrap(), Promises::default());
        let mut journal = Journal::create(&path).unwrap();
        assert!(Journal::create(&path).is_err(), "a journal belongs to one run");
        journal.write(&Entry::Intends(1, 500)).unwrap();
        journal.write(&Entry::Durable([0, 7, 0, 0, 0])).unwrap();
        journal.write(&Entry::Durable([0, 9, 0, 2, 0])).unwrap();
        journal.write(&Entry::Ended(Box::default(), true)).unwrap();
        let whole = fs::read(&path).unwrap();
        let ends: Vec<usize> = (0..whole.len()).filter(|at| whole[*at] == b'\n').collect();
        for cut in 0..=whole.len() {
            fs::write(&path, &whole[..cut]).unwrap();
            let read = Promises::read(&path).unwrap();
            let lines = ends.iter().filter(|end| **end < cut).count();
            assert_eq!(read.intended[1], if lines > 0 { 500 } else { 0 });
            assert_eq!(read.durable[1], [0, 0, 7, 9, 9][lines], "cut at {cut}");
            assert_eq!(read.ended.is_some(), lines == 4);
        }
        let mut damaged = whole.clone();
        damaged[12] ^= 1;
        fs::write(&path, &damaged).unwrap();
        assert!(Promises::read(&path).is_err());
        fs::remove_file(&path).unwrap();
    }
}
