//! The page `/metrics`: the figures of the client and of its process, for a Prometheus that scrapes them.
//!
//! What is exported by OTLP is shown here too, under the names that Prometheus wants; what is switched off is in neither.

use std::{
    collections::HashSet,
    time::{SystemTime, UNIX_EPOCH},
};

use otlp_batch::{DropReason, SignalLedger};
use otlp_core::Signal;
use otlp_reliability::CircuitState;

use super::{
    DestinationPerformance, DiskQueueState, PerformanceSnapshot, SignalPerformance, Source,
    exposition::{Exposition, Family, Kind},
    process,
    settings::Exports,
};

/// Bounds of the duration histogram: powers of two of microseconds, from half a millisecond to 67 s.
const POWERS: std::ops::RangeInclusive<u32> = 9..=26;

/// The page as it is now.
pub(super) fn page(source: &Source, exports: Exports) -> String {
    let mut page = Exposition::default();
    if exports.performance {
        let mut figures = source.snapshot();
        make_distinct(figures.destinations.iter_mut().map(|destination| &mut destination.name));
        make_distinct(figures.circuit_breakers.iter_mut().map(|breaker| &mut breaker.endpoint));
        items(&mut page, &figures);
        queues(&mut page, &figures);
        attempts(&mut page, &figures);
        durations(&mut page, source, &figures);
        circuit_breakers(&mut page, &figures);
        disk_queues(&mut page, &figures);
        let memory = figures.memory;
        let gauge = |page: &mut Exposition, name, help, value: usize| {
            page.family(name, Kind::Gauge, help, |family| family.sample(&[], value));
        };
        gauge(&mut page, "otlp_memory_bytes", "Memory that telemetry occupies in the client.", memory.in_use);
        gauge(&mut page, "otlp_memory_limit_bytes", "Memory that telemetry may occupy in the client.", memory.budget);
    }
    if exports.resource {
        process_figures(&mut page);
    }
    page.into_text()
}

/// Numbers names that are there twice, as two exporters of one kind may have them: a page can have a series once.
fn make_distinct<'a>(names: impl Iterator<Item = &'a mut String>) {
    let mut seen = HashSet::new();
    for name in names {
        let original = name.clone();
        let mut number = 2_u32;
        while !seen.insert(name.clone()) {
            *name = format!("{original} ({number})");
            number += 1;
        }
    }
}

/// A sample for each destination and signal.
fn each(
    page: &mut Exposition,
    figures: &PerformanceSnapshot,
    name: &'static str,
    kind: Kind,
    help: &'static str,
    of: fn(&SignalPerformance) -> u64,
) {
    page.family(name, kind, help, |family| {
        for_each_signal(figures, |destination, signal, figures| {
            family.sample(&[("destination", destination), ("signal", signal)], of(figures));
        });
    });
}

fn for_each_signal(figures: &PerformanceSnapshot, mut visit: impl FnMut(&str, &str, &SignalPerformance)) {
    for destination in &figures.destinations {
        for signal in Signal::ALL {
            visit(&destination.name, signal.name(), destination.signal(signal));
        }
    }
}

fn items(page: &mut Exposition, figures: &PerformanceSnapshot) {
    type Count = (&'static str, &'static str, fn(&SignalPerformance) -> u64);
    let counts: [Count; 5] = [
        ("otlp_items_accepted_total", "Items that the program recorded.", |figures| figures.ledger.accepted),
        ("otlp_items_recovered_total", "Items found in a disk queue of an earlier process.", |figures| {
            figures.ledger.recovered
        }),
        ("otlp_items_delivered_total", "Items that a receiver acknowledged.", |figures| figures.ledger.delivered),
        ("otlp_items_rejected_total", "Items that a receiver refused for good.", |figures| figures.ledger.rejected),
        (
            "otlp_items_acknowledgement_lost_total",
            "Items whose acknowledgement was lost, so that they may arrive twice.",
            |figures| figures.ledger.acknowledgements_lost,
        ),
    ];
    for (name, help, of) in counts {
        each(page, figures, name, Kind::Counter, help, of);
    }
    page.family("otlp_items_dropped_total", Kind::Counter, "Items that were given up, by reason.", |family| {
        for_each_signal(figures, |destination, signal, figures| {
            dropped(family, destination, signal, &figures.ledger);
        });
    });
    each(page, figures, "otlp_items_pending", Kind::Gauge, "Items without a fate yet.", |figures| {
        figures.ledger.pending
    });
}

/// Every reason, also those that never happened: a rate needs a zero to begin with.
fn dropped(family: &mut Family<'_>, destination: &str, signal: &str, ledger: &SignalLedger) {
    for reason in DropReason::ALL {
        let labels = [("destination", destination), ("signal", signal), ("reason", reason.name())];
        family.sample(&labels, ledger.dropped[reason]);
    }
}

fn queues(page: &mut Exposition, figures: &PerformanceSnapshot) {
    type Size = (&'static str, &'static str, fn(&SignalPerformance) -> u64);
    let sizes: [Size; 4] = [
        ("otlp_queue_items", "Items that wait, also on a disk.", |figures| figures.queue.waiting_items),
        ("otlp_queue_memory_items", "Items that wait in memory alone.", |figures| figures.queued_in_memory),
        ("otlp_queue_capacity_items", "Items that may wait in memory.", |figures| figures.queue_capacity),
        ("otlp_in_flight_items", "Items on their way to the destination.", |figures| figures.queue.in_flight_items),
    ];
    for (name, help, of) in sizes {
        each(page, figures, name, Kind::Gauge, help, of);
    }
}

