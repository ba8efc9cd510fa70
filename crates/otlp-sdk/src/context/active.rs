//! The contexts that are active on a thread, innermost last.
//!
//! A guard finds its own entry by position and number, never "the last one": guards may be dropped in any order, late,
//! or never, and no entry but their own is touched. An entry whose guard is gone while one above is still there is left
//! empty and removed with that one.

use std::{cell::RefCell, fmt, marker::PhantomData};

use otlp_core::TraceContext;

use super::Context;

thread_local! {
    static STACK: RefCell<Stack> = const { RefCell::new(Stack { entries: Vec::new(), next_number: 0 }) };
}

struct Stack {
    entries: Vec<Entry>,
    next_number: u64,
}

struct Entry {
    number: u64,
    /// `None` once its guard is gone.
    context: Option<Context>,
}

/// Keeps a context active on this thread until it is dropped.
///
/// Guards may be dropped in any order; the innermost whose guard still lives is active.
#[must_use = "the context is active only as long as the guard lives"]
pub struct ContextGuard {
    position: usize,
    number: u64,
    /// Whether entries above this one go as well.
    bounds: bool,
    /// Entries belong to this thread.
    not_send: PhantomData<*const ()>,
}

/// Makes `context` active.
pub(super) fn attach(context: Context) -> ContextGuard {
    enter(context, false)
}

/// Makes `context` active, and ends with it whatever was attached on top and not detached: what a future leaves behind
/// when it is suspended must not reach other futures on this thread.
pub(super) fn attach_bounded(context: Context) -> ContextGuard {
    enter(context, true)
}

fn enter(context: Context, bounds: bool) -> ContextGuard {
    let push = |stack: &RefCell<Stack>| {
        let mut stack = stack.borrow_mut();
        let (position, number) = (stack.entries.len(), stack.next_number);
        stack.next_number += 1;
        stack.entries.push(Entry { number, context: Some(context) });
        (position, number)
    };
    // While the thread ends there is no stack any more: then nothing is active, and the guard finds no entry.
    let (position, number) = STACK.try_with(push).unwrap_or((usize::MAX, 0));
    ContextGuard { position, number, bounds, not_send: PhantomData }
}

/// The active context.
pub(super) fn current() -> Context {
    with_active(|context| context.cloned()).unwrap_or_default()
}

/// The span of the active context.
#[inline]
pub(crate) fn active_span() -> Option<TraceContext> {
    with_active(|context| context.and_then(Context::span).cloned())
}

#[inline]
fn with_active<T>(read: impl FnOnce(Option<&Context>) -> Option<T>) -> Option<T> {
    // The last entry is never an empty one: empty ones go with those above them.
    STACK.try_with(|stack| read(stack.borrow().entries.last().and_then(|entry| entry.context.as_ref()))).ok().flatten()
}

impl Drop for ContextGuard {
    fn drop(&mut self) {
        // An error means that the thread ends and the stack is gone.
        let _ = STACK.try_with(|stack| {
            let mut stack = stack.borrow_mut();
            let Some(entry) = stack.entries.get_mut(self.position).filter(|entry| entry.number == self.number) else {
                return;
            };
            entry.context = None;
            if self.bounds {
                stack.entries.truncate(self.position);
            }
            while stack.entries.pop_if(|entry| entry.context.is_none()).is_some() {}
        });
    }
}

impl fmt::Debug for ContextGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ContextGuard").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use otlp_core::{SpanId, TraceId};

    use super::*;

    fn context(number: u8) -> Context {
        Context::new().with_span(TraceContext {
            trace_id: TraceId::from_bytes([number; 16]),
            span_id: SpanId::from_bytes([number; 8]),
            ..TraceContext::default()
        })
    }

    fn depth() -> usize {
        STACK.with(|stack| stack.borrow().entries.len())
    }

    #[test]
    fn guards_dropped_in_any_order_leave_the_innermost_living_one_active() {
        let orders = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
        for order in orders {
            let mut guards: Vec<Option<ContextGuard>> = (1..=3).map(|number| Some(context(number).attach())).collect();
            for dropped in order {
                guards[dropped] = None;
                let innermost = guards.iter().rposition(Option::is_some);
                let expected = innermost.map_or_else(Context::new, |index| context(index as u8 + 1));
                assert_eq!(Context::current(), expected, "{order:?} after {dropped}");
            }
            assert_eq!(depth(), 0);
        }
    }

    #[test]
    fn a_forgotten_guard_is_ended_by_the_bounding_one_and_its_late_drop_harms_nobody() {
        let outer = attach_bounded(context(1));
        let left_behind = context(2).attach();
        assert_eq!(Context::current(), context(2));
        drop(outer);
        assert_eq!(Context::current(), Context::new());

        let _first = context(3).attach();
        let _second = context(4).attach();
        drop(left_behind);
        assert_eq!(Context::current(), context(4));
        assert_eq!(depth(), 2);
    }

    #[test]
    fn unwinding_restores_what_was_active() {
        let _outer = context(1).attach();
        let unwound = std::panic::catch_unwind(|| {
            let _inner = context(2).attach();
            panic!("as the test asks");
        });
        assert!(unwound.is_err());
        assert_eq!(Context::current(), context(1));
    }

    #[test]
    fn a_thread_that_ends_with_a_guard_in_thread_local_storage_does_so_quietly() {
        thread_local! {
            static LATE: RefCell<Option<ContextGuard>> = const { RefCell::new(None) };
        }
        let thread = std::thread::spawn(|| {
            LATE.with(|late| *late.borrow_mut() = Some(context(1).attach()));
        });
        assert!(thread.join().is_ok());
    }
}
