//! The instrumentation scope that a tracer or logger is made for.

use otlp_core::{AttributeSet, data::Scope};

/// Describes the part of a program that records, then makes its tracer or logger (OpenTelemetry specification,
/// "Instrumentation Scope").
#[must_use = "only `build` makes the tracer or logger"]
#[derive(Debug, Clone)]
pub struct ScopeBuilder<F> {
    scope: Scope,
    make: F,
}

impl<F> ScopeBuilder<F> {
    pub(crate) fn new(name: String, make: F) -> Self {
        ScopeBuilder { scope: Scope { name, ..Scope::default() }, make }
    }

    /// Sets the version of the library or component.
    pub fn version(mut self, version: impl Into<String>) -> Self {
        self.scope.version = version.into();
        self
    }

    /// Sets the URL of the schema that the telemetry follows.
    pub fn schema_url(mut self, url: impl Into<String>) -> Self {
        self.scope.schema_url = url.into();
        self
    }

    /// Adds attributes to the scope; a key that is there already gets the later value.
    pub fn attributes(mut self, attributes: impl AttributeSet) -> Self {
        attributes.for_each(|key, value| self.scope.attributes.set(key.to_owned(), value.to_owned()));
        self
    }

    /// Makes the tracer or logger.
    pub fn build<T>(self) -> T
    where
        F: FnOnce(Scope) -> T,
    {
        (self.make)(self.scope)
    }
}
