//! HTTP headers as a carrier of context.

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use otlp::propagation::{Extract, Inject};

/// The headers of a request that came in.
pub(super) struct Incoming<'a>(pub(super) &'a HeaderMap);

/// The headers of a request that goes out.
pub(super) struct Outgoing<'a>(pub(super) &'a mut HeaderMap);

impl Extract for Incoming<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.to_str().ok()
    }

    fn get_all(&self, key: &str) -> Vec<&str> {
        self.0.get_all(key).iter().filter_map(|value| value.to_str().ok()).collect()
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(HeaderName::as_str).collect()
    }
}

impl Inject for Outgoing<'_> {
    fn set(&mut self, key: &str, value: String) {
        // Names and values of context are always valid headers.
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(key), HeaderValue::try_from(value)) {
            self.0.insert(name, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use otlp::{
        TraceContext,
        propagation::{Baggage, CompositePropagator, Propagator},
    };

    use super::*;

    #[test]
    fn context_and_baggage_survive_the_headers() {
        let context = TraceContext {
            trace_id: "4bf92f3577b34da6a3ce929d0e0e4736".parse().unwrap(),
            span_id: "00f067aa0ba902b7".parse().unwrap(),
            trace_state: Some("vendor=1".into()),
            is_remote: true,
            ..TraceContext::default()
        };
        let baggage = Baggage::default().with("shop.tier", "gold");
        let mut headers = HeaderMap::new();
        let propagator = CompositePropagator::default();
        propagator.inject(&context, &baggage, &mut Outgoing(&mut headers));
        assert_eq!(propagator.extract(&Incoming(&headers)), (Some(context), baggage));
    }
}
