//! The rules that are watched where nobody named others.

use std::time::Duration;

use super::{AlertMetric, AlertRule, AlertSeverity, Comparison};

/// What everybody would want to know: items are lost, or will be.
pub(super) fn rules() -> Vec<AlertRule> {
    let minute = Duration::from_secs(60);
    vec![
        AlertRule::new("telemetry dropped", AlertMetric::DroppedItems, Comparison::Above, 0.0)
            .with_keep_firing_for(minute)
            .with_severity(AlertSeverity::Critical)
            .with_summary("the client drops telemetry; its ledger says why"),
        AlertRule::new("telemetry queue filling", AlertMetric::QueueUtilization, Comparison::Above, 0.8)
            .with_for(Duration::from_secs(10))
            .with_clear_threshold(0.6)
            .with_keep_firing_for(Duration::from_secs(30))
            .with_summary("a queue is more than 80 % full; when it is full, items are dropped"),
        AlertRule::new("telemetry endpoint down", AlertMetric::EndpointsDown, Comparison::Above, 0.0)
            .with_for(minute)
            .with_keep_firing_for(Duration::from_secs(10))
            .with_severity(AlertSeverity::Critical)
            .with_summary("an endpoint has been down for a minute; batches wait in the queue"),
        AlertRule::new("telemetry disk queue degraded", AlertMetric::DiskQueuesDegraded, Comparison::Above, 0.0)
            .with_for(Duration::from_secs(10))
            .with_keep_firing_for(Duration::from_secs(30))
            .with_severity(AlertSeverity::Critical)
            .with_summary("a disk queue does not work or is full; what is new is lost with the process"),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_rules_can_work() {
        AlertRule::validate_all(&rules()).unwrap();
    }
}
