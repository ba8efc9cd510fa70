//! The cursor of a log on the disk, with its journal: what it says, what it does not say yet, and writing it.

use std::{io, path::Path, time::Duration};

use otlp_core::Signal;

use super::{file_system::FileSystem, format::Cursor, journal::Journal};

pub(super) const CURSOR: &str = "cursor";
pub(super) const CURSOR_DRAFT: &str = "cursor.draft";

/// What the file says, and what is to be added.
pub(super) struct CursorFile {
    /// The queue time in it.
    pub(super) queue_time: Duration,
    /// Below which sequence everything is on the disk, by what it says.
    pub(super) stored: [u64; 3],
    /// Something was settled since it was written.
    pub(super) is_stale: bool,
    /// Nothing may be appended before it is written.
    pub(super) is_due: bool,
    journal: Journal,
    /// What has its fate and is neither in the file nor in the journal.
    unnoted: Vec<(Signal, u64, u64)>,
}

impl CursorFile {
    /// One that an earlier process wrote, with this queue time.
    pub(super) fn new(queue_time: Duration) -> Self {
        CursorFile {
            queue_time,
            stored: [0; 3],
            is_stale: false,
            is_due: false,
            journal: Journal::default(),
            unnoted: Vec::new(),
        }
    }

    /// `first..end` has its fate.
    pub(super) fn settle(&mut self, signal: Signal, first: u64, end: u64) {
        self.is_stale = true;
        match self.unnoted.last_mut() {
            Some(last) if last.0 == signal && last.2 == first => last.2 = end,
            _ => self.unnoted.push((signal, first, end)),
        }
    }

    /// Notes in the journal what has its fate. `false`: it takes a new cursor to do that.
    ///
    /// # Errors
    /// If the disk refuses; then it is in the next cursor.
    pub(super) fn note(&mut self, file_system: &dyn FileSystem, directory: &Path) -> io::Result<bool> {
        if self.unnoted.is_empty() {
            return Ok(true);
        }
        let noted = self.journal.note(file_system, directory, &self.unnoted);
        if !matches!(noted, Ok(false)) {
            self.unnoted.clear();
        }
        noted
    }

    /// Writes `cursor`, which says all that is known, in place of the one before; it is durable when this returns.
    ///
    /// # Errors
    /// If the disk refuses. One of the two is there then.
    pub(super) fn write(
        &mut self,
        file_system: &dyn FileSystem,
        directory: &Path,
        cursor: &Cursor,
        queue_time: Duration,
        stored: [u64; 3],
    ) -> io::Result<()> {
        let draft = directory.join(CURSOR_DRAFT);
        match file_system.remove(&draft) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let encoded = cursor.encode();
        let mut file = file_system.create(&draft)?;
        file.append(&[&encoded])?;
        file.sync()?;
        file_system.rename(&draft, &directory.join(CURSOR))?;
        file_system.sync_dir(directory)?;
        self.queue_time = queue_time;
        self.stored = stored;
        self.is_stale = false;
        self.is_due = false;
        self.unnoted.clear();
        self.journal.follow(Cursor::mark(&encoded));
        Ok(())
    }

    /// The file says everything, and nothing follows.
    pub(super) fn end(&mut self, file_system: &dyn FileSystem, directory: &Path) {
        self.journal.end(file_system, directory);
    }
}
