//! Where recordings wait for their next record: a short list per thread, and a bounded queue that all threads share,
//! so that spans which end on another thread than they began on find their way back.

use std::{cell::RefCell, sync::LazyLock};

use crossbeam_queue::ArrayQueue;

use super::{AttributeLimit, Recording};

/// How many idle recordings a thread keeps to itself.
const PER_THREAD: usize = 16;

/// How many more may be idle.
const SHARED: usize = 256;

/// The largest buffer, in bytes, that is kept: one huge attribute must not occupy memory for good.
const KEPT_BYTES: usize = 64 << 10;

thread_local! {
    #[expect(clippy::vec_box, reason = "the boxes travel between this list, the queue and the spans")]
    static LOCAL: RefCell<Vec<Box<Recording>>> = const { RefCell::new(Vec::new()) };
}

static QUEUE: LazyLock<ArrayQueue<Box<Recording>>> = LazyLock::new(|| ArrayQueue::new(SHARED));

/// An empty recording for a record of at most `max_bytes`, with this limit of its attributes.
#[inline]
pub(crate) fn take(max_bytes: usize, limit: AttributeLimit) -> Box<Recording> {
    // An error means that the thread ends and its list is gone.
    let local = LOCAL.try_with(|local| local.borrow_mut().pop()).ok().flatten();
    let mut recording = local.or_else(|| QUEUE.pop()).unwrap_or_default();
    recording.max_bytes = max_bytes;
    recording.limit = limit;
    recording
}

/// Takes a recording back, whatever is in it.
#[inline]
pub(crate) fn give_back(mut recording: Box<Recording>) {
    if recording.largest_buffer() > KEPT_BYTES {
        return;
    }
    recording.clear();
    let mut recording = Some(recording);
    let _ = LOCAL.try_with(|local| {
        let mut local = local.borrow_mut();
        if local.len() < PER_THREAD {
            local.extend(recording.take());
        }
    });
    if let Some(recording) = recording {
        // If the queue is full as well, enough are idle.
        let _ = QUEUE.push(recording);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: AttributeLimit = AttributeLimit { count: usize::MAX, value_length: None };

    #[test]
    fn a_buffer_is_used_again_and_comes_back_empty() {
        let mut recording = take(1000, ALL);
        recording.fields.extend_from_slice(&[1; 500]);
        recording.text.push(1);
        let address = recording.fields.as_ptr();
        give_back(recording);
        let again = take(2000, ALL);
        assert_eq!((again.fields.as_ptr(), again.fields.len(), again.text.len()), (address, 0, 0));
        assert_eq!(again.max_bytes, 2000);
    }

    #[test]
    fn a_huge_buffer_is_not_kept() {
        let thread = std::thread::spawn(|| {
            let mut recording = take(1 << 20, ALL);
            recording.message.reserve_exact(KEPT_BYTES + 1);
            give_back(recording);
            LOCAL.with(|local| local.borrow().len())
        });
        assert_eq!(thread.join().ok(), Some(0));
    }

    #[test]
    fn what_one_thread_has_too_many_of_another_one_uses() {
        let recordings: Vec<_> = (0..PER_THREAD + 1).map(|_| take(1000, ALL)).collect();
        let addresses: Vec<_> = recordings.iter().map(|recording| &raw const **recording as usize).collect();
        recordings.into_iter().for_each(give_back);
        let elsewhere = std::thread::spawn(|| &raw const *take(1000, ALL) as usize).join().ok();
        // Other tests share the queue, so that it may have been another's recording, but never one of this list.
        let kept = LOCAL.with(|local| local.borrow().len());
        assert_eq!(kept, PER_THREAD);
        assert!(!addresses[..PER_THREAD].contains(&elsewhere.unwrap_or_default()));
    }
}
