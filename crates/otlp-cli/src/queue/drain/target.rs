//! The endpoint that a queue is drained to: one attempt after another, for as long as somebody waits for it. What the
//! command line does not say is taken from the variables `OTEL_EXPORTER_OTLP_*`, as a client takes it, but the endpoint.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use otlp::{
    Signal,
    config::{Environment, ExportVariables},
    reliability::RetryPolicy,
};
use otlp_core::ExportError;
use otlp_exporters::{AttemptObserver, Hurry, OtlpExporter, Retrying};
use otlp_transport::{
    AnyTransport, ClientIdentity, Compression, Endpoints, Headers, Protocol, TlsOptions, TransportConfig,
};

use super::{
    super::{Failure, say},
    Arguments,
};

/// The exporter to the endpoint. Its name is without what may be a secret.
pub(super) fn exporter(arguments: &Arguments) -> Result<Retrying<OtlpExporter>, Failure> {
    let unusable = |error: &dyn std::fmt::Display| Failure::Endpoint(error.to_string());
    let url = &arguments.endpoint;
    let given = given_headers(&arguments.headers)?;
    let environment = Environment::from_process();
    for warning in environment.warnings.iter().filter(|warning| warning.name.starts_with("OTEL_EXPORTER_OTLP_")) {
        say(format_args!("{warning}"));
    }
    let general =
        environment.export[0].protocol.filter(|one| environment.export.iter().all(|of| of.protocol == Some(*one)));
    let protocol = arguments.protocol.or(general).unwrap_or_else(|| protocol_of_port(url));
    let transport = |signal: Signal| {
        let variables = &environment.export[signal.index()];
        let mut config = TransportConfig::new(Endpoints::base(url));
        config.headers = headers(&given, &variables.headers);
        config.insecure = variables.insecure.unwrap_or(false);
        config.compression = variables.compression.unwrap_or(Compression::None);
        if let Some(timeout) = variables.timeout {
            config.request_timeout = (!timeout.is_zero()).then_some(timeout);
        }
        // The variables are often set for a whole machine: where nothing is encrypted they do not matter.
        if !url.starts_with("http://") {
            config.tls = tls(variables)?;
        }
        AnyTransport::new(protocol, config).map(Arc::new).map_err(|error| unusable(&error))
    };
    let transports = [transport(Signal::Traces)?, transport(Signal::Metrics)?, transport(Signal::Logs)?];
    let retry = RetryPolicy::new()
        .with_max_attempts(None)
        .with_max_elapsed(None)
        .with_initial_delay(Duration::from_millis(100))
        .with_max_delay(Duration::from_secs(2))
        .build()
        .map_err(|error| unusable(&error))?;
    let shown = url.split(['?', '#']).next().unwrap_or_default();
    let exporter = OtlpExporter::new(format!("{shown} ({protocol})"), transports);
    Ok(Retrying::new(exporter, retry, Hurry::new()).with_observer(Arc::new(FirstFailure::default())))
}

fn protocol_of_port(url: &str) -> Protocol {
    if url.trim_end_matches('/').ends_with(":4317") { Protocol::Grpc } else { Protocol::HttpProtobuf }
}

/// Whom to trust and who we are, by the files that the variables name.
fn tls(variables: &ExportVariables) -> Result<Option<TlsOptions>, Failure> {
    let mut tls = TlsOptions::new();
    if let Some(ca) = &variables.certificate {
        tls = tls.with_ca_file(ca);
    }
    match (&variables.client_certificate, &variables.client_key) {
        (Some(certificate), Some(key)) => tls = tls.with_identity(ClientIdentity::from_files(certificate, key)),
        (None, None) => {}
        _ => {
            let needed = "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE and OTEL_EXPORTER_OTLP_CLIENT_KEY need each other";
            return Err(Failure::Endpoint(needed.to_owned()));
        }
    }
    Ok((tls != TlsOptions::default()).then_some(tls))
}

/// The headers of the command line. The error names the place and not the content, which is a secret.
fn given_headers(arguments: &[String]) -> Result<Vec<(String, String)>, Failure> {
    let parse = |(at, text): (usize, &String)| match text.split_once('=') {
        Some((name, value)) if !name.trim().is_empty() => Ok((name.trim().to_owned(), value.trim().to_owned())),
        _ => Err(Failure::Header(at + 1)),
    };
    arguments.iter().enumerate().map(parse).collect()
}

/// The headers of the environment that the command line does not set, and those of the command line.
fn headers(given: &[(String, String)], environment: &[(String, String)]) -> Headers {
    let is_replaced = |name: &str| given.iter().any(|(set, _)| set.eq_ignore_ascii_case(name));
    let mut headers = Headers::new();
    for (name, value) in environment.iter().filter(|(name, _)| !is_replaced(name)).chain(given) {
        headers.append(name.clone(), value.clone());
    }
    headers
}

/// Tells a person who waits why: of the first attempt that fails.
#[derive(Default)]
struct FirstFailure(AtomicBool);

impl AttemptObserver for FirstFailure {
    fn failed(&self, destination: &str, signal: Signal, error: &ExportError) {
        if !self.0.swap(true, Ordering::Relaxed) {
            say(format_args!("{destination} does not take {} yet: {error}; trying again", signal.name()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_without_a_name_is_refused_and_not_shown() {
        let given = |text: &str| given_headers(&["x-tenant=blue=1".to_owned(), text.to_owned()]);
        assert_eq!(given("a = b").unwrap()[1], ("a".to_owned(), "b".to_owned()));
        assert_eq!(given("a=").unwrap()[0], ("x-tenant".to_owned(), "blue=1".to_owned()));
        for wrong in ["Bearer secret", "=secret", " = secret"] {
            let error = given(wrong).unwrap_err().to_string();
            assert!(error.contains('2') && !error.contains("secret"), "{error}");
        }
    }

    #[test]
    fn the_command_line_beats_the_environment() {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let mut expected = Headers::new();
        expected.append("a", "1");
        expected.append("Authorization", "mine");
        let environment = [pair("a", "1"), pair("authorization", "other")];
        assert_eq!(headers(&[pair("Authorization", "mine")], &environment), expected);
        assert_eq!(protocol_of_port("http://a:4317/"), Protocol::Grpc);
        assert_eq!(protocol_of_port("http://a:4318"), Protocol::HttpProtobuf);
    }
}
