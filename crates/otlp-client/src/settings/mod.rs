//! From what code and environment say to what the transports are told.
//!
//! Code beats environment, a signal's own setting beats the general one, and what nobody set has the default of the OTLP
//! exporter specification, with one addition: an endpoint with port 4317, the registered port of OTLP/gRPC, is spoken
//! to by gRPC unless somebody said otherwise.

use std::{sync::Arc, time::Duration};

use otlp_core::Signal;
use otlp_exporters::OtlpExporter;
use otlp_transport::{
    AnyTransport, Auth, ClientIdentity, Compression, ConnectionPoolConfig, Endpoints, EventHook, Headers, KeepAlive,
    Protocol, TlsOptions, TransportConfig,
};

use crate::{
    BuildError,
    environment::{EndpointScope, ExportVariables},
};

/// What code said of the export of all signals; `None` where it said nothing.
#[derive(Clone, Default)]
pub(crate) struct ExportOptions {
    pub(crate) endpoint: Option<String>,
    /// By [`Signal::index`].
    pub(crate) signal_endpoints: [Option<String>; 3],
    pub(crate) protocol: Option<Protocol>,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) compression: Option<Compression>,
    pub(crate) timeout: Option<Duration>,
    pub(crate) pool: ConnectionPoolConfig,
    pub(crate) max_idle_connections: Option<usize>,
    pub(crate) pings: Option<KeepAlive>,
    pub(crate) require_tls: bool,
    pub(crate) auth: Option<Auth>,
    pub(crate) tls: Option<TlsOptions>,
    /// What the certificate must carry where `tls` does not say it, and the endpoint is an address that was found.
    pub(crate) server_name: Option<String>,
}

/// The way to the OTLP endpoint.
pub(crate) struct Export {
    pub(crate) exporter: OtlpExporter,
    /// The endpoint of each signal as it may be shown.
    pub(crate) endpoints: [String; 3],
    /// How each signal is sent.
    pub(crate) protocols: [Protocol; 3],
    /// What the exporter sends each signal by.
    pub(crate) transports: [Arc<AnyTransport>; 3],
}

impl Export {
    /// What the ledger calls the destination.
    pub(crate) fn exporter_name(&self) -> String {
        otlp_exporters::Attempt::name(&self.exporter)
    }
}

/// The way to the OTLP endpoint. Signals with the same settings share a transport, and with it the connections. What the
/// transports say is given to `events`.
pub(crate) fn export(
    options: &ExportOptions,
    environment: &[ExportVariables; 3],
    events: &EventHook,
) -> Result<Export, BuildError> {
    let (transports, protocols) = transports(options, environment, events)?;
    let mut names = protocols.map(|protocol| protocol.to_string()).to_vec();
    names.dedup();
    let endpoints = Signal::ALL.map(|signal| {
        let environment = &environment[signal.index()];
        let endpoint = endpoint(signal, options, environment);
        shown(endpoint.as_ref().map_or_else(|| default_endpoint(options, environment), |(url, _)| url.as_str()))
            .to_owned()
    });
    let exporter = OtlpExporter::new(format!("otlp ({})", names.join(", ")), transports.clone());
    Ok(Export { exporter, endpoints, protocols, transports })
}

/// A URL without its query, which may hold a key. The transport has refused one with a user in it.
fn shown(url: &str) -> &str {
    url.split(['?', '#']).next().unwrap_or_default().trim_end_matches('/')
}

/// What somebody said of the endpoint of a signal.
fn endpoint(signal: Signal, options: &ExportOptions, environment: &ExportVariables) -> Option<(String, EndpointScope)> {
    let own = options.signal_endpoints[signal.index()].clone().map(|url| (url, EndpointScope::Signal));
    let general = options.endpoint.clone().map(|url| (url, EndpointScope::General));
    own.or(general).or_else(|| environment.endpoint.clone())
}

/// The endpoint of all signals that have none of their own.
pub(crate) fn general_endpoint(options: &ExportOptions, environment: &[ExportVariables; 3]) -> String {
    let of_environment = environment.iter().find_map(|signal| match &signal.endpoint {
        Some((url, EndpointScope::General)) => Some(url.clone()),
        _ => None,
    });
    let said = options.endpoint.clone().or(of_environment);
    said.unwrap_or_else(|| default_endpoint(options, &environment[0]).to_owned())
}

/// The endpoint where nobody said anything.
fn default_endpoint(options: &ExportOptions, environment: &ExportVariables) -> &'static str {
    match options.protocol.or(environment.protocol) {
        Some(Protocol::Grpc) => "http://localhost:4317",
        _ => "http://localhost:4318",
    }
}

