//! `otlp` takes traces, metrics and logs out of a Rust program and delivers them to any OpenTelemetry Protocol backend:
//! cheap at the call site, and losing nothing silently.
//!
//! ```no_run
//! use std::time::Duration;
//! use otlp::core::EnhancedOtlpClient;
//!
//! let client = EnhancedOtlpClient::builder().with_endpoint("http://localhost:4317").with_service_name("shop").build_blocking()?;
//! let mut span = client.tracer("checkout").start("place order");
//! span.set_attribute("order.items", 3);
//! span.end();
//! println!("{}", client.shutdown_blocking(Duration::from_secs(5)));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! - [`core`]: the client, and the exporter trait that you may implement.
//! - [`trace`], [`metrics`], [`logs`]: what a program records with.
//! - [`context`]: the active span, also across `.await`.
//! - [`propagation`]: trace context and baggage across processes.
//! - [`config`]: what can be set.
//! - [`discovery`]: services and receivers that are found, and balanced over.
//! - [`monitoring`]: what the client tells of itself: figures, health, alerts.
//! - [`delivery`]: the ledger, and how to hear of the fate of every item.
//! - [`data`], [`wire`], [`json`]: telemetry as structures, as bytes and as JSON, for those who read it.
//! - [`reliability`]: circuit breaker, retry, timeout, bulkhead and the rest of them, for any service.

pub use otlp_core::{
    AttributeSet, AttributeValue, Attributes, KeyValue, Signal, SpanId, TraceContext, TraceFlags, TraceId, Value,
    ValueRef,
};

/// The client, and what an exporter of your own implements.
pub mod core {
    pub use otlp_client::{BuildError, ClientBuilder, EnhancedOtlpClient, ReloadError, Reloaded};
    pub use otlp_exporters::{ExportResult, Exporter, async_trait};
}

/// What can be set.
pub mod config {
    pub use otlp_batch::{
        BatchConfig, BatchLimits, BatchStrategy, ConfigError, DiskQueueConfig, DiskQueueError, Durability,
        EncryptionKey, MemoryPoolConfig, OnFull,
    };
    pub use otlp_client::{
        BatchVariables, Diagnostic, DiagnosticSeverity, EndpointScope, Environment, ExportVariables, Selection,
        Warning,
        config::{
            AlertRuleConfig, AlertsConfig, BreakerConfig, ClientConfig, ConfigFileError, ConnectionConfig, ConsulAgent,
            DeliveryConfig, DiscoveryConfig, DnsLookups, ErrorType, FieldError, FieldProblem, HealthConfig,
            KafkaSettings, KeepAliveConfig, LoadBalancerConfig, LogFormat, LogLevel, LoggingConfig, MessageCompression,
            MonitoringConfig, Place, ProductionConfig, PropagatorName, ReceiversConfig, Registration, RetryConfig,
            SamplerName, SecretValues, SecurityConfig, ServiceSource, SignalEndpoints, SignalName, StaticEndpoint,
            TelemetryConfig, TlsConfig, TlsDetails, TransportConfig, TransportProtocol, WebhookConfig,
            default_circuit_breaker, default_retry, literal,
        },
    };
    #[cfg(feature = "kafka")]
    pub use otlp_exporters::kafka::{KafkaCompression, KafkaConfig, KafkaConfigError};
    pub use otlp_reliability::{BreakDuration, CircuitBreakerConfig, RetryPolicy};
    pub use otlp_sdk::{
        logs::{LogAggregation, LogLimits},
        metrics::TemporalityPreference,
        trace::SpanLimits,
    };
    pub use otlp_transport::{
        AuthError, Authenticate, ClientIdentity, Compression, ConnectionPoolConfig, Credentials, Headers, KeepAlive,
        Protocol, TlsOptions, TlsVersion,
    };
}

/// Finding services and balancing over them: the receivers of the telemetry, and a program's own.
pub mod discovery {
    pub use otlp_discovery::{
        Balance, Candidate, CheckHealth, Checking, ConsulConfig, ConsulError, ConsulRegistration, ConsulResolver,
        Discovery, DiscoveryError, DnsConfig, DnsResolver, Endpoint, EndpointStatus, Found, HttpCheck, LeastLoaded,
        LoadBalancer, LoadBalancingStrategy, NoEndpoint, PickRequest, Picked, PoolSnapshot, Publisher, Random,
        RegistrationStatus, Rendezvous, Resolve, ResolveError, RoundRobin, ServiceDiscovery, ServiceInstance,
        ServicePool, StaticResolver, TcpCheck, Verdict, Watching, Weighted,
    };
}

/// What the client tells of itself: figures, health, alerts.
pub mod monitoring {
    pub use otlp_client::monitoring::{
        AlertManager, AlertMetric, AlertNotice, AlertRule, AlertSeverity, AlertSink, AlertState, AlertStatus,
        AttemptCounts, CircuitBreakerPerformance, Comparison, DestinationPerformance, DiskQueueState, Latency,
        MemoryPerformance, MonitoringError, PerformanceMonitor, PerformanceSnapshot, SignalPerformance, Throughput,
        Webhook,
    };
    pub use otlp_reliability::{Check, CheckOutcome, Health, HealthChecker, HealthStatus, Probe};
}

/// Where every item went.
pub mod delivery {
    pub use otlp_batch::{
        Batch, DeliveryObserver, DropReason, Dropped, Fate, Fragment, Ledger, PoolSnapshot, QueueDepth, Report,
        Settled, SignalLedger,
    };
}

pub use otlp_core::{data, json, propagation, wire};
pub use otlp_reliability as reliability;
pub use otlp_sdk::{context, logs, metrics, trace};

/// Runs the programs of the README.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
