//! Contexts that travel with requests, in the format that the client was built with.

use otlp_core::propagation::{Extract, Inject};
use otlp_sdk::context::Context;

use crate::EnhancedOtlpClient;

impl EnhancedOtlpClient {
    /// Writes the active context, span and baggage, into the headers of a request. To send the context of a span that is
    /// not active, make it so ([`Span::enter`](otlp_sdk::trace::Span::enter)), or use [`Context::inject`] with
    /// [`EnhancedOtlpClient::propagator`].
    ///
    /// ```no_run
    /// use std::collections::HashMap;
    /// use otlp_client::EnhancedOtlpClient;
    /// use otlp_core::data::SpanKind;
    ///
    /// # fn example(client: EnhancedOtlpClient) {
    /// let span = client.tracer("shop").start_with_kind("GET /stock", SpanKind::Client);
    /// let _active = span.enter();
    /// let mut headers = HashMap::new();
    /// client.inject(&mut headers);
    ///
    /// // The service that is called:
    /// let _caller = client.extract(&headers).attach();
    /// let span = client.tracer("stock").start_with_kind("GET /stock", SpanKind::Server);
    /// # drop(span);
    /// # }
    /// ```
    pub fn inject(&self, carrier: &mut dyn Inject) {
        Context::current().inject(self.propagator(), carrier);
    }

    /// Reads the context that a caller sent along: empty where there is none, and where propagation is off.
    pub fn extract(&self, carrier: &dyn Extract) -> Context {
        Context::extract(self.propagator(), carrier)
    }
}
