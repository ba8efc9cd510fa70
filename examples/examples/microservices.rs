//! Five services in processes of their own: a gateway finds users, orders, payments and notifications by discovery,
//! balances its calls over their instances, and survives the death of one. A request is one trace through all of them.
//!
//! The gateway runs in the process that you start; it starts the others as `microservices serve NAME ENDPOINT`. With
//! `--consul http://127.0.0.1:8500` the instances register with that Consul agent and are found there; without it, the
//! gateway is told where they are.

#![allow(clippy::print_stdout, reason = "a program for the terminal")]

use std::{
    collections::BTreeSet,
    env,
    error::Error,
    io::{BufRead, BufReader, Read},
    net::SocketAddr,
    process::{Child, ChildStdin, Command, Stdio},
    time::Duration,
};

use axum::{
    Router,
    extract::State,
    http::{HeaderMap, StatusCode as HttpStatus},
    routing::post,
};
use otlp::{
    core::EnhancedOtlpClient,
    data::{SpanKind, StatusCode},
    discovery::{Discovery, LoadBalancer, LoadBalancingStrategy, ServiceDiscovery},
    propagation::{Baggage, CompositePropagator, Propagator},
    reliability::Verdict,
    trace::{Span, Tracer},
};
use otlp_receiver::Receiver;

/// What each service does in a request, in order.
const SERVICES: [(&str, &str); 4] = [
    ("user-service", "validate_user"),
    ("order-service", "create_order"),
    ("payment-service", "process_payment"),
    ("notification-service", "send_notification"),
];

/// How many requests the gateway gets, and after which of them an instance of the user service dies.
const REQUESTS: usize = 40;
const DEATH_AFTER: usize = 20;

type Outcome = Result<(), Box<dyn Error>>;

#[tokio::main]
async fn main() -> Outcome {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => gateway(None).await,
        ["--consul", url] => gateway(Some(url)).await,
        ["serve", name, endpoint] => serve(name, endpoint, None).await,
        ["serve", name, endpoint, consul] => serve(name, endpoint, Some(consul)).await,
        _ => Err("usage: microservices [--consul URL]".into()),
    }
}

/// An instance of a service: answers `POST /work` until its standard input ends.
async fn serve(name: &str, endpoint: &str, consul: Option<&str>) -> Outcome {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let mut builder =
        EnhancedOtlpClient::builder().with_endpoint(endpoint).with_grpc_transport().with_service_name(name);
    if let Some(url) = consul {
        let discovery = ServiceDiscovery::new()
            .with_consul_endpoint(url)
            .with_service_registry(true)
            .with_service_address(address.to_string());
        builder = builder.with_service_discovery(discovery);
    }
    let client = builder.build().await?;
    let (_, operation) = SERVICES.iter().find(|(service, _)| *service == name).ok_or("a service of this program")?;
    let state = (client.tracer(name), *operation);
    tokio::spawn(
        async move { axum::serve(listener, Router::new().route("/work", post(work)).with_state(state)).await },
    );
    println!("{address}");
    tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new())).await??;
    client.shutdown(Duration::from_secs(5)).await;
    Ok(())
}