fn transports(
    options: &ExportOptions,
    environment: &[ExportVariables; 3],
    events: &EventHook,
) -> Result<([Arc<AnyTransport>; 3], [Protocol; 3]), BuildError> {
    let mut made: Vec<((Protocol, TransportConfig), Arc<AnyTransport>)> = Vec::new();
    let mut transport = |signal: Signal| -> Result<(Arc<AnyTransport>, Protocol), BuildError> {
        let settings = settings(signal, options, &environment[signal.index()])?;
        if let Some((_, same)) = made.iter().find(|(known, _)| *known == settings) {
            return Ok((Arc::clone(same), settings.0));
        }
        let (protocol, mut config) = settings.clone();
        config.events = events.clone();
        let new = Arc::new(AnyTransport::new(protocol, config)?);
        made.push((settings, Arc::clone(&new)));
        Ok((new, protocol))
    };
    let [traces, metrics, logs] = [transport(Signal::Traces)?, transport(Signal::Metrics)?, transport(Signal::Logs)?];
    Ok(([traces.0, metrics.0, logs.0], [traces.1, metrics.1, logs.1]))
}

fn settings(
    signal: Signal,
    options: &ExportOptions,
    environment: &ExportVariables,
) -> Result<(Protocol, TransportConfig), BuildError> {
    let endpoint = endpoint(signal, options, environment);
    let protocol = options.protocol.or(environment.protocol).unwrap_or_else(|| match &endpoint {
        Some((url, EndpointScope::General)) => protocol_of_port(url),
        _ => Protocol::HttpProtobuf,
    });
    let is_plaintext = endpoint.as_ref().is_none_or(|(url, _)| url.starts_with("http://"));
    let endpoints = match endpoint {
        Some((url, EndpointScope::Signal)) => Endpoints::exact(signal, url),
        Some((url, EndpointScope::General)) => Endpoints::base(url),
        None => Endpoints::base(default_endpoint(options, environment)),
    };

    let mut config = TransportConfig::new(endpoints);
    config.insecure = environment.insecure.unwrap_or(false);
    config.headers = headers(&options.headers, &environment.headers, options.auth.is_some());
    config.auth = options.auth.clone();
    config.compression = options.compression.or(environment.compression).unwrap_or(Compression::None);
    if let Some(timeout) = options.timeout.or(environment.timeout) {
        config.request_timeout = (!timeout.is_zero()).then_some(timeout);
    }
    config.pool = options.pool.clone();
    config.max_idle_connections = options.max_idle_connections;
    config.http2_keep_alive = options.pings;
    config.require_tls = options.require_tls;
    config.tls = match &options.tls {
        Some(tls) => Some(tls.clone()),
        // The variables are often set for a whole machine: where nothing is encrypted they do not matter.
        None if is_plaintext => None,
        None => tls_from_files(environment)?,
    };
    if let Some(name) = options.server_name.as_ref().filter(|_| !is_plaintext) {
        config.tls = Some(config.tls.unwrap_or_default().or_server_name(name));
    }
    Ok((protocol, config))
}

/// The protocol of a general endpoint where nobody said it.
pub(crate) fn protocol_of_port(url: &str) -> Protocol {
    if url.trim_end_matches('/').ends_with(":4317") { Protocol::Grpc } else { Protocol::HttpProtobuf }
}

/// The headers of the environment that code does not set, and those of code. Credentials that code sets replace the
/// `authorization` of the environment.
fn headers(code: &[(String, String)], environment: &[(String, String)], has_auth: bool) -> Headers {
    let is_replaced = |name: &str| {
        has_auth && name.eq_ignore_ascii_case("authorization")
            || code.iter().any(|(set, _)| set.eq_ignore_ascii_case(name))
    };
    let mut headers = Headers::new();
    for (name, value) in environment.iter().filter(|(name, _)| !is_replaced(name)).chain(code) {
        headers.append(name.clone(), value.clone());
    }
    headers
}

