//! The health checks that every client has: whether its thread runs, its endpoints answer, and its queues, memory and
//! disks have room.
//!
//! They read figures and send nothing. A backend that is down does not make the client unready unless that is asked for:
//! a service that is taken out of rotation because its telemetry has nowhere to go turns a small outage into a large one.

use std::{future::ready, sync::Arc, time::Duration};

use otlp_core::Signal;
use otlp_reliability::{Check, CheckOutcome, HealthChecker, Probe};

use super::{DiskQueueState, Source};

/// How often figures are looked at. That costs little more than the look.
const INTERVAL: Duration = Duration::from_secs(1);

/// The background thread has a turn at least once a second; one that had none for so long is stuck.
const STUCK: Duration = Duration::from_secs(10);

/// A queue, or the memory, that is fuller than this share will soon drop items.
const NEARLY_FULL: f64 = 0.8;

/// A checker with the checks of a client.
pub(super) fn checker(source: &Arc<Source>, endpoints_required: bool, is_balanced: bool) -> HealthChecker {
    let checker = HealthChecker::new();
    let look = |of: fn(&Source) -> CheckOutcome| {
        let source = Arc::clone(source);
        move || ready(of(&source))
    };
    let backend = |check: Check| if endpoints_required { check.critical() } else { check.optional() };
    let mut checks = vec![
        Check::new("background thread", look(thread)).with_probe(Probe::All),
        Check::new("queues", look(queues)).optional(),
        Check::new("memory", look(memory)).optional(),
    ];
    let breakers = source.breakers();
    if is_balanced {
        checks.push(backend(Check::new("receivers", look(receivers))));
    } else if breakers.is_empty() {
        checks.push(backend(Check::new("endpoints", look(last_attempts))));
    }
    for (number, (endpoint, control)) in breakers.iter().enumerate() {
        // Two exporters of the same name have a check each.
        let is_taken = breakers[..number].iter().any(|(other, _)| other == endpoint);
        let name = if is_taken { format!("endpoint {endpoint} ({number})") } else { format!("endpoint {endpoint}") };
        // A control of another kind has no state to look at.
        checks.extend(Check::circuit_breaker(name, Arc::clone(control)).map(backend));
    }
    if source.has_disk_queue() {
        checks.push(Check::new("disk queue", look(disks)).optional());
    }
    for check in checks {
        // Names are distinct and settings within their ranges, so none is refused.
        let _ = checker.add(check.with_interval(INTERVAL));
    }
    checker
}

fn thread(source: &Source) -> CheckOutcome {
    if source.pipeline.is_shut_down() {
        return CheckOutcome::Fail("the client was shut down".to_owned());
    }
    match source.since_last_turn() {
        silence if silence > STUCK => CheckOutcome::Fail(format!(
            "the background thread has done nothing for {} s; does an exporter block it?",
            silence.as_secs()
        )),
        _ => CheckOutcome::Pass,
    }
}

fn queues(source: &Source) -> CheckOutcome {
    let capacity = source.pipeline.max_queue_size() as f64;
    let mut fullest = (0.0, Signal::Traces);
    for signal in Signal::ALL {
        for occupancy in source.pipeline.queue_occupancies(signal) {
            let share = occupancy as f64 / capacity;
            if share > fullest.0 {
                fullest = (share, signal);
            }
        }
    }
    let (share, signal) = fullest;
    room(share, || format!("the queue of {}", signal.name()))
}

fn memory(source: &Source) -> CheckOutcome {
    let memory = source.memory();
    room(memory.in_use as f64 / memory.budget.max(1) as f64, || "the memory for telemetry".to_owned())
}

/// Full is a failure, nearly full a warning.
fn room(share: f64, what: impl FnOnce() -> String) -> CheckOutcome {
    if share >= 1.0 {
        CheckOutcome::Fail(format!("{} is full: items are dropped", what()))
    } else if share >= NEARLY_FULL {
        CheckOutcome::Warn(format!("{} is {:.0} % full", what(), share * 100.0))
    } else {
        CheckOutcome::Pass
    }
}

/// The receivers that are balanced over: it takes one that works.
fn receivers(source: &Source) -> CheckOutcome {
    let receivers = source.receivers();
    let down: Vec<&str> =
        receivers.iter().filter(|receiver| receiver.is_down()).map(|receiver| receiver.endpoint.as_str()).collect();
    match down.len() {
        // None was tried yet, or there are no circuit breakers.
        0 if receivers.is_empty() => last_attempts(source),
        0 => CheckOutcome::Pass,
        count if count < receivers.len() => {
            CheckOutcome::Warn(format!("{count} of {} receivers are down: {}", receivers.len(), listed(&down)))
        }
        _ => CheckOutcome::Fail(format!("all receivers are down: {}", listed(&down))),
    }
}

/// The first of them: there may be thousands, and somebody reads this.
fn listed(names: &[&str]) -> String {
    const SHOWN: usize = 10;
    let first = names[..names.len().min(SHOWN)].join(", ");
    match names.len().saturating_sub(SHOWN) {
        0 => first,
        more => format!("{first} and {more} more"),
    }
}

/// Where no circuit breaker knows: the last attempts.
fn last_attempts(source: &Source) -> CheckOutcome {
    let names = source.pipeline.ledgers().into_iter().map(|ledger| ledger.destination);
    let failed = names.zip(&source.attempts).find_map(|(name, attempts)| {
        let signal = Signal::ALL.into_iter().find(|signal| attempts.last_failed(*signal))?;
        Some(format!("the last attempt to deliver {} to {name} failed", signal.name()))
    });
    failed.map_or(CheckOutcome::Pass, CheckOutcome::Fail)
}

fn disks(source: &Source) -> CheckOutcome {
    let mut worst = CheckOutcome::Pass;
    for (name, state) in source.disk_queues() {
        match state {
            DiskQueueState::Degraded => {
                return CheckOutcome::Fail(format!("the disk queue of {name} does not work: batches stay in memory"));
            }
            DiskQueueState::Full => {
                worst = CheckOutcome::Warn(format!("the disk queue of {name} is full: batches stay in memory"));
            }
            DiskQueueState::Working => {}
        }
    }
    worst
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearly_full_is_a_warning_and_full_a_failure() {
        let of = |share| room(share, || "the queue".to_owned());
        assert_eq!(of(0.0), CheckOutcome::Pass);
        assert_eq!(of(0.79), CheckOutcome::Pass);
        assert_eq!(of(0.8), CheckOutcome::Warn("the queue is 80 % full".into()));
        assert_eq!(of(1.0), CheckOutcome::Fail("the queue is full: items are dropped".into()));
    }

    #[test]
    fn of_many_names_the_first_are_told() {
        assert_eq!(listed(&["a", "b"]), "a, b");
        assert_eq!(listed(&["x"; 10_000]), format!("{} and 9990 more", ["x"; 10].join(", ")));
    }
}
