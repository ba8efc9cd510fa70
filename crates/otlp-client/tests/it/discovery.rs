//! Several receivers behind one client: shares, fail-over, receivers that come and go, and what is refused.

use std::{
    collections::BTreeSet,
    sync::Arc,
    time::{Duration, Instant},
};

use otlp_batch::BatchConfig;
use otlp_client::{
    ClientBuilder, EnhancedOtlpClient,
    discovery::{
        Endpoint, LoadBalancer, LoadBalancingStrategy, Publisher, Resolve, ServiceDiscovery, Verdict, Watching,
    },
};
use otlp_core::Signal;
use otlp_receiver::{Fault, GrpcCode, Receiver};
use otlp_reliability::{CircuitBreakerConfig, RetryPolicy};
use parking_lot::Mutex;
use tokio::sync::watch;

use crate::{
    http_server::{next, serve},
    setup::{DEADLINE, receiver, spans},
};

const HOUR: Duration = Duration::from_secs(3600);
const SERVICE: &str = "otel-collector";

/// A client that opens the breaker of a receiver after one failure, for a break in which no test ends, and says what it
/// does to nobody.
fn builder() -> ClientBuilder {
    let breaker = CircuitBreakerConfig::new()
        .with_failure_rate(None)
        .with_consecutive_failures(1)
        .with_half_open_probes(1)
        .with_break_duration(HOUR);
    let retry = RetryPolicy::new()
        .with_max_attempts(None)
        .with_initial_delay(Duration::from_millis(1))
        .with_max_delay(Duration::from_millis(10));
    EnhancedOtlpClient::builder()
        .without_environment()
        .with_service_name("test")
        .with_grpc_transport()
        .with_retry_policy(retry)
        .with_circuit_breaker(breaker)
        .with_diagnostics(|_| {})
}

fn over(receivers: &[&Receiver]) -> ClientBuilder {
    builder().with_endpoints(receivers.iter().map(|one| one.grpc_endpoint()))
}

/// So many batches of one span.
fn batches(client: &EnhancedOtlpClient, count: usize) {
    for _ in 0..count {
        spans(client, 1);
        assert!(client.flush_blocking(DEADLINE).complete);
    }
}

fn got(receiver: &Receiver) -> u64 {
    receiver.store().count(Signal::Traces)
}

fn endpoint(receiver: &Receiver) -> Endpoint {
    Endpoint::new("127.0.0.1", receiver.grpc_address().port())
}

/// A source that finds what the test says.
struct Scripted(watch::Sender<Vec<Endpoint>>);

impl Scripted {
    fn new(endpoints: Vec<Endpoint>) -> Arc<Self> {
        Arc::new(Scripted(watch::Sender::new(endpoints)))
    }
}

struct Source(Arc<Scripted>);

impl Resolve for Source {
    fn name(&self) -> String {
        "script".to_owned()
    }

    fn watch<'a>(&'a self, _service: &'a str, publisher: &'a Publisher) -> Watching<'a> {
        Box::pin(async move {
            let mut script = self.0.0.subscribe();
            loop {
                publisher.found(script.borrow_and_update().clone());
                if script.changed().await.is_err() {
                    return;
                }
            }
        })
    }
}

fn finding(script: &Arc<Scripted>) -> ClientBuilder {
    let discovery =
        ServiceDiscovery::new().with_resolver(SERVICE, Source(Arc::clone(script))).with_receiver_service(SERVICE);
    builder().with_endpoint("http://localhost:4317").with_service_discovery(discovery)
}

/// Waits until the client knows so many receivers.
fn wait_for_receivers(client: &EnhancedOtlpClient, count: usize) {
    let pool = client.service_discovery().unwrap().discover(SERVICE).unwrap();
    let begun = Instant::now();
    while pool.snapshot().endpoints.len() != count {
        assert!(begun.elapsed() < DEADLINE, "{:?}", pool.snapshot());
        std::thread::yield_now();
    }
}

#[test]
fn each_of_several_receivers_gets_its_turn() {
    let [a, b, c] = [receiver(), receiver(), receiver()];
    let client = over(&[&a, &b, &c]).build_blocking().unwrap();
    batches(&client, 12);
    assert_eq!([got(&a), got(&b), got(&c)], [4, 4, 4]);
    let ledger = client.shutdown_blocking(DEADLINE).ledgers.remove(0);
    assert_eq!((ledger.destination.as_str(), ledger.traces.delivered), ("otlp (grpc)", 12));
}

#[test]
fn weights_are_shares() {
    let [a, b] = [receiver(), receiver()];
    let discovery = ServiceDiscovery::new()
        .with_endpoints(SERVICE, [endpoint(&a).with_weight(3), endpoint(&b)])
        .with_receiver_service(SERVICE);
    let client = builder()
        .with_service_discovery(discovery)
        .with_load_balancer(LoadBalancer::new().with_strategy(LoadBalancingStrategy::Weighted))
        .build_blocking()
        .unwrap();
    batches(&client, 12);
    assert_eq!([got(&a), got(&b)], [9, 3]);
}

