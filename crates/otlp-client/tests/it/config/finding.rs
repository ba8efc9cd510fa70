//! Receivers that a file says how to find, and how to balance over: static lists, DNS, Consul.

use std::{
    net::{Ipv4Addr, SocketAddr, UdpSocket},
    thread,
};

use otlp_core::Signal;
use otlp_receiver::Receiver;

use super::from_yaml::{batches, builder, client, client_of};
use crate::{
    http_server::{Asked, next, serve},
    setup::{DEADLINE, receiver, spans},
};

fn got(receiver: &Receiver) -> u64 {
    receiver.store().count(Signal::Traces)
}

#[test]
fn endpoints_that_are_named_get_their_shares_by_weight() {
    let [a, b, spare] = [receiver(), receiver(), receiver()];
    let client = client(&format!(
        "
endpoint: http://localhost:4317
service_discovery:
  receiver_service: otel
  services:
    otel:
      endpoints:
      - {{address: '{}', weight: 3}}
      - {}
      - {{address: '{}', priority: 1}}
load_balancer: {{strategy: weighted}}",
        a.grpc_address(),
        b.grpc_address(),
        spare.grpc_address()
    ));
    batches(&client, 12);
    assert_eq!([got(&a), got(&b), got(&spare)], [9, 3, 0]);
}

#[test]
fn services_of_the_program_are_found_beside_a_single_receiver() {
    let receiver = receiver();
    let text = "service_discovery: {services: {payments: {endpoints: ['10.0.0.1:80']}}}";
    let client = client_of(&receiver, text);
    let payments = client.service_discovery().unwrap().discover("payments").unwrap();
    assert_eq!(payments.pick().unwrap().endpoint().host, "10.0.0.1");
    batches(&client, 1);
    assert_eq!(got(&receiver), 1);
}

/// A name server that knows 127.0.0.1 under every name, and `port` as every service of the name `target.test`.
fn name_server(port: u16) -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    thread::spawn(move || {
        let mut packet = [0; 1500];
        while let Ok((len, from)) = socket.recv_from(&mut packet) {
            if let Some(answer) = dns_answer(&packet[..len], port) {
                let _ = socket.send_to(&answer, from);
            }
        }
    });
    address
}

/// The answer to a query of one question (RFC 1035, 4).
fn dns_answer(query: &[u8], port: u16) -> Option<Vec<u8>> {
    const ADDRESS: u16 = 1;
    const SERVICE: u16 = 33;
    let name = query.get(12..)?.iter().position(|byte| *byte == 0)? + 1;
    let question = query.get(12..12 + name + 4)?;
    let kind = u16::from_be_bytes([question[name], question[name + 1]]);
    let data = match kind {
        ADDRESS => Ipv4Addr::LOCALHOST.octets().to_vec(),
        SERVICE => {
            // Priority, weight, port, target.
            let mut data = [[0, 1], [0, 1], port.to_be_bytes()].concat();
            data.extend(b"\x06target\x04test\x00");
            data
        }
        _ => Vec::new(),
    };
    let mut answer = query.get(..2)?.to_vec();
    answer.extend([0x81, 0x80, 0, 1, 0, u8::from(!data.is_empty()), 0, 0, 0, 0]);
    answer.extend(question);
    if !data.is_empty() {
        // The name of the question, kind, class IN, a minute to live.
        answer.extend([0xc0, 12]);
        answer.extend(kind.to_be_bytes());
        answer.extend([0, 1, 0, 0, 0, 60]);
        answer.extend(u16::try_from(data.len()).ok()?.to_be_bytes());
        answer.extend(data);
    }
    Some(answer)
}

#[test]
fn receivers_are_found_by_dns() {
    let receiver = receiver();
    let port = receiver.grpc_address().port();
    let server = name_server(port);
    for source in [format!("dns: 'collector.test:{port}'"), "dns_srv: _otlp._tcp.collector.test".to_owned()] {
        let before = got(&receiver);
        let client = client(&format!(
            "
endpoint: http://localhost:4317
service_discovery:
  receiver_service: otel
  services: {{otel: {{{source}}}}}
  dns: {{name_servers: ['{server}'], min_ttl: 1s, max_ttl: 1m, timeout: 20s}}"
        ));
        spans(&client, 3);
        assert!(client.shutdown_blocking(DEADLINE).complete, "{source}");
        assert_eq!(got(&receiver) - before, 3, "{source}");
    }
}

/// What an agent says of a service with one healthy instance.
fn instance(port: u16) -> String {
    let instance = serde_json::json!([{
        "Node": {"Node": "n1", "Address": "127.0.0.1"},
        "Service": {
            "ID": "otel-1", "Service": "otel", "Address": "127.0.0.1", "Port": port, "Tags": ["v1"], "Meta": {},
            "Weights": {"Passing": 1, "Warning": 1},
        },
        "Checks": [{"Status": "passing"}],
    }]);
    instance.to_string()
}

