//! Which endpoint a signal has, and who said so.

use otlp_core::Signal;
use otlp_transport::{ConfigError, Protocol};

use super::ExportOptions;
use crate::{
    BuildError,
    config::has_scheme,
    environment::{EndpointScope, ExportVariables},
};

/// What somebody said of the endpoint of a signal.
pub(super) fn endpoint(
    signal: Signal,
    options: &ExportOptions,
    environment: &ExportVariables,
) -> Option<(String, EndpointScope)> {
    of_code(signal, options).or_else(|| environment.endpoint.clone())
}

fn of_code(signal: Signal, options: &ExportOptions) -> Option<(String, EndpointScope)> {
    let own = options.signal_endpoints[signal.index()].clone().map(|url| (url, EndpointScope::Signal));
    own.or_else(|| options.endpoint.clone().map(|url| (url, EndpointScope::General)))
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
pub(super) fn default_endpoint(options: &ExportOptions, environment: &ExportVariables) -> &'static str {
    match options.protocol.or(environment.protocol) {
        Some(Protocol::Grpc) => "http://localhost:4317",
        _ => "http://localhost:4318",
    }
}

/// Whether nothing is encrypted on the way of a signal.
pub(super) fn is_plaintext(signal: Signal, options: &ExportOptions, environment: &ExportVariables) -> bool {
    endpoint(signal, options, environment).is_none_or(|(url, _)| match url.contains("://") {
        true => has_scheme(&url, "http"),
        // As gRPC alone allows.
        false => environment.insecure == Some(true),
    })
}

/// The refusal of a transport, by the name of the variable if a variable said what is refused.
pub(super) fn named(
    signal: Signal,
    options: &ExportOptions,
    environment: &ExportVariables,
    error: ConfigError,
) -> BuildError {
    let of_signal = format!("{}_", signal.name().to_uppercase());
    let variable = match &error {
        ConfigError::Endpoint { .. } | ConfigError::PlaintextRefused { .. } => {
            let of_code = of_code(signal, options);
            let said = environment.endpoint.as_ref().filter(|_| of_code.is_none());
            said.map(|(_, scope)| match scope {
                EndpointScope::General => "OTEL_EXPORTER_OTLP_ENDPOINT".to_owned(),
                EndpointScope::Signal => format!("OTEL_EXPORTER_OTLP_{of_signal}ENDPOINT"),
            })
        }
        ConfigError::Header { name, .. } => {
            let is_it = |(known, _): &(String, String)| known.eq_ignore_ascii_case(name);
            let is_said = environment.headers.iter().any(is_it) && !options.headers.iter().any(is_it);
            is_said.then(|| format!("OTEL_EXPORTER_OTLP_HEADERS or OTEL_EXPORTER_OTLP_{of_signal}HEADERS"))
        }
        _ => None,
    };
    match variable {
        Some(variable) => BuildError::Variable { variable, error },
        None => error.into(),
    }
}

/// A URL without its query, which may hold a key. The transport has refused one with a user in it.
pub(super) fn shown(url: &str) -> &str {
    url.split(['?', '#']).next().unwrap_or_default().trim_end_matches('/')
}
