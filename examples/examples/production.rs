//! The configuration of production: TLS with a client certificate, a bearer token, an encrypted disk queue, monitoring
//! with a health endpoint, alerts, JSON messages. Everything is set once, in one structure that may as well be a YAML
//! file, and reloaded when a secret changes; and everything is checked here at the place where it acts: at the receiver,
//! and on the health endpoint.

#![allow(clippy::print_stdout, reason = "a program for the terminal")]

use std::{
    collections::{BTreeMap, HashMap},
    error::Error,
    fs,
    path::PathBuf,
    time::{Duration, Instant},
};

use otlp::{
    config::{
        AlertsConfig, BatchConfig, BatchStrategy, ClientConfig, Compression, ConnectionConfig, DiskQueueConfig,
        ErrorType, LogFormat, LogLevel, LoggingConfig, MonitoringConfig, ProductionConfig, ReceiversConfig,
        RetryConfig, SecretValues, SecurityConfig, TlsConfig, TransportConfig, TransportProtocol,
    },
    core::EnhancedOtlpClient,
    data::StatusCode,
    monitoring::AlertState,
};
use otlp_receiver::{Receiver, TlsConfig as ReceiverTls};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};

/// Certificates of an authority, of the receiver and of the client, in a directory as a deployment mounts it.
struct Certificates(PathBuf);

impl Certificates {
    fn new() -> Result<Self, Box<dyn Error>> {
        let directory = std::env::temp_dir().join(format!("otlp-production-{}", std::process::id()));
        fs::create_dir_all(&directory)?;
        let mut params = CertificateParams::new(Vec::new())?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
        fs::write(directory.join("ca.crt"), authority.pem())?;
        for (file, name) in [("server", "127.0.0.1"), ("client", "production-app")] {
            let key = KeyPair::generate()?;
            let certificate = CertificateParams::new(vec![name.to_owned()])?.signed_by(&key, &authority)?;
            fs::write(directory.join(format!("{file}.crt")), certificate.pem())?;
            fs::write(directory.join(format!("{file}.key")), key.serialize_pem())?;
        }
        Ok(Certificates(directory))
    }

    fn path(&self, file: &str) -> String {
        self.0.join(file).to_string_lossy().into_owned()
    }

    fn read(&self, file: &str) -> Result<Vec<u8>, Box<dyn Error>> {
        Ok(fs::read(self.0.join(file))?)
    }
}

