//! The headers of requests: those of code, of a configuration, and of the environment; those of the configuration can be
//! exchanged while requests are sent.
//!
//! What must hold: an exchange reaches all transports of the client, those that are made meanwhile as well, or none.

use std::sync::{Arc, Weak};

use otlp_transport::{AnyTransport, ConfigError, Headers};
use parking_lot::Mutex;

use super::ExportOptions;
use crate::{config::SecretValues, environment::ExportVariables};

/// The headers of a configuration, and the transports that send them. Clones are the same.
#[derive(Clone, Default)]
pub(crate) struct ConfiguredHeaders(Arc<Mutex<Configured>>);

#[derive(Default)]
struct Configured {
    headers: SecretValues,
    /// What sends them, beside which others.
    transports: Vec<(Weak<AnyTransport>, Sent)>,
}

/// The headers of one transport that are not of the configuration.
#[derive(Clone)]
pub(super) struct Sent {
    of_code: Vec<(String, String)>,
    of_environment: Vec<(String, String)>,
    has_auth: bool,
}

impl ConfiguredHeaders {
    /// Those that are sent now.
    pub(super) fn current(&self) -> SecretValues {
        self.0.lock().headers.clone()
    }

    /// Lets exchanges reach a transport for as long as it lives, which was made to send those that were `current`: what was
    /// exchanged meanwhile reaches it now. (A transport is not made under the lock, for it tells the program things.)
    pub(super) fn reaches(&self, transport: &Arc<AnyTransport>, sent: Sent, current: &SecretValues) {
        let mut configured = self.0.lock();
        if configured.headers != *current {
            // They were checked, beside the same others.
            let _ = transport.replace_headers(&sent.beside(&configured.headers));
        }
        configured.transports.retain(|(known, _)| known.strong_count() > 0);
        configured.transports.push((Arc::downgrade(transport), sent));
    }

    /// Whether these can be sent in place of those that are.
    ///
    /// # Errors
    ///
    /// The first that cannot.
    pub(crate) fn check(&self, headers: &SecretValues) -> Result<(), ConfigError> {
        let configured = self.0.lock();
        let mut transports = configured.living();
        transports.try_for_each(|(transport, sent)| transport.accepts_headers(&sent.beside(headers)))
    }

    /// Sends these in place of those that are, from the next request on.
    pub(crate) fn replace(&self, headers: SecretValues) {
        let mut configured = self.0.lock();
        for (transport, sent) in configured.living() {
            // They were checked, for all transports at once.
            let _ = transport.replace_headers(&sent.beside(&headers));
        }
        configured.headers = headers;
    }
}

impl Configured {
    fn living(&self) -> impl Iterator<Item = (Arc<AnyTransport>, &Sent)> {
        self.transports.iter().filter_map(|(transport, sent)| Some((transport.upgrade()?, sent)))
    }
}

impl Sent {
    pub(super) fn new(options: &ExportOptions, environment: &ExportVariables) -> Self {
        Sent {
            of_code: options.headers.clone(),
            of_environment: environment.headers.clone(),
            has_auth: options.auth.is_some(),
        }
    }

    /// All headers, those of the configuration included: of a name that several have, those of code count, else that of
    /// the configuration. Credentials that code sets replace the `authorization` of the environment.
    pub(super) fn beside(&self, configured: &SecretValues) -> Headers {
        let is_of_code = |name: &str| self.of_code.iter().any(|(set, _)| set.eq_ignore_ascii_case(name));
        let is_configured = |name: &str| configured.0.keys().any(|set| set.eq_ignore_ascii_case(name));
        let is_replaced = |name: &str| {
            self.has_auth && name.eq_ignore_ascii_case("authorization") || is_of_code(name) || is_configured(name)
        };
        let of_environment = self.of_environment.iter().filter(|(name, _)| !is_replaced(name));
        let of_environment = of_environment.map(|(name, value)| (name.as_str(), value.as_str()));
        let configured = configured.0.iter().filter(|(name, _)| !is_of_code(name));
        let configured = configured.map(|(name, value)| (name.as_str(), value.as_str()));
        let of_code = self.of_code.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        of_environment.chain(configured).chain(of_code).collect()
    }
}

#[cfg(test)]
mod tests {
    use otlp_core::{EncodedRequest, Signal};
    use otlp_receiver::Receiver;
    use otlp_transport::{Endpoints, Protocol, Transport, TransportConfig};

    use super::*;

    fn sent() -> Sent {
        Sent { of_code: Vec::new(), of_environment: Vec::new(), has_auth: false }
    }

    #[tokio::test]
    async fn a_transport_that_was_made_meanwhile_is_reached_and_one_that_is_gone_is_forgotten() {
        let receiver = Receiver::builder().start().await.unwrap();
        let headers = ConfiguredHeaders::default();
        let make = |current: &SecretValues| {
            let mut config = TransportConfig::new(Endpoints::base(receiver.http_endpoint()));
            config.headers = sent().beside(current);
            Arc::new(AnyTransport::new(Protocol::HttpProtobuf, config).unwrap())
        };
        let before = headers.current();
        let made = make(&before);
        headers.replace(SecretValues::from([("x-a", "1")]));
        headers.reaches(&made, sent(), &before);
        let _ = made.send(&EncodedRequest::new(Signal::Traces, 0, Vec::new())).await;
        assert_eq!(receiver.requests().last().unwrap().header("x-a"), Some("1"));
        drop(made);
        let other = make(&headers.current());
        headers.reaches(&other, sent(), &headers.current());
        assert_eq!(headers.0.lock().transports.len(), 1);
    }

    #[test]
    fn code_beats_the_configuration_which_beats_the_environment() {
        let pairs = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        };
        let sent = Sent {
            of_code: pairs(&[("X-A", "code"), ("x-a", "twice")]),
            of_environment: pairs(&[("x-a", "env"), ("x-B", "env"), ("x-c", "env"), ("Authorization", "env")]),
            has_auth: true,
        };
        let configured = SecretValues::from([("x-a", "file"), ("x-b", "file")]);
        let expected = [("x-c", "env"), ("x-b", "file"), ("X-A", "code"), ("x-a", "twice")];
        assert!(sent.beside(&configured) == expected.into_iter().collect());
        let without = Sent { has_auth: false, ..sent };
        let expected = [("x-B", "env"), ("x-c", "env"), ("Authorization", "env"), ("X-A", "code"), ("x-a", "twice")];
        assert!(without.beside(&SecretValues::default()) == expected.into_iter().collect());
    }
}
