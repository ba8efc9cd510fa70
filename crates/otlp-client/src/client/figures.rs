//! What a program can ask its client: where items went, how its parts stand, and what watches them.

use std::net::SocketAddr;

use otlp_batch::{Ledger, PoolSnapshot, QueueDepth};
use otlp_core::{Signal, data::MetricData};
use otlp_discovery::Discovery;
use otlp_reliability::{HealthChecker, NamedSnapshot};

use super::EnhancedOtlpClient;
use crate::monitoring::{AlertManager, MonitoringError, PerformanceMonitor};

impl EnhancedOtlpClient {
    /// The metrics as they are now, without sending or resetting anything. None where the client does not record metrics,
    /// because they are switched off or nobody takes them.
    pub fn read_metrics(&self) -> Vec<MetricData> {
        self.inner.meters.read()
    }

    /// Where every item went that was meant for the OTLP endpoint.
    pub fn ledger(&self) -> Ledger {
        self.ledgers().into_iter().next().unwrap_or_default()
    }

    /// The ledger of each destination: the OTLP endpoint first, then custom exporters in their order.
    pub fn ledgers(&self) -> Vec<Ledger> {
        self.inner.pipeline.ledgers()
    }

    /// What waits for the OTLP endpoint and what is in flight to it.
    pub fn queue_depth(&self, signal: Signal) -> QueueDepth {
        self.inner.pipeline.queue_depths(signal).into_iter().next().unwrap_or_default()
    }

    /// How the client's policies stand and what they have done: the circuit breaker of each endpoint
    /// (`http://localhost:4317/circuit_breaker`), and of each destination the retry (`otlp (grpc)/retry`), the timeout of
    /// a custom exporter, and the bulkhead that limits what is in flight, by signal (`otlp (grpc)/traces/bulkhead`).
    pub fn policies(&self) -> Vec<NamedSnapshot> {
        self.inner.policies.figures()
    }

    /// Finds services, the receivers among them if they are several, if the client was built with
    /// [`with_service_discovery`](crate::ClientBuilder::with_service_discovery) or
    /// [`with_endpoints`](crate::ClientBuilder::with_endpoints). It watches for as long as the client delivers.
    pub fn service_discovery(&self) -> Option<&Discovery> {
        self.inner.discovery.as_ref()
    }

    /// How large the memory pool is, what is in use of it, and how it came to that.
    pub fn memory_pool(&self) -> PoolSnapshot {
        self.inner.pipeline.memory_pool()
    }

    /// How many log records were folded into identical ones ([`LogAggregation`](otlp_sdk::logs::LogAggregation)): they were
    /// emitted, and the count of another record speaks of them. The ledger knows only of what was sent.
    pub fn folded_log_records(&self) -> u64 {
        self.inner.loggers.folded_records()
    }

    /// How many bytes of memory the records between call site and acknowledgement occupy.
    pub fn memory_in_use(&self) -> usize {
        self.inner.pipeline.memory_in_use()
    }

    /// What tells what the client is doing, in figures. They are the same at each call.
    ///
    /// # Errors
    ///
    /// None so far.
    pub async fn get_performance_monitor(&self) -> Result<PerformanceMonitor, MonitoringError> {
        Ok(self.inner.monitoring.performance.clone())
    }

    /// What tells how the client is: whether its thread runs, its endpoints answer, and its queues, memory and disks have
    /// room. Checks of your own can be added. It is the same at each call, and runs already if the client has a health
    /// endpoint; those that are added then run on the client's background thread, and must not block.
    ///
    /// # Errors
    ///
    /// None so far.
    pub async fn get_health_checker(&self) -> Result<HealthChecker, MonitoringError> {
        Ok(self.inner.monitoring.health.clone())
    }

    /// What watches the figures of the client and tells when something is amiss. It is the same at each call.
    ///
    /// # Errors
    ///
    /// None so far.
    pub async fn get_alert_manager(&self) -> Result<AlertManager, MonitoringError> {
        Ok(self.inner.monitoring.alerts.clone())
    }

    /// Where the health endpoint listens, if there is one
    /// ([`with_monitoring`](crate::ClientBuilder::with_monitoring)).
    pub fn monitoring_address(&self) -> Option<SocketAddr> {
        self.inner.monitoring.address
    }
}
