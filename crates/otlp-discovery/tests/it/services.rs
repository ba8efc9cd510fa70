//! HTTP services of a program's own, found and balanced over, without any telemetry.

use std::{
    collections::BTreeMap,
    io,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use otlp_discovery::{
    Discovery, Endpoint, HttpCheck, LoadBalancer, LoadBalancingStrategy, Picked, ServiceDiscovery, ServicePool, Verdict,
};
use otlp_reliability::CircuitBreakerConfig;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::AbortHandle,
};

const DEADLINE: Duration = Duration::from_secs(20);

/// An instance of the service: answers with its name, or with an error.
struct Instance {
    name: &'static str,
    address: String,
    is_well: watch::Sender<bool>,
    task: AbortHandle,
}

impl Instance {
    async fn start(name: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (is_well, well) = watch::channel(true);
        let serving = async move {
            while let Ok((mut connection, _)) = listener.accept().await {
                let _ = connection.read(&mut [0; 1024]).await;
                let status = if *well.borrow() { "200 OK" } else { "503 Service Unavailable" };
                let answer = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n{name}", name.len());
                let _ = connection.write_all(answer.as_bytes()).await;
            }
        };
        Instance { name, address, is_well, task: tokio::spawn(serving).abort_handle() }
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// What a program does: picks an instance, asks it, says how that went.
async fn call(picked: Picked) -> io::Result<String> {
    let asked = async {
        let mut connection = TcpStream::connect(picked.endpoint().to_string()).await?;
        connection.write_all(b"GET /pay HTTP/1.1\r\nhost: payments\r\nconnection: close\r\n\r\n").await?;
        let mut answer = String::new();
        connection.read_to_string(&mut answer).await?;
        let (head, body) = answer.split_once("\r\n\r\n").ok_or(io::ErrorKind::UnexpectedEof)?;
        if head.starts_with("HTTP/1.1 200") { Ok(body.to_owned()) } else { Err(io::Error::other(head.to_owned())) }
    };
    let answer = asked.await;
    picked.report(if answer.is_ok() { Verdict::Success } else { Verdict::Failure });
    answer
}

async fn answers(pool: &ServicePool, count: usize) -> BTreeMap<String, usize> {
    let mut answers = BTreeMap::new();
    for _ in 0..count {
        let who = call(pool.pick().unwrap()).await.unwrap_or_else(|_| "nobody".to_owned());
        *answers.entry(who).or_insert(0) += 1;
    }
    answers
}

fn discover(instances: &[&Instance], balancer: LoadBalancer) -> (Discovery, ServicePool) {
    let discovery = ServiceDiscovery::new()
        .with_static_endpoints("payments", instances.iter().map(|one| one.address.clone()))
        .start(balancer)
        .unwrap();
    let pool = discovery.discover("payments").unwrap();
    (discovery, pool)
}

fn shares(of: &[(&str, usize)]) -> BTreeMap<String, usize> {
    of.iter().map(|(name, share)| ((*name).to_owned(), *share)).collect()
}

#[tokio::test]
async fn calls_are_shared_and_an_instance_that_dies_is_left() {
    let [a, b, c] = [Instance::start("a").await, Instance::start("b").await, Instance::start("c").await];
    let breaker = CircuitBreakerConfig::new()
        .with_failure_rate(None)
        .with_consecutive_failures(2)
        .with_break_duration(Duration::from_secs(3600));
    let (_discovery, pool) = discover(&[&a, &b, &c], LoadBalancer::new().with_circuit_breaker(breaker));
    assert_eq!(answers(&pool, 9).await, shares(&[("a", 3), ("b", 3), ("c", 3)]));

    let _ = b.is_well.send_replace(false);
    let after = answers(&pool, 20).await;
    assert_eq!(after["nobody"], 2, "two failures, and it gets no more: {after:?}");
    assert_eq!(after.get(b.name), None);
}

#[tokio::test]
async fn an_instance_whose_health_page_fails_is_left_before_a_call_fails_and_returned_to() {
    let [a, b] = [Instance::start("a").await, Instance::start("b").await];
    let balancer = LoadBalancer::new()
        .with_strategy(LoadBalancingStrategy::Random)
        .with_health_check_interval(Duration::from_millis(5))
        .with_health_check(HttpCheck::new("/health"));
    let (_discovery, pool) = discover(&[&a, &b], balancer);
    let _ = a.is_well.send_replace(false);
    wait_until(|| has_failed_checks(&pool)).await;
    assert_eq!(answers(&pool, 30).await, shares(&[("b", 30)]), "no call has failed");
    let _ = a.is_well.send_replace(true);
    wait_until(|| !has_failed_checks(&pool)).await;
    let begun = Instant::now();
    while !answers(&pool, 10).await.contains_key("a") {
        assert!(begun.elapsed() < DEADLINE, "{:?}", pool.snapshot());
    }
}

fn has_failed_checks(pool: &ServicePool) -> bool {
    pool.snapshot().endpoints.iter().any(|one| one.is_failing_checks)
}

async fn wait_until(holds: impl Fn() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < DEADLINE);
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_list_is_replaced_and_those_that_stay_keep_their_place() {
    let discovery =
        ServiceDiscovery::new().with_static_endpoints("a", ["x:1", "y:1"]).start(LoadBalancer::new()).unwrap();
    let pool = discovery.discover("a").unwrap();
    let before = pool.ids();
    discovery.replace_endpoints("a", [Endpoint::new("y", 1), Endpoint::new("z", 1), Endpoint::new("y", 1)]).unwrap();
    let names: Vec<String> = pool.snapshot().endpoints.iter().map(|one| one.endpoint.to_string()).collect();
    assert_eq!(names, ["y:1", "z:1"]);
    assert_eq!(pool.ids()[0], before[1]);
    assert_ne!(pool.ids()[1], before[0]);
    let error = discovery.replace_endpoints("b", []).unwrap_err().to_string();
    assert!(error.contains("\"b\" are not listed"), "{error}");
}

#[tokio::test]
async fn a_list_that_is_replaced_before_anybody_asks_counts() {
    let discovery = ServiceDiscovery::new().with_static_endpoints("a", ["x:1"]).start(LoadBalancer::new()).unwrap();
    discovery.replace_endpoints("a", [Endpoint::new("y", 1)]).unwrap();
    assert_eq!(discovery.discover("a").unwrap().pick().unwrap().endpoint().host, "y");
}

#[tokio::test]
async fn whoever_observes_a_service_that_is_found_may_ask_for_another_and_change_the_list() {
    let handle: Arc<OnceLock<Discovery>> = Arc::default();
    let (asks, has_replaced) = (Arc::clone(&handle), AtomicBool::new(false));
    let balancer = LoadBalancer::new().with_observers(move |_| {
        let discovery = asks.get().unwrap();
        discovery.discover("b").unwrap();
        if !has_replaced.swap(true, Relaxed) {
            discovery.replace_endpoints("a", [Endpoint::new("z", 1)]).unwrap();
        }
        Arc::new(())
    });
    let services = ServiceDiscovery::new().with_static_endpoints("a", ["x:1"]).with_static_endpoints("b", ["y:1"]);
    let discovery = services.start(LoadBalancer::new()).unwrap();
    handle.set(discovery.clone()).unwrap();
    let pool = discovery.discover_with("a", balancer.with_circuit_breaker(CircuitBreakerConfig::new())).unwrap();
    assert_eq!(pool.pick().unwrap().endpoint().host, "z", "the list that came last counts");
}
