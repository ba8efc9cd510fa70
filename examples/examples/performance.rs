//! What the client costs the program it observes, measured: many tasks at once, one task as fast as it can, and the time
//! of single spans at the call site. Prints figures; what it checks is that every span arrived.

#![allow(clippy::print_stdout, reason = "a program for the terminal")]

use std::{
    error::Error,
    hint::black_box,
    time::{Duration, Instant},
};

use otlp::{
    Signal,
    config::{BatchConfig, BatchStrategy, Compression, ConnectionPoolConfig, ErrorType, MemoryPoolConfig, RetryConfig},
    core::EnhancedOtlpClient,
};
use otlp_receiver::Receiver;

/// Runs loads against one client.
struct PerformanceTest {
    client: EnhancedOtlpClient,
    receiver: Receiver,
}

/// Times of single operations, sorted.
struct Latencies(Vec<Duration>);

impl Latencies {
    fn new(mut times: Vec<Duration>) -> Self {
        times.sort_unstable();
        Latencies(times)
    }

    /// The time below which `share` of all are, from 0 to 1.
    fn percentile(&self, share: f64) -> Duration {
        let last = self.0.len().saturating_sub(1);
        self.0.get((last as f64 * share).round() as usize).copied().unwrap_or_default()
    }

    fn print(&self) {
        let [p50, p95, p99, p999] = [0.5, 0.95, 0.99, 0.999].map(|share| self.percentile(share));
        let average = self.0.iter().sum::<Duration>() / self.0.len().max(1) as u32;
        println!("  average {average:?}, p50 {p50:?}, p95 {p95:?}, p99 {p99:?}, p99.9 {p999:?}");
    }
}

impl PerformanceTest {
    /// Many tasks, a span each, all in flight together.
    async fn concurrent(&self, tasks: usize) -> Result<(), Box<dyn Error>> {
        println!("{tasks} tasks at once");
        let tracer = self.client.tracer("concurrent-test");
        let started = Instant::now();
        let tasks: Vec<_> = (0..tasks)
            .map(|number| {
                let tracer = tracer.clone();
                tokio::spawn(async move {
                    let started = Instant::now();
                    let mut span = tracer.start("concurrent-operation");
                    span.set_attribute("request.id", number);
                    tokio::task::yield_now().await;
                    span.end();
                    started.elapsed()
                })
            })
            .collect();
        let mut times = Vec::with_capacity(tasks.len());
        for task in tasks {
            times.push(task.await?);
        }
        println!("  {:.0} spans/s", times.len() as f64 / started.elapsed().as_secs_f64());
        Latencies::new(times).print();
        Ok(())
    }

    /// One task, as fast as it goes.
    fn throughput(&self, spans: usize) {
        println!("{spans} spans in a row");
        let tracer = self.client.tracer("throughput-test");
        let started = Instant::now();
        for number in 0..spans {
            let mut span = tracer.start("throughput-operation");
            span.set_attribute("request.id", number);
            span.end();
        }
        let took = started.elapsed();
        println!(
            "  {:.0} spans/s, {:.0} ns each",
            spans as f64 / took.as_secs_f64(),
            took.as_nanos() as f64 / spans as f64
        );
    }

    /// The time that one span takes from the program, and what reading the clock twice takes of that.
    fn latency(&self, samples: usize) {
        println!("{samples} single spans");
        let tracer = self.client.tracer("latency-test");
        let time = |operation: &dyn Fn(usize)| {
            let one = |number| {
                let started = Instant::now();
                operation(number);
                started.elapsed()
            };
            Latencies::new((0..samples).map(one).collect())
        };
        let span = |number: usize| {
            let mut span = tracer.start("latency-operation");
            span.set_attribute("sample.id", number);
            span.end();
        };
        time(&span).print();
        print!("  of which the measuring:");
        time(&|number| _ = black_box(number)).print();
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let receiver = Receiver::builder().count_only(true).start().await?;
    let client = EnhancedOtlpClient::builder()
        .with_endpoint(receiver.grpc_endpoint())
        .with_service_name("performance-demo")
        .with_grpc_transport()
        .with_compression(Compression::Gzip)
        .with_connection_pool_config(ConnectionPoolConfig {
            max_connections: 200,
            min_connections: 20,
            connection_timeout: Duration::from_secs(5),
            idle_timeout: Duration::from_secs(300),
            keep_alive: true,
        })
        .with_batch_config(BatchConfig {
            max_batch_size: 2_000,
            batch_timeout: Duration::from_millis(100),
            max_queue_size: 50_000,
            strategy: BatchStrategy::Hybrid,
        })
        .with_retry_config(RetryConfig {
            max_attempts: 3,
            initial_interval: Duration::from_millis(100),
            max_interval: Duration::from_secs(5),
            multiplier: 2.0,
            randomization_factor: 0.1,
            retryable_errors: vec![ErrorType::Network, ErrorType::Timeout],
        })
        .with_memory_pool_config(MemoryPoolConfig {
            initial_size: 1 << 20,
            max_size: 100 << 20,
            chunk_size: 64 << 10,
            growth_factor: 2.0,
            gc_threshold: 0.8,
        })
        .with_zero_copy_enabled(true)
        .build()
        .await?;

    let test = PerformanceTest { client, receiver };
    test.concurrent(1_000).await?;
    test.throughput(10_000);
    test.latency(1_000);

    let report = test.client.shutdown(Duration::from_secs(10)).await;
    print!("{report}");
    assert_eq!(test.receiver.store().count(Signal::Traces), 12_000, "every span of the three runs arrived");
    assert_eq!(report.ledgers[0].traces.delivered, 12_000);
    Ok(())
}