#[test]
fn one_of_the_receivers_fails_and_another_takes_its_batches() {
    let [a, b] = [receiver(), receiver()];
    let client = over(&[&a, &b]).build_blocking().unwrap();
    batches(&client, 4);
    a.kill_blocking();
    spans(&client, 10);
    batches(&client, 6);
    a.restart_blocking().unwrap();
    // A flush lets the receiver that was left be tried at once.
    let before = got(&a);
    batches(&client, 4);
    assert!(got(&a) > before, "it is returned to");
    let ledger = client.shutdown_blocking(DEADLINE).ledgers.remove(0).traces;
    assert_eq!((ledger.delivered, ledger.dropped.total(), ledger.pending), (24, 0, 0), "{ledger}");
    let all: BTreeSet<_> = [&a, &b].iter().flat_map(|one| one.store().arrivals(Signal::Traces).into_keys()).collect();
    assert_eq!(all.len(), 24);
}

#[test]
fn while_all_are_down_batches_wait_in_the_queue_and_none_is_lost() {
    let [a, b] = [receiver(), receiver()];
    for one in [&a, &b] {
        one.faults().inject(Fault::grpc(GrpcCode::Unavailable));
    }
    let client = over(&[&a, &b]).build_blocking().unwrap();
    spans(&client, 10);
    assert!(!client.flush_blocking(Duration::from_millis(100)).complete);
    assert_eq!(client.ledger().traces.pending, 10);
    b.faults().clear();
    assert!(client.flush_blocking(DEADLINE).complete, "the flush tries them at once");
    assert_eq!([got(&a), got(&b)], [0, 10]);
    assert_eq!(client.shutdown_blocking(DEADLINE).ledgers[0].traces.delivered, 10);
}

#[test]
fn receivers_that_come_and_go_lose_nothing_and_do_not_reconnect_the_rest() {
    let [a, b, c] = [receiver(), receiver(), receiver()];
    let script = Scripted::new(vec![endpoint(&a), endpoint(&b)]);
    let client = finding(&script).build_blocking().unwrap();
    wait_for_receivers(&client, 2);
    batches(&client, 4);
    script.0.send_replace(vec![endpoint(&a), endpoint(&b), endpoint(&c)]);
    wait_for_receivers(&client, 3);
    batches(&client, 6);
    assert_eq!([got(&a), got(&b), got(&c)], [4, 4, 2]);
    script.0.send_replace(vec![endpoint(&a), endpoint(&c)]);
    wait_for_receivers(&client, 2);
    batches(&client, 4);
    assert_eq!([got(&a), got(&b), got(&c)], [6, 4, 4]);
    script.0.send_replace(vec![endpoint(&a), endpoint(&b), endpoint(&c)]);
    wait_for_receivers(&client, 3);
    batches(&client, 3);
    assert_eq!([got(&a), got(&b), got(&c)], [7, 5, 5]);
    assert_eq!([connections(&a), connections(&b), connections(&c)], [1, 2, 1], "only who left was connected to again");
    assert_eq!(client.shutdown_blocking(DEADLINE).ledgers[0].traces.delivered, 17);
}

/// How many connections a receiver was sent requests over.
fn connections(receiver: &Receiver) -> usize {
    receiver.requests().totals().connections as usize
}

#[test]
fn without_a_receiver_batches_wait_until_one_is_found() {
    let script = Scripted::new(Vec::new());
    let client = finding(&script).build_blocking().unwrap();
    spans(&client, 5);
    assert!(!client.flush_blocking(Duration::from_millis(50)).complete);
    let a = receiver();
    script.0.send_replace(vec![endpoint(&a)]);
    a.store().wait_for_items_blocking(Signal::Traces, 5, DEADLINE).unwrap();
    assert_eq!(client.shutdown_blocking(DEADLINE).ledgers[0].traces.delivered, 5);
}

#[test]
fn a_receiver_that_throttles_is_left_alone_and_the_other_takes_its_part() {
    let [a, b] = [receiver(), receiver()];
    a.faults().inject(Fault::throttle(HOUR));
    let batch = BatchConfig { batch_timeout: Duration::from_millis(10), ..BatchConfig::default() };
    let client = over(&[&a, &b]).with_batch_config(batch).build_blocking().unwrap();
    spans(&client, 1);
    b.store().wait_for_items_blocking(Signal::Traces, 1, DEADLINE).unwrap();
    for sent in 2..6 {
        spans(&client, 1);
        b.store().wait_for_items_blocking(Signal::Traces, sent, DEADLINE).unwrap();
    }
    assert!(a.faults().counts().values().sum::<u64>() <= 1, "it was asked once at most");
    assert_eq!(client.shutdown_blocking(DEADLINE).ledgers[0].traces.delivered, 5);
}

