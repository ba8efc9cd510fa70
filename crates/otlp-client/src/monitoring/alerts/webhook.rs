//! The webhook: notices as JSON to an HTTP server, one at a time, tried again while that may help.
//!
//! Notices wait in a bounded queue (`line.rs`) for the task that sends them, so a server that is down delays nobody and costs
//! a fixed amount of memory. What it answers is not read. URL and headers may be secrets: only the host is ever shown.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;
use http::{
    Request, StatusCode, Uri,
    header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue},
};
use http_body_util::Full;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use otlp_exporters::Hurry;
use otlp_reliability::{Decision, Retry, RetryErrors, RetryPolicy};
use rustls::{ClientConfig, RootCertStore, crypto::ring};
use tokio::time::timeout;
use url::Url;

use super::{
    super::{MonitoringError, error::refused},
    AlertNotice,
};

/// The longest wait that a server may ask for.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(60);

/// An HTTP server that is to hear of alerts.
///
/// Each notice is a `POST` of a JSON object: `id` (the same in each repetition), `alert`, `state` (`firing` or
/// `resolved`), `severity`, `summary`, `condition`, `metric`, `threshold`, `value` (null if it is not known),
/// `firedForSeconds`, `timeUnixNano`, and `service`, the name of the service.
///
/// What the server answers with a status of 2xx is done. After no answer, 408, 429 and 5xx it is tried again, with growing
/// waits or as the server asks (`Retry-After`, a minute at most); anything else ends it, with a message of the client about
/// itself. Redirects are not followed, so no header gets to another host.
///
/// Notices go out one at a time, in their order, and at most 1,000 wait. Where there is no room, alerts are left out that the
/// server has not heard of; it hears the end of each that it heard to fire. What is left out is counted
/// ([`AlertManager::lost_notices`](super::AlertManager::lost_notices)).
///
/// ```
/// use otlp_client::monitoring::{AlertSink, Webhook};
///
/// let sink = AlertSink::webhook(Webhook::new("https://alerts.example.com/hook").with_header("x-token", "secret"));
/// assert!(!format!("{sink:?}").contains("secret"));
/// ```
#[derive(Clone)]
#[must_use]
pub struct Webhook {
    url: String,
    headers: Vec<(String, String)>,
    timeout: Duration,
    retry: RetryPolicy,
}

impl Webhook {
    /// The server at `url`, which begins with `http://` or `https://`; it is checked when the client is built.
    pub fn new(url: impl Into<String>) -> Self {
        Webhook {
            url: url.into(),
            headers: Vec::new(),
            timeout: Duration::from_secs(5),
            retry: RetryPolicy::new()
                .with_max_attempts(5)
                .with_initial_delay(Duration::from_millis(500))
                .with_max_delay(Duration::from_secs(30)),
        }
    }

    /// Adds a header to each request. The value is a secret: it is never shown.
    pub fn with_header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Sets the longest that one request may take, connection included. 1 ms to 5 min; default 5 s.
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sets how often and how long a notice is tried again. Default: five attempts, 500 ms to 30 s apart.
    pub fn with_retry_policy(mut self, retry: RetryPolicy) -> Self {
        self.retry = retry;
        self
    }

    /// Checks all settings.
    pub(crate) fn check(&self) -> Result<(), MonitoringError> {
        self.build(None).map(drop)
    }