#[test]
fn receivers_are_found_in_consul_and_this_service_is_entered_there() {
    let receiver = receiver();
    let answer = instance(receiver.grpc_address().port());
    let (agent, asked) = serve(move |asked: &Asked| {
        let is_query = asked.head.starts_with("GET /v1/health/service/");
        match is_query && asked.head.contains("index=7") {
            // Nothing changes any more.
            true => None,
            false if is_query => Some(("X-Consul-Index: 7\r\n".to_owned(), answer.clone())),
            false => Some((String::new(), String::new())),
        }
    });
    let client = client(&format!(
        "
endpoint: http://localhost:4317
service_discovery:
  receiver_service: otel
  consul:
    endpoint: http://{agent}
    token: '${{OTLP_TEST_NO_SUCH_VARIABLE:-hunter2}}'
    datacenter: dc2
    stale_reads: true
    max_staleness: 10s
    tags: [v1]
    wait: 2m
  registration: {{address: '10.0.0.7:8080'}}"
    ));
    spans(&client, 3);
    assert!(client.flush_blocking(DEADLINE).complete);
    assert_eq!(got(&receiver), 3);
    client.shutdown_blocking(DEADLINE);
    // The service is entered while receivers are asked for: either may come first.
    let asked: Vec<Asked> = asked.try_iter().collect();
    let place = |head: &str| asked.iter().position(|one| one.head.starts_with(head));
    let query = &asked[place("GET /v1/health/service/otel?").expect("a query")].head;
    for part in ["dc=dc2", "stale", "v1", "passing"] {
        assert!(query.lines().next().unwrap().contains(part), "{part}: {query}");
    }
    assert!(query.to_lowercase().contains("x-consul-token: hunter2"), "{query}");
    let entered = place("PUT /v1/agent/service/register").expect("it was entered");
    assert!(place("PUT /v1/agent/service/deregister/shop-").is_some_and(|left| left > entered), "it was taken out");
    let body = &asked[entered].body;
    assert!(body.contains("\"Name\":\"shop\"") && body.contains("\"Address\":\"10.0.0.7\""), "{body}");
}

#[test]
fn receivers_are_checked_by_a_path_as_the_file_says() {
    let [a, b] = [receiver(), receiver()];
    let (health, asked) = serve(|_| Some((String::new(), String::new())));
    let client = client(&format!(
        "
receivers: {{endpoints: ['{}', '{}']}}
load_balancer:
  strategy: least_loaded
  health_check_interval: 5ms
  health_check_timeout: 20s
  health_check_path: /healthy
  health_check_port: {}",
        a.grpc_endpoint(),
        b.grpc_endpoint(),
        health.port()
    ));
    (0..4).for_each(|_| drop(next(&asked, "GET /healthy ")));
    batches(&client, 2);
    assert_eq!(got(&a) + got(&b), 2);
}

#[test]
fn without_passive_health_no_receiver_has_a_circuit_breaker() {
    let receiver = receiver();
    for (is_passive, breakers) in [(true, 1), (false, 0)] {
        let endpoint = receiver.grpc_endpoint();
        let text = format!("receivers: {{endpoints: ['{endpoint}']}}\nload_balancer: {{passive_health: {is_passive}}}");
        let client = client(&text);
        batches(&client, 1);
        let policies = client.policies();
        assert_eq!(policies.iter().filter(|one| one.name.ends_with("/circuit_breaker")).count(), breakers);
    }
}

#[test]
fn what_discovery_refuses_is_named_as_in_the_file() {
    let endpoint = "endpoint: http://localhost:4317\n";
    for (text, expected) in [
        (
            "consul: {endpoint: '127.0.0.1:8500'}",
            "service_discovery.consul.endpoint is \"127.0.0.1:8500\", but takes an http:// or https:// URL",
        ),
        (
            "consul: {endpoint: 'http://127.0.0.1:1', datacenter: 'a b'}",
            "service_discovery.consul.datacenter is \"a b\", but takes 1 to 128 letters",
        ),
        (
            "consul: {endpoint: 'https://127.0.0.1:1', ca_file: /no/such/ca.pem}",
            "service_discovery.consul.ca_file is \"/no/such/ca.pem: No such file",
        ),
        (
            "consul: {endpoint: 'http://127.0.0.1:1'}\n  registration: {address: '0.0.0.0:80'}",
            "service_discovery.registration.address is \"0.0.0.0:80\"",
        ),
        ("services: {otel: {dns_srv: 'http://a'}}", "service_discovery.services is \"http://a\""),
        (
            "services: {otel: {endpoints: ['${OTLP_TEST_NO_SUCH_VARIABLE:-nowhere}']}}",
            "service_discovery.services.otel.endpoints[0] is \"nowhere\", but takes host:port",
        ),
        (
            "receiver_service: '${OTLP_TEST_NO_SUCH_VARIABLE:-gone}'",
            "service_discovery.receiver_service is \"gone\", but takes a name among services",
        ),
    ] {
        let text = format!("{endpoint}service_discovery:\n  {text}");
        let error = builder(&text).build_blocking().unwrap_err().to_string();
        assert!(error.contains(expected), "{text}\n  {error}");
    }
}