/// Continues the trace of the caller.
async fn work(State((tracer, operation)): State<(Tracer, &'static str)>, headers: HeaderMap) -> String {
    let (context, _) = CompositePropagator::default().extract(&headers);
    let mut span = match context {
        Some(context) => tracer.start_with_context(operation, SpanKind::Server, &context),
        None => tracer.start_with_kind(operation, SpanKind::Server),
    };
    span.set_attribute("operation", operation);
    span.set_attribute("service.instance.id", i64::from(std::process::id()));
    span.set_status(StatusCode::Ok, "");
    span.end();
    std::process::id().to_string()
}

/// An instance that this program started.
struct Instance {
    service: &'static str,
    address: SocketAddr,
    child: Child,
    /// Closing it ends the instance in order.
    stdin: Option<ChildStdin>,
}

impl Instance {
    fn start(service: &'static str, endpoint: &str, consul: Option<&str>) -> Result<Instance, Box<dyn Error>> {
        let mut child = Command::new(env::current_exe()?)
            .args(["serve", service, endpoint])
            .args(consul)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().ok_or("its output is piped")?).read_line(&mut line)?;
        let address = line.trim().parse().map_err(|error| format!("{service} said {line:?}: {error}"))?;
        let stdin = child.stdin.take();
        println!("{service} {} listens on {address}", child.id());
        Ok(Instance { service, address, child, stdin })
    }

    /// As a crash would.
    fn kill(&mut self) -> Outcome {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    fn stop(mut self) -> Outcome {
        drop(self.stdin.take());
        self.child.wait()?;
        Ok(())
    }
}

/// No process of this program outlives it.
impl Drop for Instance {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn gateway(consul: Option<&str>) -> Outcome {
    let receiver = Receiver::builder().start().await?;
    let endpoint = receiver.grpc_endpoint();
    // Two instances of the user service, one of each of the others.
    let started = SERVICES.iter().map(|(service, _)| *service).chain(["user-service"]);
    let mut instances =
        started.map(|service| Instance::start(service, &endpoint, consul)).collect::<Result<Vec<_>, _>>()?;

    let mut discovery = ServiceDiscovery::new();
    match consul {
        Some(url) => discovery = discovery.with_consul_endpoint(url),
        None => {
            for (service, _) in SERVICES {
                let of_service = instances.iter().filter(|instance| instance.service == service);
                discovery =
                    discovery.with_static_endpoints(service, of_service.map(|instance| instance.address.to_string()));
            }
        }
    }
    let balancer = LoadBalancer::new()
        .with_strategy(LoadBalancingStrategy::RoundRobin)
        .with_health_check_interval(Duration::from_secs(30));
    let client = EnhancedOtlpClient::builder()
        .with_endpoint(&endpoint)
        .with_grpc_transport()
        .with_service_name("api-gateway")
        .with_service_discovery(discovery)
        .with_load_balancer(balancer)
        .build()
        .await?;
    let discovery = client.service_discovery().ok_or("it was configured")?;

    let tracer = client.tracer("api-gateway");
    let http = reqwest::Client::builder().timeout(Duration::from_secs(5)).build()?;
    // Which instances of the user service answered before one of them died, and after.
    let (mut before, mut after) = (BTreeSet::new(), BTreeSet::new());
    for number in 0..REQUESTS {
        if number == DEATH_AFTER {
            let last = instances.last_mut().ok_or("there are instances")?;
            println!("{} {} is killed", last.service, last.child.id());
            last.kill()?;
        }
        let mut span = tracer.start_with_kind("POST /api/v1/orders", SpanKind::Server);
        span.set_attribute("http.request.method", "POST");
        span.set_attribute("url.path", "/api/v1/orders");
        for (service, operation) in SERVICES {
            let answered_by = call(&http, &tracer, &span, discovery, service, operation).await?;
            if service == "user-service" {
                let answered = if number < DEATH_AFTER { &mut before } else { &mut after };
                answered.insert(answered_by);
            }
        }
        span.set_status(StatusCode::Ok, "All services completed successfully");
        span.end();
    }
    println!("{REQUESTS} requests, the user service answered by {before:?}, then by {after:?}");
    assert_eq!((before.len(), after.len()), (2, 1), "both instances serve, and then the one that lives");

    print!("{}", client.shutdown(Duration::from_secs(5)).await);
    let killed = instances.pop().ok_or("it is the last")?;
    drop(killed);
    instances.into_iter().try_for_each(Instance::stop)?;

    let store = receiver.store();
    let roots = store.spans_where(|span| span.parent_span_id.is_none());
    assert_eq!(roots.len(), REQUESTS);
    let mut whole = 0;
    for root in &roots {
        let trace = store.spans_of_trace(root.trace_id);
        let of_kind = |kind| trace.iter().filter(move |span| span.kind == kind);
        let answered = of_kind(SpanKind::Client).filter(|span| span.status.code == StatusCode::Ok);
        assert_eq!(answered.count(), SERVICES.len(), "the gateway called each of them");
        // What the killed instance had not delivered yet died with it.
        whole += usize::from(of_kind(SpanKind::Server).count() == 1 + SERVICES.len());
        let ids: BTreeSet<_> = trace.iter().map(|span| span.span_id).collect();
        assert!(trace.iter().all(|span| span.parent_span_id.is_none_or(|parent| ids.contains(&parent))));
    }
    println!("{whole} of {REQUESTS} traces have all five services");
    assert!(whole >= REQUESTS - DEATH_AFTER);
    Ok(())
}

/// Calls an instance of `service`, and another one if it does not answer.
async fn call(
    http: &reqwest::Client,
    tracer: &Tracer,
    parent: &Span,
    discovery: &Discovery,
    service: &str,
    operation: &'static str,
) -> Result<String, Box<dyn Error>> {
    let pool = discovery.discover(service)?;
    let mut last = String::new();
    for _ in 0..3 {
        let instance = pool.pick()?;
        let mut span = tracer.start_with_context(operation, SpanKind::Client, &parent.context());
        span.set_attribute("peer.service", service);
        span.set_attribute("server.address", instance.endpoint().to_string());
        let mut headers = HeaderMap::new();
        CompositePropagator::default().inject(&span.context(), &Baggage::default(), &mut headers);
        let request = http.post(format!("http://{}/work", instance.endpoint())).headers(headers);
        match request.send().await {
            Ok(response) if response.status() == HttpStatus::OK => {
                instance.report(Verdict::Success);
                span.set_status(StatusCode::Ok, "");
                return Ok(response.text().await?);
            }
            Ok(response) => last = format!("{service} answered {}", response.status()),
            Err(error) => last = error.to_string(),
        }
        instance.report(Verdict::Failure);
        span.set_status(StatusCode::Error, last.clone());
    }
    Err(last.into())
}
