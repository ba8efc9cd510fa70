//! The context of what is going on: the active span and the baggage, and the thread on which they are active.
//!
//! A context is a value. It becomes active on a thread for as long as a [`ContextGuard`] lives, and in a future
//! whenever that is polled ([`ContextFuture`]). A span started without a parent takes the active one; a log record
//! takes its ids.

mod active;
mod future;

use std::sync::{Arc, LazyLock};

use otlp_core::{
    TraceContext,
    propagation::{Baggage, Extract, Inject, Propagator},
};

pub(crate) use self::active::active_span;
pub use self::{
    active::ContextGuard,
    future::{ContextFuture, WithContext},
};

/// What a thread or a future works for.
///
/// ```
/// use otlp_core::TraceContext;
/// use otlp_sdk::context::Context;
///
/// let caller = TraceContext {
///     trace_id: "4bf92f3577b34da6a3ce929d0e0e4736".parse()?,
///     span_id: "00f067aa0ba902b7".parse()?,
///     is_remote: true,
///     ..TraceContext::default()
/// };
/// let guard = Context::new().with_span(caller.clone()).attach();
/// assert_eq!(Context::current().span(), Some(&caller));
/// drop(guard);
/// assert_eq!(Context::current().span(), None);
/// # Ok::<(), otlp_core::ParseIdError>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Context {
    span: Option<TraceContext>,
    /// `None` if it is empty: most are.
    baggage: Option<Arc<Baggage>>,
}

impl Context {
    /// A context without span and baggage.
    pub fn new() -> Self {
        Context::default()
    }

    /// The context that is active on this thread; an empty one if there is none.
    pub fn current() -> Self {
        active::current()
    }

    /// The same context with `span` as its span. An invalid one means none.
    pub fn with_span(mut self, span: TraceContext) -> Self {
        self.span = span.is_valid().then_some(span);
        self
    }

    /// The span, whether of this process or of a caller.
    pub fn span(&self) -> Option<&TraceContext> {
        self.span.as_ref()
    }

    /// The same context with `baggage` as its baggage.
    pub fn with_baggage(mut self, baggage: Baggage) -> Self {
        self.baggage = (!baggage.is_empty()).then(|| Arc::new(baggage));
        self
    }

    /// The baggage: entries that travel with the request to every service it reaches.
    pub fn baggage(&self) -> &Baggage {
        static EMPTY: LazyLock<Baggage> = LazyLock::new(Baggage::default);
        self.baggage.as_deref().unwrap_or_else(|| &EMPTY)
    }

    /// The context that a caller sent along.
    pub fn extract(propagator: &dyn Propagator, carrier: &dyn Extract) -> Self {
        let (span, baggage) = propagator.extract(carrier);
        Context { span: span.filter(TraceContext::is_valid), baggage: None }.with_baggage(baggage)
    }

    /// Sends the context along with a call.
    pub fn inject(&self, propagator: &dyn Propagator, carrier: &mut dyn Inject) {
        let none = TraceContext::default();
        propagator.inject(self.span.as_ref().unwrap_or(&none), self.baggage(), carrier);
    }

    /// Makes this the active context of the calling thread until the guard is dropped.
    ///
    /// In asynchronous code use [`ContextFuture::with_context`] instead: a guard held across an `.await` would be
    /// active for whatever else the thread runs in the meantime.
    pub fn attach(self) -> ContextGuard {
        active::attach(self)
    }
}
