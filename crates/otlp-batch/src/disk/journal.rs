//! The file of the cursor's journal. It makes that a process which is killed has noted what had its fate up to then, at the
//! price of a small write; the cursor itself is written about once a second, and synced.
//!
//! What must hold: nothing is appended behind a write that failed, for what stands there is not known.

use std::{io, path::Path};

use otlp_core::Signal;

use super::{
    file_system::{DiskFile, FileSystem},
    format::JournalEncoder,
};

pub(super) const JOURNAL: &str = "cursor.journal";

/// Beyond this many bytes the next note is a new cursor.
const MAX_BYTES: usize = 64 << 10;

/// The journal of one log. Its file is there from the first note on.
#[derive(Default)]
pub(super) struct Journal {
    state: State,
    file: Option<Box<dyn DiskFile>>,
}

#[derive(Default)]
enum State {
    /// This process has written no cursor yet that a journal could continue.
    #[default]
    Without,
    /// It continues the cursor of this mark, and has no entries.
    Empty(u32),
    Begun(JournalEncoder, usize),
    /// The disk refused.
    Failed,
}

impl Journal {
    /// From now on the journal continues the cursor of this mark.
    pub(super) fn follow(&mut self, cursor: u32) {
        self.state = State::Empty(cursor);
    }

    /// Notes what has its fate. `false`: only a cursor can do that now.
    ///
    /// # Errors
    /// If the disk refuses. Nothing is noted then until the next cursor.
    pub(super) fn note(
        &mut self,
        file_system: &dyn FileSystem,
        directory: &Path,
        settled: &[(Signal, u64, u64)],
    ) -> io::Result<bool> {
        let mut bytes = Vec::new();
        let (mut encoder, written) = match std::mem::replace(&mut self.state, State::Failed) {
            State::Without => {
                self.state = State::Without;
                return Ok(false);
            }
            State::Begun(_, written) if written > MAX_BYTES => return Ok(false),
            State::Failed => return Ok(true),
            State::Begun(encoder, written) => (encoder, written),
            State::Empty(cursor) => {
                self.empty(file_system, directory)?;
                let (encoder, header) = JournalEncoder::begin(cursor);
                bytes = header;
                (encoder, 0)
            }
        };
        settled.iter().for_each(|(signal, first, end)| encoder.entry(*signal, *first, *end, &mut bytes));
        if let Some(file) = &mut self.file {
            file.append(&[&bytes])?;
        }
        self.state = State::Begun(encoder, written + bytes.len());
        Ok(true)
    }

    /// A file without content, whatever stood in it: that continued another cursor.
    fn empty(&mut self, file_system: &dyn FileSystem, directory: &Path) -> io::Result<()> {
        if let Some(file) = &mut self.file {
            return file.truncate(0);
        }
        let path = directory.join(JOURNAL);
        match file_system.remove(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        self.file = Some(file_system.create(&path)?);
        Ok(())
    }

    /// The cursor has everything, and nothing follows: the file is not needed any more.
    pub(super) fn end(&mut self, file_system: &dyn FileSystem, directory: &Path) {
        self.state = State::Without;
        if self.file.take().is_some() {
            // Left behind it says nothing new.
            let _ = file_system.remove(&directory.join(JOURNAL));
        }
    }
}