fn attempts(page: &mut Exposition, figures: &PerformanceSnapshot) {
    page.family("otlp_attempts_total", Kind::Counter, "Attempts to deliver a batch, by what came of them.", |family| {
        for_each_signal(figures, |destination, signal, figures| {
            let attempts = figures.attempts;
            let results =
                [("delivered", attempts.delivered), ("failed", attempts.failed), ("refused", attempts.refused)];
            for (result, count) in results {
                family.sample(&[("destination", destination), ("signal", signal), ("result", result)], count);
            }
        });
    });
    let help = "Attempts that were not the first of their batch.";
    page.family("otlp_retries_total", Kind::Counter, help, |family| {
        for destination in &figures.destinations {
            family.sample(&[("destination", &destination.name)], destination.retries);
        }
    });
}

fn durations(page: &mut Exposition, source: &Source, figures: &PerformanceSnapshot) {
    let help = "How long attempts to deliver a batch took.";
    page.family("otlp_attempt_duration_seconds", Kind::Histogram, help, |family| {
        for (attempts, DestinationPerformance { name, .. }) in source.attempts.iter().zip(&figures.destinations) {
            for signal in Signal::ALL {
                let counts = attempts.durations(signal).read();
                let labels = [("destination", name.as_str()), ("signal", signal.name())];
                let mut bucket = |le: &str, count: u64| {
                    family.sample_of("_bucket", &[labels[0], labels[1], ("le", le)], count);
                };
                for power in POWERS {
                    let bound = f64::from(1 << power) / 1e6;
                    bucket(&bound.to_string(), counts.at_most_two_to(power));
                }
                bucket("+Inf", counts.count());
                family.sample_of("_sum", &labels, counts.sum().as_secs_f64());
                family.sample_of("_count", &labels, counts.count());
            }
        }
    });
}

fn circuit_breakers(page: &mut Exposition, figures: &PerformanceSnapshot) {
    const STATES: [(CircuitState, &str); 5] = [
        (CircuitState::Closed, "closed"),
        (CircuitState::Open, "open"),
        (CircuitState::HalfOpen, "half_open"),
        (CircuitState::ForcedClosed, "forced_closed"),
        (CircuitState::Isolated, "isolated"),
    ];
    let help = "1 for the state in which the circuit breaker of an endpoint is.";
    page.family("otlp_circuit_breaker_state", Kind::Gauge, help, |family| {
        for breaker in &figures.circuit_breakers {
            for (state, name) in STATES {
                let value = u8::from(breaker.state == state);
                family.sample(&[("endpoint", &breaker.endpoint), ("state", name)], value);
            }
        }
    });
    let help = "How often the circuit breaker of an endpoint opened.";
    page.family("otlp_circuit_breaker_openings_total", Kind::Counter, help, |family| {
        for breaker in &figures.circuit_breakers {
            family.sample(&[("endpoint", &breaker.endpoint)], breaker.openings);
        }
    });
}

fn disk_queues(page: &mut Exposition, figures: &PerformanceSnapshot) {
    const STATES: [(DiskQueueState, &str); 3] =
        [(DiskQueueState::Working, "working"), (DiskQueueState::Full, "full"), (DiskQueueState::Degraded, "degraded")];
    let help = "1 for the state in which the disk queue of a destination is.";
    page.family("otlp_disk_queue_state", Kind::Gauge, help, |family| {
        for destination in &figures.destinations {
            let Some(current) = destination.disk_queue else { continue };
            for (state, name) in STATES {
                family.sample(&[("destination", &destination.name), ("state", name)], u8::from(current == state));
            }
        }
    });
}

/// By the names that Prometheus client libraries share.
fn process_figures(page: &mut Exposition) {
    let Some(figures) = process::read() else { return };
    let mut one = |name, kind, help, value: f64| page.family(name, kind, help, |family| family.sample(&[], value));
    let cpu = (figures.user_time + figures.system_time).as_secs_f64();
    one("process_cpu_seconds_total", Kind::Counter, "Total user and system CPU time spent in seconds.", cpu);
    let resident = figures.resident_bytes as f64;
    one("process_resident_memory_bytes", Kind::Gauge, "Resident memory size in bytes.", resident);
    one("process_virtual_memory_bytes", Kind::Gauge, "Virtual memory size in bytes.", figures.virtual_bytes as f64);
    one("process_threads", Kind::Gauge, "Number of OS threads in the process.", figures.threads as f64);
    if let Some(open_files) = figures.open_files {
        one("process_open_fds", Kind::Gauge, "Number of open file descriptors.", open_files as f64);
    }
    if let Ok(since_epoch) = SystemTime::now().duration_since(UNIX_EPOCH) {
        // To the second: the two clocks that it is told by are read one after the other.
        let start = since_epoch.saturating_sub(figures.uptime).as_secs_f64().round();
        one("process_start_time_seconds", Kind::Gauge, "Start time of the process since unix epoch in seconds.", start);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_are_there_twice_are_numbered() {
        let mut names = ["sink", "otlp", "sink", "sink (2)", "sink"].map(str::to_owned);
        make_distinct(names.iter_mut());
        assert_eq!(names, ["sink", "otlp", "sink (2)", "sink (2) (2)", "sink (3)"]);
    }
}
