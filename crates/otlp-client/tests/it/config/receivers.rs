//! Several receivers, one for a signal, headers, a token in a file, and connections that are kept alive.

use std::{fs, time::Duration};

use otlp_client::config::ClientConfig;
use otlp_core::{Signal, data::Severity};
use otlp_receiver::{Fault, Protocol, Receiver, Requests, TlsConfig, TlsVersion};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};

use super::from_yaml::{batches, builder, client, client_of};
use crate::setup::{DEADLINE, receiver, spans};

fn got(receiver: &Receiver) -> u64 {
    receiver.store().count(Signal::Traces)
}

fn wait_for(receiver: &Receiver, condition: impl Fn(&Requests) -> bool) {
    receiver.requests().wait_for_blocking(condition, DEADLINE).unwrap();
}

#[test]
fn batches_are_spread_over_the_endpoints_of_a_file() {
    let [a, b] = [receiver(), receiver()];
    let text = format!(
        "receivers:\n  endpoints:\n  - {}\n  - '${{OTLP_TEST_NO_SUCH_VARIABLE:-{}}}'",
        a.grpc_endpoint(),
        b.grpc_endpoint()
    );
    let client = client(&text);
    batches(&client, 6);
    assert_eq!([got(&a), got(&b)], [3, 3]);
}

#[test]
fn a_signal_has_the_endpoint_of_its_own() {
    let [a, b] = [receiver(), receiver()];
    let client = client_of(&a, &format!("receivers: {{signal_endpoints: {{logs: '{}'}}}}", b.grpc_endpoint()));
    batches(&client, 1);
    client.logger("test").record(Severity::Info).body("work").emit();
    assert!(client.shutdown_blocking(DEADLINE).complete);
    assert_eq!((got(&a), a.store().count(Signal::Logs)), (1, 0));
    assert_eq!((got(&b), b.store().count(Signal::Logs)), (0, 1));
}

#[test]
fn signals_that_are_not_named_are_not_recorded() {
    let receiver = receiver();
    let client = client_of(&receiver, "receivers: {signals: [logs]}");
    spans(&client, 3);
    client.logger("test").record(Severity::Info).body("work").emit();
    assert!(client.shutdown_blocking(DEADLINE).complete);
    assert_eq!((got(&receiver), receiver.store().count(Signal::Logs)), (0, 1));
    assert_eq!(client.ledger().traces.accepted, 0);
}

#[test]
fn headers_are_on_every_request() {
    let receiver = receiver();
    let client =
        client_of(&receiver, "receivers: {headers: {x-tenant: '${OTLP_TEST_NO_SUCH_VARIABLE:-seven}', x-b: b}}");
    batches(&client, 2);
    for request in receiver.requests().recent() {
        assert_eq!((request.header("x-tenant"), request.header("x-b")), (Some("seven"), Some("b")));
    }
}

#[test]
fn a_token_that_is_replaced_in_its_file_is_used_without_a_reload() {
    let receiver = receiver();
    let file = std::env::temp_dir().join(format!("otlp-config-rotated-{}", std::process::id()));
    fs::write(&file, "first\n").unwrap();
    let client = client_of(&receiver, &format!("receivers: {{auth_token_file: '{}'}}", file.display()));
    let sent = || receiver.requests().last().unwrap().header("authorization").map(str::to_owned);
    batches(&client, 1);
    assert_eq!(sent().as_deref(), Some("Bearer first"));
    fs::write(&file, "second\n").unwrap();
    // Whoever is refused looks at once.
    receiver.faults().inject(Fault::grpc(otlp_receiver::GrpcCode::Unauthenticated).times(1));
    batches(&client, 1);
    assert_eq!(sent().as_deref(), Some("Bearer second"));
    fs::remove_file(&file).unwrap();
}

#[test]
fn a_token_file_that_is_missing_is_an_error_that_names_it() {
    let text = "endpoint: http://127.0.0.1:1\nreceivers: {auth_token_file: /no/such/token}";
    let error = builder(text).build_blocking().unwrap_err().to_string();
    assert!(error.contains("/no/such/token"), "{error}");
}

#[test]
fn connections_are_opened_ahead_and_pinged_as_the_file_says() {
    let receiver = receiver();
    let text =
        "receivers: {keep_alive: {min_connections: 3, ping_interval: 20ms, ping_timeout: 20s, ping_while_idle: true}}";
    let _client = client_of(&receiver, text);
    wait_for(&receiver, |requests| requests.totals().connections == 3 && requests.totals().pings >= 3);
}

#[test]
fn connections_that_are_not_kept_alive_serve_one_request() {
    for (is_enabled, connections) in [(true, 1), (false, 3)] {
        let receiver = receiver();
        let text = format!("receivers: {{keep_alive: {{enabled: {is_enabled}}}}}");
        let text = format!("endpoint: {}\ntransport: {{protocol: http}}\n{text}", receiver.http_endpoint());
        let client = client(&text);
        batches(&client, 3);
        assert!(receiver.requests().recent().iter().all(|request| request.protocol == Some(Protocol::HttpProtobuf)));
        assert_eq!(receiver.requests().totals().connections, connections);
    }
}

#[test]
fn the_name_in_the_certificate_is_that_of_the_file() {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["collector.test".to_owned()]).unwrap();
    let tls = TlsConfig::new(params.signed_by(&key, &authority).unwrap().pem(), key.serialize_pem());
    let receiver = Receiver::builder().tls(tls).start_blocking().unwrap();
    let file = std::env::temp_dir().join(format!("otlp-config-authority-{}", std::process::id()));
    fs::write(&file, authority.pem()).unwrap();
    for (details, delivered) in [("{server_name: collector.test, min_version: tls1.3}", 1), ("{}", 0)] {
        let client = client(&format!(
            "
endpoint: {}
transport: {{protocol: grpc, tls_config: {{ca_file: '{}'}}}}
receivers: {{tls: {details}}}",
            receiver.grpc_endpoint(),
            file.display()
        ));
        spans(&client, 1);
        client.flush_blocking(if delivered == 0 { Duration::from_millis(200) } else { DEADLINE });
        assert_eq!(client.ledger().traces.delivered, delivered);
    }
    assert_eq!(receiver.requests().last().unwrap().tls, Some(TlsVersion::Tls13));
    fs::remove_file(&file).unwrap();
}

#[test]
fn details_of_tls_without_tls_are_refused() {
    let text = "endpoint: http://a:4317\nservice_name: shop\nreceivers: {tls: {min_version: tls1.3}}";
    let error = ClientConfig::from_yaml_str(text).unwrap_err().to_string();
    assert!(error.contains("receivers.tls: it is set, and all endpoints are http://"), "{error}");
}
