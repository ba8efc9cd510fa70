//! From what code and environment say to what the transports are told.
//!
//! Code beats environment, a signal's own setting beats the general one, and what nobody set has the default of the OTLP
//! exporter specification, with one addition: an endpoint with port 4317, the registered port of OTLP/gRPC, is spoken
//! to by gRPC unless somebody said otherwise.

mod endpoint;
mod headers;
mod tls;

use std::{sync::Arc, time::Duration};

use otlp_core::Signal;
use otlp_exporters::OtlpExporter;
use otlp_transport::{
    AnyTransport, Auth, Compression, ConnectionPoolConfig, Endpoints, EventHook, KeepAlive, Protocol, TlsOptions,
    TransportConfig,
};

pub(crate) use self::{endpoint::general_endpoint, headers::ConfiguredHeaders};
use self::{
    endpoint::{default_endpoint, endpoint, is_plaintext, named, shown},
    headers::Sent,
};
use crate::{
    BuildError,
    config::TransportProtocol,
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
    /// Those of a configuration. Code beats them.
    pub(crate) configured_headers: ConfiguredHeaders,
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

fn transports(
    options: &ExportOptions,
    environment: &[ExportVariables; 3],
    events: &EventHook,
) -> Result<([Arc<AnyTransport>; 3], [Protocol; 3]), BuildError> {
    let mut made: Vec<((Protocol, TransportConfig), Arc<AnyTransport>)> = Vec::new();
    let is_tls_used = Signal::ALL.iter().any(|one| !is_plaintext(*one, options, &environment[one.index()]));
    let configured = options.configured_headers.current();
    let mut transport = |signal: Signal| -> Result<(Arc<AnyTransport>, Protocol), BuildError> {
        let environment = &environment[signal.index()];
        let sent = Sent::new(options, environment);
        let (protocol, mut config) = settings(signal, options, environment, is_tls_used)?;
        config.headers = sent.beside(&configured);
        if let Some((_, same)) = made.iter().find(|(known, _)| *known == (protocol, config.clone())) {
            return Ok((Arc::clone(same), protocol));
        }
        let settings = (protocol, config.clone());
        config.events = events.clone();
        let new = AnyTransport::new(protocol, config).map_err(|error| named(signal, options, environment, error))?;
        let new = Arc::new(new);
        options.configured_headers.reaches(&new, sent, &configured);
        made.push((settings, Arc::clone(&new)));
        Ok((new, protocol))
    };
    let [traces, metrics, logs] = [transport(Signal::Traces)?, transport(Signal::Metrics)?, transport(Signal::Logs)?];
    Ok(([traces.0, metrics.0, logs.0], [traces.1, metrics.1, logs.1]))
}

/// All but the headers. `is_tls_used`: whether any signal is encrypted.
fn settings(
    signal: Signal,
    options: &ExportOptions,
    environment: &ExportVariables,
    is_tls_used: bool,
) -> Result<(Protocol, TransportConfig), BuildError> {
    let endpoint = endpoint(signal, options, environment);
    let protocol = options.protocol.or(environment.protocol).unwrap_or_else(|| match &endpoint {
        Some((url, EndpointScope::General)) => TransportProtocol::of_endpoint(url).into(),
        _ => Protocol::HttpProtobuf,
    });
    let is_plaintext = is_plaintext(signal, options, environment);
    let endpoints = match endpoint {
        Some((url, EndpointScope::Signal)) => Endpoints::exact(signal, url),
        Some((url, EndpointScope::General)) => Endpoints::base(url),
        None => Endpoints::base(default_endpoint(options, environment)),
    };

    let mut config = TransportConfig::new(endpoints);
    config.insecure = environment.insecure.unwrap_or(false);
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
        // Where nothing is encrypted at all, the transport refuses it.
        Some(_) if is_plaintext && is_tls_used => None,
        Some(tls) => Some(tls.clone()),
        // The variables are often set for a whole machine: where nothing is encrypted they do not matter.
        None if is_plaintext => None,
        None => tls::from_files(environment)?,
    };
    if let Some(name) = options.server_name.as_ref().filter(|_| !is_plaintext) {
        config.tls = Some(config.tls.unwrap_or_default().or_server_name(name));
    }
    Ok((protocol, config))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn protocol(code: Option<&str>, environment: Option<&str>) -> Protocol {
        let options = ExportOptions { endpoint: code.map(str::to_owned), ..ExportOptions::default() };
        let endpoint = environment.map(|url| (url.to_owned(), EndpointScope::General));
        let variables = ExportVariables { endpoint, ..ExportVariables::default() };
        settings(Signal::Traces, &options, &variables, false).unwrap().0
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
        let settings = settings(Signal::Logs, &options, &ExportVariables::default(), false).unwrap();
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
        let options = ExportOptions { timeout: Some(Duration::from_secs(3)), ..ExportOptions::default() };
        let variables = ExportVariables {
            timeout: Some(Duration::ZERO),
            compression: Some(Compression::Gzip),
            ..ExportVariables::default()
        };
        let (_, config) = settings(Signal::Traces, &options, &variables, false).unwrap();
        assert_eq!(config.request_timeout, Some(Duration::from_secs(3)));
        assert_eq!(config.compression, Compression::Gzip);
        let (_, config) = settings(Signal::Traces, &ExportOptions::default(), &variables, false).unwrap();
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
        let error = settings(Signal::Traces, &ExportOptions::default(), &half, true).unwrap_err().to_string();
        assert!(error.contains("OTEL_EXPORTER_OTLP_CLIENT_KEY") && error.contains("CLIENT_CERTIFICATE"), "{error}");
    }

    /// Variables are set for a whole machine, some of whose endpoints are not encrypted.
    #[test]
    fn certificates_of_the_environment_do_not_matter_where_nothing_is_encrypted() {
        for (url, insecure) in
            [("http://a:4317", None), ("HTTP://a:4317", None), ("a:4317", Some(true)), ("http://a:4318/x", Some(false))]
        {
            let one = ExportVariables {
                endpoint: Some((url.to_owned(), EndpointScope::General)),
                certificate: Some("/no/such.pem".into()),
                insecure,
                ..ExportVariables::default()
            };
            let variables = [one.clone(), one.clone(), one];
            export(&ExportOptions::default(), &variables, &EventHook::default()).map(drop).unwrap();
        }
    }

    #[test]
    fn tls_of_code_is_for_the_signals_that_are_encrypted_and_refused_where_none_is() {
        let mut options = ExportOptions {
            endpoint: Some("https://a:4318".into()),
            signal_endpoints: [None, None, Some("http://localhost:4318/v1/logs".into())],
            tls: Some(TlsOptions::new().with_server_name("a.test")),
            ..ExportOptions::default()
        };
        export(&options, &Default::default(), &EventHook::default()).map(drop).unwrap();
        options.endpoint = Some("http://a:4318".into());
        let error = export(&options, &Default::default(), &EventHook::default()).map(drop).unwrap_err().to_string();
        assert!(error.contains("all http://"), "{error}");
    }

    #[test]
    fn an_endpoint_of_a_variable_is_refused_by_the_name_of_the_variable() {
        let of = |scope| ExportVariables {
            endpoint: Some(("localhost:4318".to_owned(), scope)),
            protocol: Some(Protocol::HttpProtobuf),
            ..ExportVariables::default()
        };
        for (scope, name) in [
            (EndpointScope::General, "OTEL_EXPORTER_OTLP_ENDPOINT: endpoint \"localhost:4318\""),
            (EndpointScope::Signal, "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: endpoint \"localhost:4318\""),
        ] {
            let variables = [of(scope), ExportVariables::default(), ExportVariables::default()];
            let error = export(&ExportOptions::default(), &variables, &EventHook::default());
            let error = error.map(drop).unwrap_err().to_string();
            assert!(error.starts_with(name), "{error}");
        }
        let reserved =
            ExportVariables { headers: vec![("Content-Length".into(), "1".into())], ..ExportVariables::default() };
        let variables = [ExportVariables::default(), ExportVariables::default(), reserved];
        let error = export(&ExportOptions::default(), &variables, &EventHook::default()).map(drop).unwrap_err();
        let expected = "OTEL_EXPORTER_OTLP_HEADERS or OTEL_EXPORTER_OTLP_LOGS_HEADERS: header \"Content-Length\"";
        assert!(error.to_string().starts_with(expected), "{error}");
        let code = ExportOptions { endpoint: Some("localhost:4318".into()), ..ExportOptions::default() };
        let error = export(&code, &Default::default(), &EventHook::default()).map(drop).unwrap_err().to_string();
        assert!(error.starts_with("endpoint "), "{error}");
    }
}
