//! What a log does about batches that have their fate: it notes them, writes the cursor, and frees the segments that
//! nobody needs any more. Where little is left in one, that is moved, so that it does not hold the room of the rest.

use std::{collections::BTreeMap, io, time::Duration};

use otlp_core::Signal;

use super::{Log, WriteFailed};
use crate::disk::{
    active::Active,
    aside::set_aside,
    format::{Cursor, SEGMENT_HEADER_LEN},
    index::{Entry, Index, State},
    segment::{self, Segment},
};

/// How much queue time a crash may take. The cursor is written this often while anything waits.
const QUEUE_TIME_STEP: Duration = Duration::from_secs(60);

impl Log {
    /// Notes what was settled, so that it does not come again should the process be killed. That costs a small write, or
    /// now and then a cursor.
    ///
    /// # Errors
    /// If the disk refuses; what was not noted is in the next cursor.
    pub(crate) fn note(&mut self) -> io::Result<()> {
        if self.cursor.note(&*self.file_system, &self.directory)? { Ok(()) } else { self.write_cursor() }
    }

    /// Writes the cursor if it is stale, and frees the segments that nobody needs any more.
    pub(crate) fn reclaim(&mut self) -> io::Result<()> {
        let is_waiting = self.indexes.iter().any(|index| index.entries().next().is_some());
        let is_late = is_waiting && self.queue_time() >= self.cursor.queue_time + QUEUE_TIME_STEP;
        if self.cursor.is_stale || is_late {
            self.write_cursor()?;
        }
        // Everything in it has its fate, so it need not be synced first. A small one is rather filled.
        let is_spent = |active: &mut Active| {
            active.segment.live == 0 && active.segment.bytes > (self.segment_bytes / 4).max(SEGMENT_HEADER_LEN as u64)
        };
        if let Some(active) = self.active.take_if(is_spent) {
            self.sealed.push(active.segment);
        }
        let freed: Vec<Segment> = self.sealed.extract_if(.., |segment| segment.live == 0).collect();
        let mut result = Ok(());
        let mut is_changed = false;
        for segment in freed {
            self.readers.close(segment.number);
            match self.dispose(&segment) {
                Ok(()) => is_changed = true,
                // Its frames are covered by the cursor, so it is no more than wasted room; the next call tries again.
                Err(error) => {
                    let at = self.sealed.partition_point(|other| other.number < segment.number);
                    self.sealed.insert(at, segment);
                    result = Err(error);
                }
            }
        }
        if is_changed {
            self.file_system.sync_dir(&self.directory)?;
        }
        result
    }

    /// Ends the log in order: everything durable, the cursor written, empty segments gone.
    pub(crate) fn close(&mut self) -> Result<(), WriteFailed> {
        let sealed = self.seal();
        let is_told = self.queue_time() == self.cursor.queue_time && self.stored == self.cursor.stored;
        self.cursor.is_stale |= !is_told && self.sealed.iter().any(|one| one.live > 0);
        let reclaimed = self.reclaim();
        if reclaimed.is_ok() {
            self.cursor.end(&*self.file_system, &self.directory);
        }
        sealed?;
        Ok(reclaimed?)
    }

    /// The batches without a fate in the oldest segment: once they have theirs, its room is free. Empty: there is no
    /// segment but the one that is written to.
    pub(in crate::disk) fn oldest_segment(&self) -> Vec<(Signal, u64)> {
        let Some(oldest) = self.sealed.iter().find(|segment| segment.live > 0) else { return Vec::new() };
        let of = |signal: Signal| {
            let entries = self.indexes[signal.index()].entries();
            let inside = entries.filter(|entry| entry.segment == oldest.number && entry.state != State::Settled);
            inside.map(move |entry| (signal, entry.sequence))
        };
        Signal::ALL.into_iter().flat_map(of).collect()
    }

    /// Moves what is left of the oldest segment of which half or less is left to a new one, at this wall time. `false`:
    /// there is no such segment, or it cannot be read. A batch stays where it is until its copy is durable.
    ///
    /// # Errors
    /// If the disk refuses. Nothing has moved then.
    pub(crate) fn move_rest(&mut self, now: u64) -> Result<bool, WriteFailed> {
        let Some((number, rest)) = self.rest() else { return Ok(false) };
        self.seal()?;
        let mut active = self.create(now)?;
        let copied = self.copy(&rest, &mut active);
        if !matches!(copied, Ok(true)) {
            // Copies that stay behind are found to be such.
            let _ = self.file_system.remove(&segment::path(&self.directory, active.segment.number));
            return Ok(copied?);
        }
        let segment = active.segment.number;
        for ((signal, entry), offset) in rest.iter().zip(active.take_copies()) {
            self.indexes[signal.index()].replace(Entry { segment, offset, ..*entry });
        }
        self.active = Some(active);
        if let Some(emptied) = self.segment_mut(number) {
            emptied.live = 0;
        }
        Ok(true)
    }

    fn copy(&mut self, rest: &[(Signal, Entry)], active: &mut Active) -> io::Result<bool> {
        let mut bytes = Vec::new();
        for (signal, entry) in rest {
            let Some(header) = self.read_stored(*signal, entry, &mut bytes)? else { return Ok(false) };
            active.append_copy(&header, &bytes)?;
        }
        active.sync_copies()?;
        Ok(true)
    }

    /// The oldest complete segment of which half or less is left, and that.
    fn rest(&self) -> Option<(u32, Vec<(Signal, Entry)>)> {
        let mut left = BTreeMap::<u32, (usize, u64)>::new();
        let unsettled = |signal: Signal| {
            let entries = self.indexes[signal.index()].entries().filter(|entry| entry.state != State::Settled);
            entries.map(move |entry| (signal, entry))
        };
        for (_, entry) in Signal::ALL.into_iter().flat_map(unsettled) {
            let (frames, bytes) = left.entry(entry.segment).or_default();
            *frames += 1;
            *bytes += entry.frame_len();
        }
        let is_little = |segment: &&Segment| {
            let left = left.get(&segment.number);
            // Where there are more, those are copies of what stands elsewhere.
            left.is_some_and(|(frames, bytes)| *frames == segment.live && bytes * 2 <= segment.bytes)
        };
        let number = self.sealed.iter().find(is_little)?.number;
        let inside = Signal::ALL.into_iter().flat_map(unsettled).filter(|(_, entry)| entry.segment == number);
        Some((number, inside.map(|(signal, entry)| (signal, *entry)).collect()))
    }

    pub(super) fn write_cursor(&mut self) -> io::Result<()> {
        let queue_time = self.queue_time();
        let milliseconds = u64::try_from(queue_time.as_millis()).unwrap_or(u64::MAX);
        let cursor = Cursor::new(milliseconds, self.indexes.each_ref().map(Index::settled), self.stored);
        self.cursor.write(&*self.file_system, &self.directory, &cursor, queue_time, self.stored)
    }

    /// Removes a segment, or keeps it aside for a person to look at if it was damaged.
    fn dispose(&self, segment: &Segment) -> io::Result<()> {
        if segment.is_damaged {
            let max_bytes = self.segment_bytes.saturating_mul(4).max(segment.bytes);
            return set_aside(&*self.file_system, &self.directory, segment.number, segment.bytes, max_bytes);
        }
        match self.file_system.remove(&segment::path(&self.directory, segment.number)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            removed => removed,
        }
    }
}
