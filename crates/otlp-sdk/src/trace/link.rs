//! Links that a span starts with.

use otlp_core::{AttributeSet, Attributes, TraceContext};

/// A relation to another span, known when a span starts: samplers see it, unlike one that is added later.
#[derive(Debug, Clone, PartialEq)]
pub struct Link {
    /// The other span.
    pub context: TraceContext,
    /// The attributes of the link.
    pub attributes: Attributes,
}

impl Link {
    /// A link to `context`.
    pub fn new(context: TraceContext, attributes: impl AttributeSet) -> Self {
        let mut owned = Attributes::default();
        attributes.for_each(|key, value| owned.set(key.to_owned(), value.to_owned()));
        Link { context, attributes: owned }
    }
}