fn tls_from_files(environment: &ExportVariables) -> Result<Option<TlsOptions>, BuildError> {
    let mut tls = TlsOptions::new();
    if let Some(ca) = &environment.certificate {
        tls = tls.with_ca_file(ca);
    }
    match (&environment.client_certificate, &environment.client_key) {
        (Some(certificate), Some(key)) => tls = tls.with_identity(ClientIdentity::from_files(certificate, key)),
        (None, None) => {}
        (Some(_), None) => return Err(BuildError::HalfAnIdentity { set: "CERTIFICATE", missing: "KEY" }),
        (None, Some(_)) => return Err(BuildError::HalfAnIdentity { set: "KEY", missing: "CERTIFICATE" }),
    }
    Ok((tls != TlsOptions::default()).then_some(tls))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn protocol(code: Option<&str>, environment: Option<&str>) -> Protocol {
        let options = ExportOptions { endpoint: code.map(str::to_owned), ..ExportOptions::default() };
        let endpoint = environment.map(|url| (url.to_owned(), EndpointScope::General));
        let variables = ExportVariables { endpoint, ..ExportVariables::default() };
        settings(Signal::Traces, &options, &variables).unwrap().0
    }

    #[test]
    fn port_4317_means_grpc_unless_somebody_said_otherwise() {
        assert_eq!(protocol(None, None), Protocol::HttpProtobuf);
        assert_eq!(protocol(Some("http://a:4317"), None), Protocol::Grpc);
        assert_eq!(protocol(None, Some("http://a:4317/")), Protocol::Grpc);
        assert_eq!(protocol(Some("http://a:4318"), Some("http://a:4317")), Protocol::HttpProtobuf);
        let options = ExportOptions {
            endpoint: Some("http://a:4317".into()),
            protocol: Some(Protocol::HttpJson),
            ..ExportOptions::default()
        };
        let settings = settings(Signal::Logs, &options, &ExportVariables::default()).unwrap();
        assert_eq!(settings.0, Protocol::HttpJson);
    }

    #[test]
    fn an_endpoint_is_shown_without_what_may_be_a_secret() {
        let options = ExportOptions {
            signal_endpoints: [Some("http://a:4318/v1/traces?key=secret".into()), None, None],
            ..ExportOptions::default()
        };
        let endpoints = export(&options, &Default::default(), &EventHook::default()).unwrap().endpoints;
        assert_eq!(endpoints, ["http://a:4318/v1/traces", "http://localhost:4318", "http://localhost:4318"]);
    }

    #[test]
    fn code_beats_environment() {
        let options = ExportOptions {
            headers: vec![("Authorization".into(), "code".into())],
            timeout: Some(Duration::from_secs(3)),
            ..ExportOptions::default()
        };
        let variables = ExportVariables {
            headers: vec![("authorization".into(), "environment".into()), ("x-tenant".into(), "7".into())],
            timeout: Some(Duration::ZERO),
            compression: Some(Compression::Gzip),
            ..ExportVariables::default()
        };
        let (_, config) = settings(Signal::Traces, &options, &variables).unwrap();
        assert_eq!(config.request_timeout, Some(Duration::from_secs(3)));
        assert_eq!(config.compression, Compression::Gzip);
        let mut expected = Headers::new();
        expected.append("x-tenant", "7");
        expected.append("Authorization", "code");
        assert_eq!(config.headers, expected);
        let (_, config) = settings(Signal::Traces, &ExportOptions::default(), &variables).unwrap();
        assert_eq!(config.request_timeout, None, "zero means no limit");
    }

    #[test]
    fn signals_with_the_same_settings_share_a_transport() {
        let options = ExportOptions {
            endpoint: Some("http://a:4318".into()),
            signal_endpoints: [None, None, Some("http://b:4318/logs".into())],
            ..ExportOptions::default()
        };
        let ([traces, metrics, logs], _) = transports(&options, &Default::default(), &EventHook::default()).unwrap();
        assert!(Arc::ptr_eq(&traces, &metrics) && !Arc::ptr_eq(&traces, &logs));
    }

    #[test]
    fn a_missing_file_and_half_an_identity_are_named() {
        let endpoint = || Some(("https://a:4318".to_owned(), EndpointScope::General));
        let missing = ExportVariables {
            endpoint: endpoint(),
            certificate: Some("/no/such.pem".into()),
            ..ExportVariables::default()
        };
        let variables = [missing, Default::default(), Default::default()];
        let error = transports(&ExportOptions::default(), &variables, &EventHook::default());
        let error = error.map(drop).unwrap_err().to_string();
        assert!(error.contains("CA certificate") && error.contains("/no/such.pem"), "{error}");
        let half =
            ExportVariables { endpoint: endpoint(), client_key: Some("key.pem".into()), ..ExportVariables::default() };
        let error = settings(Signal::Traces, &ExportOptions::default(), &half).unwrap_err().to_string();
        assert!(error.contains("OTEL_EXPORTER_OTLP_CLIENT_KEY") && error.contains("CLIENT_CERTIFICATE"), "{error}");
    }
}