#[test]
fn the_same_trace_goes_to_the_same_receiver_under_rendezvous() {
    let [a, b, c] = [receiver(), receiver(), receiver()];
    let balancer = LoadBalancer::new().with_strategy(LoadBalancingStrategy::Rendezvous);
    let client = over(&[&a, &b, &c]).with_load_balancer(balancer).build_blocking().unwrap();
    for _ in 0..20 {
        let mut root = client.tracer("test").start("root");
        let context = root.context();
        root.end();
        assert!(client.flush_blocking(DEADLINE).complete);
        for _ in 0..3 {
            client.tracer("test").start_with_context("child", otlp_core::data::SpanKind::Internal, &context).end();
            assert!(client.flush_blocking(DEADLINE).complete);
        }
    }
    let traces = |receiver: &Receiver| -> BTreeSet<_> {
        receiver.store().spans().iter().map(|span| span.trace_id.to_string()).collect()
    };
    let [of_a, of_b, of_c] = [traces(&a), traces(&b), traces(&c)];
    assert_eq!(of_a.len() + of_b.len() + of_c.len(), 20, "no trace is at two receivers");
    assert!([of_a, of_b, of_c].iter().filter(|traces| !traces.is_empty()).count() > 1);
}

#[test]
fn discovery_without_a_receiver_service_serves_the_program_alone() {
    let a = receiver();
    let discovery = ServiceDiscovery::new().with_static_endpoints("payments", ["10.0.0.1:80", "10.0.0.2:80"]);
    let client = builder().with_endpoint(a.grpc_endpoint()).with_service_discovery(discovery).build_blocking().unwrap();
    let payments = client.service_discovery().unwrap().discover("payments").unwrap();
    let picked = payments.pick().unwrap();
    assert_eq!(picked.endpoint().host, "10.0.0.1");
    picked.report(Verdict::Success);
    batches(&client, 1);
    assert_eq!(got(&a), 1);
}

#[test]
fn each_receiver_has_a_breaker_that_is_shown_under_its_name() {
    let [a, b] = [receiver(), receiver()];
    let client = over(&[&a, &b]).build_blocking().unwrap();
    batches(&client, 2);
    let names: Vec<String> = client.policies().into_iter().map(|policy| policy.name).collect();
    for one in [&a, &b] {
        let name = format!("http://{}/circuit_breaker", one.grpc_address());
        assert!(names.contains(&name), "{name} is not in {names:?}");
    }
}

#[test]
fn a_balancer_that_minds_no_failures_leaves_nobody() {
    let [a, b] = [receiver(), receiver()];
    let balancer = LoadBalancer::new().without_passive_health();
    let client = over(&[&a, &b]).with_load_balancer(balancer).build_blocking().unwrap();
    a.kill_blocking();
    batches(&client, 6);
    assert_eq!(got(&b), 6);
    assert!(client.policies().iter().all(|policy| !policy.name.ends_with("/circuit_breaker")));
}

#[test]
fn receivers_are_checked_while_nothing_is_sent() {
    let [a, b] = [receiver(), receiver()];
    let balancer = LoadBalancer::new().with_health_check_interval(Duration::from_millis(5));
    let client = over(&[&a, &b]).with_load_balancer(balancer).build_blocking().unwrap();
    let begun = Instant::now();
    while connections(&a) < 3 || connections(&b) < 3 {
        assert!(begun.elapsed() < DEADLINE);
        std::thread::yield_now();
    }
    let pool = client.service_discovery().unwrap().pools().remove(0);
    a.kill_blocking();
    while !pool.snapshot().endpoints.iter().any(|one| one.is_failing_checks) {
        assert!(begun.elapsed() < DEADLINE, "{:?}", pool.snapshot());
        std::thread::yield_now();
    }
    batches(&client, 4);
    assert_eq!(got(&b), 4);
}

#[test]
fn what_the_client_says_of_receivers() {
    let said = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&said);
    let [a, b] = [receiver(), receiver()];
    let client =
        over(&[&a, &b]).with_diagnostics(move |one| sink.lock().push(one.to_string())).build_blocking().unwrap();
    a.kill_blocking();
    batches(&client, 2);
    client.shutdown_blocking(DEADLINE);
    let said = said.lock().join("\n");
    assert!(said.contains("batches go to the receivers"), "{said}");
    let opened = format!("the circuit breaker of http://{} opened", a.grpc_address());
    assert!(said.contains(&opened) && said.contains("its batches go to the others"), "{said}");
}