    /// Checks all settings, and makes what sends.
    pub(super) fn build(&self, service: Option<&str>) -> Result<Sender, MonitoringError> {
        let Ok(url) = Url::parse(&self.url) else {
            return Err(refused("alert webhook", "no URL", "a URL such as https://alerts.example.com/hook").into());
        };
        let host = shown(&url);
        if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
            return Err(refused("alert webhook", url.scheme(), "a URL that begins with http:// or https://").into());
        }
        if !url.username().is_empty() || url.password().is_some() {
            let accepted = "a URL without user and password: give them as the header \"authorization\"";
            return Err(refused("alert webhook", "a URL with credentials", accepted).into());
        }
        if !(Duration::from_millis(1)..=Duration::from_secs(300)).contains(&self.timeout) {
            return Err(refused("alert webhook timeout", format_args!("{:?}", self.timeout), "1 ms to 5 min").into());
        }
        let unusable = |reason: String| MonitoringError::Webhook { host: host.clone(), reason };
        let mut headers = HeaderMap::new();
        for (name, value) in &self.headers {
            let named = HeaderName::try_from(name).map_err(|_| unusable(format!("{name:?} is no name of a header")))?;
            let value = HeaderValue::try_from(value);
            let mut value =
                value.map_err(|_| unusable(format!("the value of header {name} has characters that none may have")))?;
            value.set_sensitive(true);
            headers.append(named, value);
        }
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let retry = self.retry.clone().build().map_err(|error| unusable(error.to_string()))?;
        let uri = Uri::try_from(url.as_str()).map_err(|error| unusable(error.to_string()))?;
        let is_https = url.scheme() == "https";
        let connector = HttpsConnectorBuilder::new().with_tls_config(tls(is_https).map_err(&unusable)?);
        let connector = if is_https { connector.https_only() } else { connector.https_or_http() };
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        // A notice is one small request: waiting to fill a segment only delays it.
        tcp.set_nodelay(true);
        let client = Client::builder(TokioExecutor::new()).build(connector.enable_http1().wrap_connector(tcp));
        let (timeout, service) = (self.timeout, service.map(str::to_owned));
        let hurry = Hurry::new();
        let retry = retry.with_clock(hurry.clone());
        Ok(Sender { client, uri, headers, timeout, host, retry, hurry, service })
    }
}

impl fmt::Debug for Webhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = Url::parse(&self.url).map_or_else(|_| String::from("no URL"), |url| shown(&url));
        f.debug_struct("Webhook").field("host", &host).field("timeout", &self.timeout).finish_non_exhaustive()
    }
}

/// Where a URL leads, without what may be secret.
fn shown(url: &Url) -> String {
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    format!("{}://{}{port}", url.scheme(), url.host_str().unwrap_or_default())
}

/// Trusts the roots of the system, which are read only if they are needed.
fn tls(is_needed: bool) -> Result<ClientConfig, String> {
    let mut roots = RootCertStore::empty();
    if is_needed {
        let (added, _) = roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if added == 0 {
            return Err("the system has no root certificates, so no https server can be trusted".to_owned());
        }
    }
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let config = config.with_safe_default_protocol_versions().map_err(|error| error.to_string())?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

/// Sends notices to one server.
#[derive(Clone)]
pub(super) struct Sender {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    uri: Uri,
    headers: HeaderMap,
    timeout: Duration,
    host: String,
    retry: Retry<RetryErrors, Hurry>,
    hurry: Hurry,
    service: Option<String>,
}

/// Why a notice did not arrive.
struct Failure {
    message: String,
    decision: Decision,
}

impl Sender {
    /// Where it sends, to be shown.
    pub(super) fn host(&self) -> &str {
        &self.host
    }

    /// The body of a notice.
    pub(super) fn body(&self, notice: &AlertNotice) -> Bytes {
        let time = notice.time.duration_since(UNIX_EPOCH).unwrap_or_default();
        let body = serde_json::json!({
            "id": format!("{:032x}", fastrand::u128(..)),
            "alert": notice.name(),
            "state": notice.state.to_string(),
            "severity": notice.severity().to_string(),
            "summary": notice.rule.summary(),
            "condition": notice.rule.to_string(),
            "metric": notice.rule.metric().name(),
            "threshold": notice.rule.threshold(),
            "value": notice.value,
            "firedForSeconds": notice.fired_for.as_secs_f64(),
            "timeUnixNano": time.as_nanos().to_string(),
            "service": self.service,
        });
        Bytes::from(body.to_string())
    }

    /// Ends the wait for another attempt, if one is under way.
    pub(super) fn hurry(&self) {
        self.hurry.now();
    }

    /// Posts a body, again while that may help.
    ///
    /// # Errors
    ///
    /// Why the server did not take it.
    pub(super) async fn deliver(&self, body: Bytes) -> Result<(), String> {
        let classify = |result: &Result<(), Failure>| match result {
            Ok(()) => Decision::Done,
            Err(failure) => failure.decision,
        };
        let retry = self.retry.clone().with_classifier(classify);
        retry.execute(|| self.send(body.clone())).await.map_err(|failure| failure.message)
    }

    async fn send(&self, body: Bytes) -> Result<(), Failure> {
        let again = |message: String| Failure { message, decision: Decision::Retry };
        let mut request = Request::post(self.uri.clone())
            .body(Full::new(body))
            .map_err(|error| Failure { message: error.to_string(), decision: Decision::Done })?;
        *request.headers_mut() = self.headers.clone();
        let response = timeout(self.timeout, self.client.request(request))
            .await
            .map_err(|_| again(format!("it did not answer within {:?}", self.timeout)))?
            .map_err(|error| again(cause(&error)))?;
        let status = response.status();
        if status.is_success() {
            return Ok(());
        }
        let is_passing =
            status.is_server_error() || matches!(status, StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS);
        let decision = match retry_after(response.headers(), SystemTime::now()) {
            _ if !is_passing => Decision::Done,
            Some(after) => Decision::RetryAfter(after),
            None => Decision::Retry,
        };
        Err(Failure { message: format!("it answered {status}"), decision })
    }
}

/// How long the server asks to wait; a minute at most.
fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    otlp_transport::retry_after(headers, now).map(|after| after.min(LONGEST_RETRY_AFTER))
}

