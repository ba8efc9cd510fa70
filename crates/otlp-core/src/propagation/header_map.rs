//! The headers of hyper, axum, reqwest and tonic as a carrier.

use http::{HeaderMap, HeaderName, HeaderValue};

use super::{Extract, Inject};

/// A value that is no visible ASCII is not there: no format has such.
impl Extract for HeaderMap {
    fn get(&self, key: &str) -> Option<&str> {
        HeaderMap::get(self, key)?.to_str().ok()
    }

    fn get_all(&self, key: &str) -> Vec<&str> {
        HeaderMap::get_all(self, key).iter().filter_map(|value| value.to_str().ok()).collect()
    }

    fn keys(&self) -> Vec<&str> {
        HeaderMap::keys(self).map(HeaderName::as_str).collect()
    }
}

/// What no header can have is left out: the request matters more than its context.
impl Inject for HeaderMap {
    fn set(&mut self, key: &str, value: String) {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(key), HeaderValue::try_from(value)) {
            self.insert(name, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        SpanId, TraceContext, TraceFlags, TraceId,
        propagation::{Baggage, CompositePropagator, Propagator},
    };

    #[test]
    fn contexts_travel_in_headers() {
        let context = TraceContext {
            trace_id: TraceId::from_bytes([7; 16]),
            span_id: SpanId::from_bytes([8; 8]),
            flags: TraceFlags::default().with_sampled(true),
            trace_state: Some("vendor=x".into()),
            is_remote: true,
        };
        let propagator = CompositePropagator::default();
        let mut headers = HeaderMap::new();
        headers.insert("traceparent", HeaderValue::from_static("of another request"));
        propagator.inject(&context, &Baggage::default().with("tenant", "seven"), &mut headers);
        assert_eq!(headers.get_all("traceparent").iter().count(), 1);
        let (extracted, baggage) = propagator.extract(&headers);
        assert_eq!((extracted, baggage.get("tenant")), (Some(context), Some("seven")));
    }

    #[test]
    fn all_values_of_a_name_are_read_but_those_that_are_no_text() {
        let mut headers = HeaderMap::new();
        for value in [&b"a"[..], b"\xff", b"b"] {
            headers.append("Baggage", HeaderValue::from_bytes(value).unwrap());
        }
        assert_eq!(Extract::get_all(&headers, "BAGGAGE"), ["a", "b"]);
        assert_eq!(Extract::keys(&headers), ["baggage"]);
        Inject::set(&mut headers, "no name", "x".to_owned());
        Inject::set(&mut headers, "x", "no\nvalue".to_owned());
        assert_eq!(HeaderMap::keys(&headers).count(), 1, "the request matters more than its context");
    }
}