#[test]
fn settings_that_contradict_each_other_or_cannot_work_are_refused() {
    let refused = |builder: ClientBuilder| builder.build_blocking().unwrap_err().to_string();
    let endpoints = ["http://a:4317", "http://b:4317"];
    let named = || ServiceDiscovery::new().with_static_endpoints(SERVICE, ["a:1"]).with_receiver_service(SERVICE);
    for (builder, expected) in [
        (builder().with_load_balancer(LoadBalancer::new()), ["with_load_balancer", "with_endpoints"]),
        (builder().with_endpoint("http://a:1").with_endpoints(endpoints), ["with_endpoint and", "one of them"]),
        (builder().with_endpoints(endpoints).with_service_discovery(named()), ["with_receiver_service", "named"]),
        (
            builder().with_endpoints(endpoints).with_signal_endpoint(Signal::Logs, "http://c:1"),
            ["with_signal_endpoint", "leave it out"],
        ),
        (builder().with_endpoints(Vec::<String>::new()), ["endpoints = \"\"", "one URL or more"]),
        (builder().with_endpoints(["http://a:1", "https://b:1"]), ["https://b:1", "host and port only"]),
        (builder().with_endpoints(["http://a:1", "http://user:hunter2@b:1"]), ["http://b:1", "host and port"]),
        (builder().with_endpoints(["ftp://a:1"]), ["ftp", "accepted: http, https"]),
        (
            builder().with_service_discovery(ServiceDiscovery::new().with_receiver_service("gone")),
            ["\"gone\"", "with_static_endpoints"],
        ),
        (
            builder().with_service_discovery(ServiceDiscovery::new().with_static_endpoints("a", ["nowhere"])),
            ["\"nowhere\"", "host:port"],
        ),
        (
            builder().with_service_discovery(ServiceDiscovery::new().with_service_registry(true)),
            ["service_registry", "with_consul_endpoint"],
        ),
        (
            builder()
                .with_endpoints(endpoints)
                .with_load_balancer(LoadBalancer::new().with_health_check_interval(Duration::ZERO)),
            ["health_check_interval", "more than zero"],
        ),
    ] {
        let error = refused(builder);
        assert!(expected.iter().all(|part| error.contains(part)), "{expected:?}: {error}");
        assert!(!error.contains("hunter2"), "{error}");
    }
}

#[test]
fn receivers_that_come_and_go_a_thousand_times_lose_nothing_and_leave_nothing_behind() {
    const ROUNDS: u16 = 1_000;
    let [a, b] = [receiver(), receiver()];
    let script = Scripted::new(vec![endpoint(&a), endpoint(&b)]);
    let client = finding(&script).build_blocking().unwrap();
    for round in 0..ROUNDS {
        // One that is dead and never seen again, and one or both of the others.
        let [high, low] = round.to_be_bytes();
        let mut there = vec![Endpoint::new(format!("127.1.{high}.{low}"), 9)];
        there.extend((round % 3 != 0).then(|| endpoint(&a)));
        there.extend((round % 3 != 1).then(|| endpoint(&b)));
        script.0.send_replace(there);
        spans(&client, 1);
        if round % 10 == 0 {
            assert!(client.flush_blocking(DEADLINE).complete);
        }
    }
    script.0.send_replace(vec![endpoint(&a), endpoint(&b)]);
    wait_for_receivers(&client, 2);
    batches(&client, 4);
    let known = client.service_discovery().unwrap().discover(SERVICE).unwrap().snapshot();
    assert!(known.endpoints.iter().all(|one| one.in_flight == 0), "{known:?}");
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let figures = runtime.block_on(client.get_performance_monitor()).unwrap().snapshot();
    assert!(figures.circuit_breakers.len() <= 2, "{:?}", figures.circuit_breakers);
    let ledger = client.shutdown_blocking(DEADLINE).ledgers.remove(0);
    let all = u64::from(ROUNDS) + 4;
    assert_eq!((ledger.traces.delivered, ledger.lost()), (all, 0), "{ledger}");
    assert_eq!(got(&a) + got(&b), all, "each of them once");
}

#[test]
fn an_agent_that_hangs_does_not_outlast_a_shutdown() {
    let (agent, asked) = serve(|asked| (!asked.head.contains("/deregister/")).then(|| (String::new(), String::new())));
    let discovery = ServiceDiscovery::new()
        .with_consul_endpoint(format!("http://{agent}"))
        .with_service_registry(true)
        .with_service_address("10.0.0.7:80");
    let receiver = receiver();
    let client = builder().with_endpoint(receiver.grpc_endpoint()).with_service_discovery(discovery);
    let client = client.build_blocking().unwrap();
    next(&asked, "PUT /v1/agent/service/register");
    spans(&client, 3);
    let report = client.shutdown_blocking(DEADLINE / 10);
    assert!(report.complete && report.ledgers[0].traces.delivered == 3, "{report}");
    // Told by the agent once the client has hung up.
    next(&asked, "PUT /v1/agent/service/deregister/");
}
