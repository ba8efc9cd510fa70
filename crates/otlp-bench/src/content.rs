//! What every subject is given to record: the same names and values.
//!
//! Keys, and values that are constants of a program, are `'static`. Texts stand for what a program has borrowed from a request
//! it is handling: an interface that takes owned or `'static` strings only must be given a copy of them, and that copy is
//! part of its cost. Nothing else is allocated to call any of the interfaces.

/// Spans of a tree: a root and nine children, each child ended before the next is started, the root ended last.
pub(crate) const SPANS_PER_TREE: u64 = 10;
/// Children of the root.
pub(crate) const CHILDREN_PER_TREE: u64 = SPANS_PER_TREE - 1;

/// `service.name` of the resource.
pub(crate) const SERVICE: &str = "order-service";
/// The instrumentation scope.
pub(crate) const SCOPE: &str = "otlp-bench";

/// Every span's name.
pub(crate) const SPAN_NAME: &str = "GET /api/orders/{id}";
/// Two attributes of a span that are constants.
pub(crate) const SPAN_CONSTANTS: [(&str, &str); 2] =
    [("http.request.method", "GET"), ("server.address", "orders.internal.example")];
/// Two attributes of a span that are texts; [`numbers`] are the other four.
pub(crate) const SPAN_TEXTS: [(&str, &str); 2] = [("url.path", "/api/orders/1842"), ("user.id", "user-48151623")];
/// Keys of the attributes that are no strings.
pub(crate) const STATUS_KEY: &str = "http.response.status_code";
pub(crate) const SIZE_KEY: &str = "http.response.body.size";
pub(crate) const TOTAL_KEY: &str = "order.total";
pub(crate) const CACHED_KEY: &str = "cache.hit";
/// The event of every span, and its two attributes: a text and a size.
pub(crate) const EVENT_NAME: &str = "cache.lookup";
pub(crate) const EVENT_TEXT: (&str, &str) = ("cache.key", "orders:1842");
pub(crate) const EVENT_SIZE_KEY: &str = "cache.size";

/// The attributes that are no strings: status, size, total and whether it was cached. Log records have the last three.
#[inline]
pub(crate) fn numbers(index: u64) -> (i64, i64, f64, bool) {
    (200, 1_000 + (index & 1023) as i64, 19.99, index & 1 == 0)
}

/// The body of every log record, a text of 60 characters.
pub(crate) const LOG_BODY: &str = "order 1842 was accepted and handed to the payment service ok";
/// The attribute of a log record that is a constant.
pub(crate) const LOG_CONSTANT: (&str, &str) = ("code.function.name", "orders::accept");
/// The attribute of a log record that is a text.
pub(crate) const LOG_TEXT: (&str, &str) = ("user.id", "user-48151623");

/// The counter and the histogram.
pub(crate) const COUNTER: &str = "http.server.requests";
pub(crate) const HISTOGRAM: &str = "http.server.request.duration";
/// The three attributes of a measurement: a route, a method and a status.
pub(crate) const ROUTE_KEY: &str = "http.route";
pub(crate) const METHOD_KEY: &str = "http.request.method";
pub(crate) const METHOD: &str = "GET";
pub(crate) const STATUS: i64 = 200;
/// The routes that measurements at the call site go round in.
pub(crate) const ROUTES: [&str; 8] = [
    "/api/orders",
    "/api/orders/{id}",
    "/api/orders/{id}/items",
    "/api/users",
    "/api/users/{id}",
    "/api/payments",
    "/api/payments/{id}",
    "/health",
];

/// The route of the measurement `index`.
#[inline]
pub(crate) fn route(index: u64) -> &'static str {
    ROUTES[index as usize % ROUTES.len()]
}

/// The value recorded in a histogram by the measurement `index`, in milliseconds.
#[inline]
pub(crate) fn duration(index: u64) -> f64 {
    (index % 1_000) as f64 + 0.5
}

/// Series of the counter in the collection workload.
pub(crate) const COUNTER_SERIES: u64 = 10_000;
/// Series of the histogram in the collection workload.
pub(crate) const HISTOGRAM_SERIES: u64 = 1_000;

#[cfg(test)]
mod tests {
    #[test]
    fn the_log_body_has_sixty_characters() {
        assert_eq!(super::LOG_BODY.len(), 60);
    }
}