/// What an error says, and what it comes of.
fn cause(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        text = format!("{text}: {inner}");
        source = inner.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use http::header::RETRY_AFTER;

    use super::*;

    #[test]
    fn a_delay_is_read_in_both_its_forms_and_bounded() {
        let now = UNIX_EPOCH + Duration::from_secs(784_111_777);
        for (text, expected) in [
            ("0", Some(0)),
            ("7", Some(7)),
            ("86400", Some(60)),
            ("99999999999999999999999", Some(60)),
            ("Sun, 06 Nov 1994 08:50:07 GMT", Some(30)),
            ("Sun, 06 Nov 1994 08:00:00 GMT", Some(0)),
            ("Sat, 06 Nov 2094 08:49:37 GMT", Some(60)),
            ("-1", None),
            ("soon", None),
            ("", None),
        ] {
            let headers = HeaderMap::from_iter([(RETRY_AFTER, HeaderValue::from_str(text).unwrap())]);
            assert_eq!(retry_after(&headers, now), expected.map(Duration::from_secs), "{text:?}");
        }
        assert_eq!(retry_after(&HeaderMap::new(), now), None);
    }

    #[test]
    fn what_cannot_be_sent_to_is_refused_without_showing_secrets() {
        for (webhook, message) in [
            (Webhook::new("token-secret"), "a URL such as https://"),
            (Webhook::new("ftp://example.com/secret"), "alert webhook is ftp, but takes a URL that begins with http"),
            (Webhook::new("http://u:secret@example.com/"), "a URL without user and password"),
            (Webhook::new("http://example.com/secret").with_timeout(Duration::ZERO), "timeout is 0ns"),
            (Webhook::new("http://example.com/secret").with_header("a b", "secret"), "\"a b\" is no name"),
            (Webhook::new("http://example.com/secret").with_header("a", "secret\n"), "header a has characters"),
            (
                Webhook::new("http://example.com:99/secret").with_retry_policy(RetryPolicy::new().with_max_attempts(0)),
                "alert webhook to http://example.com:99: max_attempts",
            ),
        ] {
            let Err(error) = webhook.build(None) else { panic!("{webhook:?}") };
            assert!(error.to_string().contains(message), "{error}");
            assert!(!format!("{error} {error:?} {webhook:?}").contains("secret"), "{error:?} {webhook:?}");
        }
    }
}