impl Drop for Certificates {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn configuration(endpoint: String, certificates: &Certificates) -> ProductionConfig {
    ProductionConfig {
        endpoint,
        service_name: "production-app".to_string(),
        service_version: "1.0.0".to_string(),
        environment: "production".to_string(),
        transport: TransportConfig {
            protocol: TransportProtocol::Grpc,
            compression: Compression::Gzip,
            tls_config: Some(TlsConfig {
                enabled: true,
                cert_file: certificates.path("client.crt"),
                key_file: certificates.path("client.key"),
                ca_file: certificates.path("ca.crt"),
            }),
        },
        connection: ConnectionConfig {
            connect_timeout: Duration::from_secs(10),
            request_timeout: Duration::from_secs(60),
            keep_alive_timeout: Duration::from_secs(60),
            max_idle_connections: 100,
            max_connections: 200,
        },
        batch: BatchConfig {
            max_batch_size: 1_000,
            batch_timeout: Duration::from_millis(200),
            max_queue_size: 50_000,
            strategy: BatchStrategy::Hybrid,
        },
        retry: RetryConfig {
            max_attempts: 3,
            initial_interval: Duration::from_millis(100),
            max_interval: Duration::from_secs(5),
            multiplier: 2.0,
            randomization_factor: 0.1,
            retryable_errors: vec![ErrorType::Network, ErrorType::Timeout],
        },
        monitoring: MonitoringConfig {
            enable_performance_metrics: true,
            enable_resource_metrics: true,
            enable_custom_metrics: true,
            metrics_export_interval: Duration::from_secs(10),
            // Port 0: the system gives one that is free.
            health_check_endpoint: Some("http://localhost:0/health".to_string()),
        },
        security: SecurityConfig {
            enable_authentication: true,
            // Neither is in the file that is written below, nor in any message.
            auth_token: format!("${{file:{}}}", certificates.path("token")),
            enable_encryption: true,
            encryption_key: format!("${{file:{}}}", certificates.path("key")),
        },
        logging: LoggingConfig {
            log_level: LogLevel::Info,
            enable_structured_logging: true,
            enable_log_aggregation: true,
            log_format: LogFormat::Json,
        },
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let certificates = Certificates::new()?;
    fs::write(certificates.path("token"), "a-production-token\n")?;
    fs::write(certificates.path("key"), "6b".repeat(32))?;
    let tls = ReceiverTls::new(certificates.read("server.crt")?, certificates.read("server.key")?)
        .with_client_authorities(certificates.read("ca.crt")?);
    let receiver = Receiver::builder().tls(tls).start().await?;

    // The structure, as a file and back: what a deployment would keep.
    let production = configuration(receiver.grpc_endpoint(), &certificates);
    let file = certificates.path("telemetry.yaml");
    production.to_yaml_file(&file)?;
    let text = fs::read_to_string(&file)?;
    println!("{text}");
    assert!(!text.contains("a-production-token"));
    let production = ProductionConfig::from_yaml_file(&file)?;

    // A key of the disk queue needs a disk queue.
    let refused = EnhancedOtlpClient::with_production_config(production.clone()).await;
    println!("without a disk queue: {}", refused.err().ok_or("a key that would encrypt nothing is refused")?);

    // What the client has beside production is in the same file.
    let config = ClientConfig {
        resource_attributes: BTreeMap::from([("service.namespace".to_string(), "shops".to_string())]),
        disk_queue: Some(DiskQueueConfig::new(certificates.path("queue"))),
        receivers: ReceiversConfig {
            headers: SecretValues::from([("x-tenant", "${TENANT_THAT_NOBODY_SETS:-shops}")]),
            ..ReceiversConfig::default()
        },
        // Watched from the start; the log hears of them.
        alerts: Some(AlertsConfig::default()),
        ..ClientConfig::from(production)
    };
    config.to_yaml_file(&file)?;
    let config = ClientConfig::from_yaml_file(&file)?;
    let client = EnhancedOtlpClient::builder().with_client_config(config.clone()).build().await?;

    let performance_monitor = client.get_performance_monitor().await?;
    performance_monitor.start().await?;
    let health_checker = client.get_health_checker().await?;
    health_checker.start().await?;
    let alert_manager = client.get_alert_manager().await?;
    assert!(alert_manager.is_running(), "the file asked for it");

    let tracer = client.tracer("production-component");
    let meter = client.meter("production-metrics");
    let requests = meter.u64_counter("requests_total").init();
    let response_time = meter.f64_histogram("response_time_seconds").init();
    let errors = meter.u64_counter("errors_total").init();
    for number in 0..200_u32 {
        let started = Instant::now();
        let mut span = tracer.start("production-operation");
        span.set_attribute("request.id", number);
        span.set_attribute("user.id", format!("user-{}", number % 100));
        let is_error = number % 20 == 19;
        let mut attributes = HashMap::new();
        attributes.insert("method".to_string(), "POST".into());
        attributes.insert("endpoint".to_string(), "/api/v1/data".into());
        requests.add(1, &attributes);
        response_time.record(started.elapsed().as_secs_f64(), &attributes);
        if is_error {
            errors.add(1, &attributes);
            span.set_status(StatusCode::Error, "Operation failed");
        } else {
            span.set_status(StatusCode::Ok, "Operation successful");
        }
        span.end();
    }
    client.flush(Duration::from_secs(10)).await;

    let address = client.monitoring_address().ok_or("a health endpoint was configured")?;
    let page =
        async |path: &str| reqwest::get(format!("http://{address}{path}")).await?.error_for_status()?.text().await;
    println!("/health  {}", page("/health").await?);
    println!("/ready   {}", page("/ready").await?);
    let metrics = page("/metrics").await?;
    println!("/metrics {} lines", metrics.lines().count());
    assert!(metrics.lines().any(|line| line.starts_with("# TYPE")), "{metrics}");
    let figures = performance_monitor.snapshot();
    println!("{} of {} bytes of memory in use", figures.memory.in_use, figures.memory.budget);
    assert!(alert_manager.alerts().iter().all(|alert| alert.state != AlertState::Firing), "nothing is amiss");

    // A token that is rotated needs no restart: references are followed anew, and the next request has it.
    fs::write(certificates.path("token"), "a-rotated-token\n")?;
    let reloaded = client.reload_client_config(&config)?;
    assert_eq!(reloaded.applied, ["security.auth_token"]);

    let report = client.shutdown(Duration::from_secs(10)).await;
    print!("{report}");
    assert_eq!(report.ledgers.iter().map(|ledger| ledger.lost()).sum::<u64>(), 0);

    let store = receiver.store();
    let spans = store.spans_named("production-operation");
    assert_eq!(spans.len(), 200);
    let resource = &spans[0].resource.attributes;
    for (key, value) in [
        ("service.name", "production-app"),
        ("service.version", "1.0.0"),
        ("deployment.environment.name", "production"),
        ("service.namespace", "shops"),
    ] {
        assert_eq!(resource.get(key).and_then(|value| value.as_str()), Some(value), "{key}");
    }
    let requests = receiver.requests().recent();
    let tokens: Vec<_> = requests.iter().filter_map(|request| request.header("authorization")).collect();
    assert_eq!(tokens.first().copied(), Some("Bearer a-production-token"));
    assert_eq!(tokens.last().copied(), Some("Bearer a-rotated-token"), "what the shutdown sent");
    assert_eq!(tokens.len(), requests.len(), "on each request");
    for request in &requests {
        assert_eq!(request.header("x-tenant"), Some("shops"));
        assert!(request.tls.is_some(), "nothing was ever sent in plaintext");
    }
    let names: Vec<String> = store.metrics().iter().map(|metric| metric.name.clone()).collect();
    for name in ["requests_total", "response_time_seconds", "errors_total"] {
        assert!(names.iter().any(|arrived| arrived == name), "{name}");
    }
    assert!(names.iter().any(|name| name.starts_with("otel.sdk.")), "its own performance");
    assert!(names.iter().any(|name| name.starts_with("process.")), "the resources of the process");
    Ok(())
}
