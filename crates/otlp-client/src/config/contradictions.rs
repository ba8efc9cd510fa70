//! What parts of the configuration say of each other: settings of which one would do nothing, or of which only one can
//! hold.

use super::{ClientConfig, DnsLookups, FieldError, TlsDetails, check, production::has_scheme};

/// Names the first contradiction.
pub(super) fn check_all(config: &ClientConfig) -> Result<(), FieldError> {
    receivers(config)?;
    balancing(config)?;
    credentials(config)?;
    tls(config)?;
    connections(config)?;
    resource(config)?;
    lookups(config)?;
    check(!config.health.public || config.production.monitoring.health_check_endpoint.is_some(), || {
        let reason = "it is true, and nothing is served: set monitoring.health_check_endpoint, or leave it out";
        FieldError::contradiction("health.public", reason)
    })
}

/// The receivers are one, or several, or found.
fn receivers(config: &ClientConfig) -> Result<(), FieldError> {
    let receivers = &config.receivers;
    let are_found = config.service_discovery.as_ref().is_some_and(|found| found.receiver_service.is_some());
    let are_named = !receivers.endpoints.is_empty();
    check(!are_named || config.production.endpoint.is_empty(), || {
        let reason = "endpoint is set as well: give all receivers to one of them";
        FieldError::contradiction("receivers.endpoints", reason)
    })?;
    check(!are_named || !are_found, || {
        let reason =
            "service_discovery.receiver_service is set as well: either the receivers are found, or they are named";
        FieldError::contradiction("receivers.endpoints", reason)
    })?;
    check(receivers.signal_endpoints.is_empty() || !(are_named || are_found), || {
        let reason = "an endpoint of one signal is not balanced over, and there are several receivers: leave one of them out, \
                      or make a client of its own for the signal";
        FieldError::contradiction("receivers.signal_endpoints", reason)
    })
}

/// There has to be something to balance over.
fn balancing(config: &ClientConfig) -> Result<(), FieldError> {
    let has_several = !config.receivers.endpoints.is_empty() || config.service_discovery.is_some();
    check(config.load_balancer.is_none() || has_several, || {
        let reason = "there is a single endpoint, so there is nothing to balance over: name the receivers in \
                      receivers.endpoints, say where they are found in service_discovery, or leave it out";
        FieldError::contradiction("load_balancer", reason)
    })
}

/// There is one token.
fn credentials(config: &ClientConfig) -> Result<(), FieldError> {
    check(config.receivers.auth_token_file.is_none() || !config.production.security.enable_authentication, || {
        let reason = "security.enable_authentication is true, which sends security.auth_token: leave one of them out";
        FieldError::contradiction("receivers.auth_token_file", reason)
    })
}

/// What TLS is told has to matter.
fn tls(config: &ClientConfig) -> Result<(), FieldError> {
    let details = &config.receivers.tls;
    let signals = &config.receivers.signal_endpoints;
    let signals = [&signals.traces, &signals.metrics, &signals.logs].into_iter().flatten();
    let mut urls = config.receivers.endpoints.iter().chain([&config.production.endpoint]).chain(signals);
    let is_spoken = urls.any(|url| !url.is_empty() && !has_scheme(url, "http"));
    check(is_spoken || *details == TlsDetails::default(), || {
        let reason =
            "it is set, and all endpoints are http://, which is not encrypted: make them https://, or leave it out";
        FieldError::contradiction("receivers.tls", reason)
    })?;
    let has_roots = config.production.transport.tls_config.as_ref().is_some_and(|tls| !tls.ca_file.is_empty());
    check(!details.system_roots || has_roots, || {
        let reason = "it is true, and there is no transport.tls_config.ca_file, without which the system's authorities are \
                      trusted anyway: leave it out";
        FieldError::contradiction("receivers.tls.system_roots", reason)
    })
}

/// Of the connections that are kept open there cannot be more than there may be, nor more than are kept while they are
/// idle.
fn connections(config: &ClientConfig) -> Result<(), FieldError> {
    let least = config.receivers.keep_alive.min_connections;
    let connection = &config.production.connection;
    for (name, most) in
        [("max_connections", connection.max_connections), ("max_idle_connections", connection.max_idle_connections)]
    {
        check(least <= most, || {
            let accepted = format!("0 to connection.{name}, which is {most}");
            FieldError::value("receivers.keep_alive.min_connections", least, accepted)
        })?;
    }
    Ok(())
}

/// Each attribute of the resource is said once.
fn resource(config: &ClientConfig) -> Result<(), FieldError> {
    let production = &config.production;
    for (attribute, field, value) in [
        ("service.name", "service_name", &production.service_name),
        ("service.version", "service_version", &production.service_version),
        ("deployment.environment.name", "environment", &production.environment),
    ] {
        check(value.is_empty() || !config.resource_attributes.contains_key(attribute), || {
            let reason = format!("{field} says it as well: leave one of them out");
            FieldError::contradiction(format!("resource_attributes.{attribute}"), reason)
        })?;
    }
    Ok(())
}

/// There has to be a name to ask DNS for.
fn lookups(config: &ClientConfig) -> Result<(), FieldError> {
    let Some(discovery) = &config.service_discovery else { return Ok(()) };
    let is_asked = discovery.services.values().any(|source| source.dns.is_some() || source.dns_srv.is_some());
    check(is_asked || discovery.dns == DnsLookups::default(), || {
        let reason = "it is set, and no service has dns or dns_srv, so nobody is asked: give a service one of them, or \
                      leave it out";
        FieldError::contradiction("service_discovery.dns", reason)
    })
}
