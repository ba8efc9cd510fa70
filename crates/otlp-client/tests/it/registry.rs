//! This service in a registry: entered when the client starts, taken out when it shuts down.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, mpsc},
    thread,
    time::Duration,
};

use otlp_client::{
    EnhancedOtlpClient,
    discovery::{LoadBalancer, LoadBalancingStrategy, ServiceDiscovery},
};

use crate::setup::{DEADLINE, builder, receiver, spans};

/// What an agent was asked: method and path, and the body.
type Asked = (String, String);

/// An agent that takes everything, and tells what.
fn agent() -> (String, mpsc::Receiver<Asked>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (sender, asked) = mpsc::channel();
    let sender = Arc::new(sender);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let sender = Arc::clone(&sender);
            thread::spawn(move || while serve(&stream).is_some_and(|one| sender.send(one).is_ok()) {});
        }
    });
    (url, asked)
}

/// Answers one request with success.
fn serve(stream: &TcpStream) -> Option<Asked> {
    let mut reader = BufReader::new(stream);
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|len| *len > 0)?;
        if line == "\r\n" {
            break;
        }
        lines.push(line.to_lowercase());
    }
    let length = lines.iter().find_map(|line| line.strip_prefix("content-length: ")?.trim().parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body).ok()?;
    let mut stream = stream;
    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").ok()?;
    let request = lines.first()?.trim_end().trim_end_matches(" http/1.1").to_owned();
    Some((request, String::from_utf8_lossy(&body).into_owned()))
}

/// The next request that begins so.
fn next(asked: &mpsc::Receiver<Asked>, begins: &str) -> Asked {
    loop {
        let one = asked.recv_timeout(DEADLINE).expect(begins);
        if one.0.starts_with(begins) {
            return one;
        }
    }
}

#[test]
fn a_service_is_registered_with_its_address_and_taken_out_at_the_shutdown() {
    let (url, asked) = agent();
    let receiver = receiver();
    let discovery = ServiceDiscovery::new()
        .with_consul_endpoint(url)
        .with_service_registry(true)
        .with_service_address("10.0.0.7:8080");
    let (builder, _) = builder(receiver.grpc_endpoint());
    let client = builder.with_grpc_transport().with_service_discovery(discovery).build_blocking().unwrap();
    let (_, body) = next(&asked, "put /v1/agent/service/register");
    for part in ["\"Name\":\"test\"", "\"Address\":\"10.0.0.7\"", "\"Port\":8080", "\"TTL\""] {
        assert!(body.contains(part), "{part}: {body}");
    }
    spans(&client, 10);
    assert_eq!(client.shutdown_blocking(DEADLINE).ledgers[0].traces.delivered, 10);
    next(&asked, "put /v1/agent/service/deregister/test-");
}

#[tokio::test]
async fn a_shutdown_that_is_awaited_leaves_the_registry_too_and_delivers() {
    let (url, asked) = agent();
    let receiver = receiver();
    let discovery =
        ServiceDiscovery::new().with_consul_endpoint(url).with_service_registry(true).with_service_name("other");
    let (builder, said) = builder(receiver.grpc_endpoint());
    let client = builder.with_grpc_transport().with_service_discovery(discovery).build().await.unwrap();
    let (_, body) = next(&asked, "put /v1/agent/service/register");
    assert!(body.contains("\"Name\":\"other\"") && !body.contains("Address"), "{body}");
    let is_told = |line: &String| line.contains("with_service_address") && line.contains("registration.address");
    assert!(said.lock().iter().any(is_told), "{said:?}");
    spans(&client, 10);
    assert_eq!(client.shutdown(DEADLINE).await.ledgers[0].traces.delivered, 10);
    next(&asked, "put /v1/agent/service/deregister/other-");
}

#[test]
fn an_agent_that_hangs_takes_a_part_of_the_deadline_and_nothing_else() {
    let hanging = TcpListener::bind("127.0.0.1:0").unwrap();
    let receiver = receiver();
    let discovery = ServiceDiscovery::new()
        .with_consul_endpoint(format!("http://{}", hanging.local_addr().unwrap()))
        .with_service_registry(true);
    let (builder, _) = builder(receiver.grpc_endpoint());
    let client = builder.with_grpc_transport().with_service_discovery(discovery).build_blocking().unwrap();
    let (_held, _) = hanging.accept().unwrap();
    spans(&client, 10);
    let report = client.shutdown_blocking(Duration::from_secs(4));
    assert_eq!((report.complete, report.ledgers[0].traces.delivered), (true, 10));
}

/// The program that a user writes first: Consul for its services, a single receiver for its telemetry.
#[test]
fn a_client_with_consul_and_a_balancer_runs_whether_or_not_an_agent_is_there() {
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let receiver = receiver();
    let service_discovery =
        ServiceDiscovery::new().with_consul_endpoint(format!("http://{nobody}")).with_service_registry(true);
    let load_balancer = LoadBalancer::new()
        .with_strategy(LoadBalancingStrategy::RoundRobin)
        .with_health_check_interval(Duration::from_secs(30));
    let client = EnhancedOtlpClient::builder()
        .without_environment()
        .with_diagnostics(|_| {})
        .with_endpoint(receiver.grpc_endpoint())
        .with_grpc_transport()
        .with_service_name("microservices-demo")
        .with_service_discovery(service_discovery)
        .with_load_balancer(load_balancer)
        .build_blocking()
        .unwrap();
    let users = client.service_discovery().unwrap().discover("user-service").unwrap();
    assert!(users.pick().unwrap_err().to_string().contains("user-service"));
    spans(&client, 10);
    assert_eq!(client.shutdown_blocking(DEADLINE).ledgers[0].traces.delivered, 10);
}
