//! Futures that carry a context: it is active while they are polled and while they are dropped, on whichever thread.

use std::{
    pin::Pin,
    task::{self, Poll},
};

use pin_project_lite::pin_project;

use super::{Context, active};
use crate::trace::Span;

/// Gives a future a context of its own.
///
/// ```
/// use otlp_sdk::context::{Context, ContextFuture};
///
/// async fn handle() {}
/// // A spawned task starts without context, unless it is given one.
/// let task = handle().with_current_context();
/// # drop(task);
/// ```
pub trait ContextFuture: Future + Sized {
    /// Runs the future with `context` active.
    fn with_context(self, context: Context) -> WithContext<Self> {
        WithContext { future: Some(self), context }
    }

    /// Runs the future with the context that is active now, wherever it is polled later.
    fn with_current_context(self) -> WithContext<Self> {
        self.with_context(Context::current())
    }

    /// Runs the future with `span` active, beside what else the current context holds. The span is not ended with it.
    fn in_span(self, span: &Span) -> WithContext<Self> {
        self.with_context(Context::current().with_span(span.context()))
    }
}

impl<F: Future> ContextFuture for F {}

pin_project! {
    /// A future with a context of its own: see [`ContextFuture`].
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct WithContext<F> {
        #[pin]
        // `None` only while it is being dropped.
        future: Option<F>,
        context: Context,
    }

    impl<F> PinnedDrop for WithContext<F> {
        fn drop(this: Pin<&mut Self>) {
            // What a cancelled future still holds, spans above all, ends within the context.
            let mut this = this.project();
            let _active = active::attach_bounded(this.context.clone());
            this.future.set(None);
        }
    }
}

impl<F: Future> Future for WithContext<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let _active = active::attach_bounded(this.context.clone());
        match this.future.as_pin_mut() {
            Some(future) => future.poll(cx),
            None => Poll::Pending,
        }
    }
}
