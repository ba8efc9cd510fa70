//! The end of a demo: one request's trace, the ledgers beside the receivers' counts, and the verdict.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    sync::{Arc, atomic::Ordering},
};

use otlp::{
    Signal,
    delivery::{DropReason, Ledger, SignalLedger},
};

use super::{
    backend::Backend,
    hearing::{self, Testimony},
    load::LoadCounts,
    receipts::Receipts,
    screen::Screen,
    topology::Service,
    tree,
    verdict::{OfKilled, Verdict},
};

/// What is left when everything has ended.
pub(crate) struct Ending {
    pub(crate) testimonies: Vec<Testimony>,
    /// The last ledger of each service that was heard of.
    pub(crate) latest: BTreeMap<Service, Ledger>,
    pub(crate) load: Arc<LoadCounts>,
    /// A trace of a request that went well.
    pub(crate) trace: Option<String>,
}

/// Shows everything; whether all of it is accounted for.
pub(crate) fn present(ending: &Ending, backend: &Backend, screen: &mut Screen) -> bool {
    let receipts = backend.receivers().map(|receivers| Receipts::of(receivers));
    let verdict = hearing::judge(&ending.testimonies, receipts.as_ref());
    screen.line("");
    show_trace(ending, backend, screen);
    screen.line(requests(&ending.load));
    screen.line("");
    screen.line(table(&ending.testimonies, &verdict, receipts.as_ref()).trim_end());
    screen.line("");
    for testimony in ending.testimonies.iter().filter(|one| one.killed.times > 0 && one.account.is_some()) {
        screen.line(obituary(testimony, &verdict));
    }
    let dead: Vec<Service> =
        ending.testimonies.iter().filter(|one| one.account.is_none()).map(|one| one.service).collect();
    for service in &dead {
        screen.line(epitaph(*service, ending, &verdict));
    }
    for difference in &verdict.differences {
        screen.line(format_args!("DIFFERENT  {difference}"));
    }
    conclusion(&verdict, &dead, ending, backend, screen)
}

fn show_trace(ending: &Ending, backend: &Backend, screen: &mut Screen) {
    match backend {
        Backend::Embedded(receivers) => match tree::complete_trace(&receivers.spans()) {
            Some(spans) => {
                let id = spans.first().map(|span| span.trace_id).unwrap_or_default();
                screen.line(format_args!("one request, trace {id}"));
                screen.line(tree::render(&spans));
                let linked = tree::linked_to(&receivers.spans(), id);
                if !linked.is_empty() {
                    screen.line(format_args!("linked to it from another trace\n{}", tree::render(&linked)));
                }
            }
            None => screen.line("no request is there in full: none went through all five services\n"),
        },
        Backend::Own { endpoint, .. } => match &ending.trace {
            Some(trace) => screen.line(format_args!("one request to look for at {endpoint}: trace {trace}\n")),
            None => screen.line("no request went well\n"),
        },
    }
}

fn requests(load: &LoadCounts) -> String {
    let read = |count: &std::sync::atomic::AtomicU64| count.load(Ordering::Relaxed);
    let mut text = format!(
        "{} purchases: {} placed, {} refused (no account, card declined), {} failed",
        read(&load.sent),
        read(&load.served),
        read(&load.refused),
        read(&load.failed)
    );
    if read(&load.left_out) > 0 {
        // Writing to a string never fails.
        let _ = write!(text, "; {} were left out, for too many were under way", read(&load.left_out));
    }
    text
}

/// The ledgers, summed, beside the receivers' counts. What killed processes had is part of them, each item once.
fn table(testimonies: &[Testimony], verdict: &Verdict, receipts: Option<&Receipts>) -> String {
    let mut sums = <[SignalLedger; 3]>::default();
    let ended: Vec<_> = testimonies.iter().filter_map(|one| one.account.as_ref()).collect();
    for account in &ended {
        for signal in Signal::ALL {
            sums[signal.index()] += *account.ledger.signal(signal);
        }
    }
    let recovered = sums.map(|sum| sum.recovered);
    for (sum, (killed, signal)) in sums.iter_mut().zip(verdict.of_killed.iter().zip(Signal::ALL)) {
        sum.accepted += sum.recovered + killed.total();
        sum.delivered += killed.delivered + killed.unsaid;
        sum.rejected += killed.rejected;
        let lost = testimonies.iter().map(|one| one.killed.acknowledgements_lost[signal.index()]);
        sum.acknowledgements_lost += lost.sum::<u64>();
    }
    let mut text = row(&format!("ledgers of {} services", ended.len()), Signal::ALL.map(Signal::items));
    let mut of_ledger = |name: &str, count: &dyn Fn(&SignalLedger) -> u64| {
        text += &row(name, sums.each_ref().map(count));
    };
    of_ledger("  accepted", &|one| one.accepted);
    if recovered.iter().any(|items| *items > 0) {
        of_ledger("    recovered from disk", &|one| one.recovered);
    }
    of_ledger("  delivered", &|one| one.delivered);
    of_ledger("  rejected", &|one| one.rejected);
    of_ledger("  dropped", &|one| one.dropped.total());
    for reason in DropReason::ALL.into_iter().filter(|reason| sums.iter().any(|sum| sum.dropped[*reason] > 0)) {
        of_ledger(&format!("    {reason}"), &|one| one.dropped[reason]);
    }
    of_ledger("  pending", &|one| one.pending);
    if testimonies.iter().any(|one| one.killed.times > 0) {
        text += &row("  died with their process", verdict.of_killed.map(|one| one.in_memory + one.dropped));
    }
    text += &row("  acknowledgements lost", sums.map(|one| one.acknowledgements_lost));
    if let Some(receipts) = receipts {
        let counts = Signal::ALL.map(|signal| receipts.counts(signal));
        text += "receivers\n";
        for (number, stored) in (1..).zip(receipts.stored_at()) {
            text += &row(&format!("  stored by receiver {number}"), *stored);
        }
        text += &row("  stored, each once", counts.map(|one| one.stored));
        text += &row("  stored again", counts.map(|one| one.duplicates));
        text += &row("  rejected", counts.map(|one| one.rejected));
    }
    text
}

fn row(name: &str, cells: [impl ToString; 3]) -> String {
    let [first, second, third] = cells.map(|cell| cell.to_string());
    format!("{name:26}{first:>13}{second:>13}{third:>13}\n")
}

/// What became of what the killed processes of a service had.
fn obituary(testimony: &Testimony, verdict: &Verdict) -> String {
    let of = &verdict.of_killed;
    // Data points are not announced one by one, so they are left out of what is told by ids.
    let sum = |signals: &[Signal], count: fn(&OfKilled) -> u64| -> u64 {
        signals.iter().map(|signal| count(&of[signal.index()])).sum()
    };
    let announced = [Signal::Traces, Signal::Logs];
    let recovered = testimony
        .account
        .as_ref()
        .map_or(0, |account| Signal::ALL.iter().map(|signal| account.ledger.signal(*signal).recovered).sum());
    let times = match testimony.killed.times {
        1 => "once".to_owned(),
        times => format!("{times} times"),
    };
    let service = testimony.service;
    let durable = sum(&announced, |one| one.durable);
    let unsaid = sum(&announced, |one| one.unsaid);
    let memory = sum(&announced, |one| one.in_memory);
    let points = sum(&[Signal::Metrics], |one| one.in_memory);
    let mut text = format!(
        "{service} was killed {times}, while it had {durable} spans and log records that it had confirmed as durable. Its \
         last\nprocess found {recovered} items in the disk queue. {memory} spans and log records were in memory alone and \
         died there.\nOf data points, which have no ids before they are collected, it is only known that {points} or more \
         did.",
    );
    if unsaid > 0 {
        // Writing to a string never fails.
        let _ = write!(text, " {unsaid} had arrived without the process having said so.");
    }
    text + "\n"
}

/// What is known of a service that died.
fn epitaph(service: Service, ending: &Ending, verdict: &Verdict) -> String {
    let mut text = format!("UNKNOWN    {service} died, and its ledger with it.");
    match ending.latest.get(&service).filter(|ledger| Signal::ALL.iter().any(|one| ledger.signal(*one).accepted > 0)) {
        Some(ledger) => {
            text += " It last said:";
            for signal in Signal::ALL {
                // Writing to a string never fails.
                let _ = write!(text, "\n             {}: {}", signal.items(), ledger.signal(signal));
            }
        }
        None => text += " It never said how it stood.",
    }
    let there: Vec<String> = verdict
        .unknown
        .iter()
        .filter(|(of, ..)| *of == service)
        .map(|(_, signal, items)| format!("{items} {}", signal.items()))
        .collect();
    if !there.is_empty() {
        let _ = write!(
            text,
            "\n           Of it, {} are at the receiver; what became of the rest is unknown.",
            there.join(", ")
        );
    }
    text
}

fn conclusion(verdict: &Verdict, dead: &[Service], ending: &Ending, backend: &Backend, screen: &mut Screen) -> bool {
    let compared: u64 = verdict.compared.iter().sum();
    let explained: u64 = verdict.explained.iter().sum();
    if verdict.foreign > 0 {
        screen.line(format_args!("{} items of other programs are at the receiver, too", verdict.foreign));
    }
    if verdict.not_kept > 0 {
        screen.line(format_args!("{} items are compared by count alone: more came than are kept", verdict.not_kept));
    }
    let accounts = ending.testimonies.iter().filter_map(|one| one.account.as_ref());
    let lost: u64 = accounts.map(|account| account.ledger.lost()).sum();
    let is_embedded = matches!(backend, Backend::Embedded(_));
    match (verdict.agrees(), dead.is_empty(), is_embedded) {
        (false, ..) => screen.line("The ledgers and the receivers do NOT agree."),
        (true, false, _) => screen.line(format_args!("{compared} items of the other services agree, one by one.")),
        (true, true, true) => {
            let unheard = match explained {
                0 => String::new(),
                _ => format!(
                    " {explained} times one arrived without its client hearing of it, each time with an \
                     acknowledgement that was lost."
                ),
            };
            let died: u64 = Signal::ALL.iter().map(|signal| verdict.of_killed[signal.index()].in_memory).sum();
            let died = match died {
                0 => String::new(),
                _ => format!(" {died} died with a killed process; none of them had been confirmed as durable."),
            };
            screen.line(format_args!("All {compared} items agree, one by one.{unheard}{died}"));
        }
        (true, true, false) => screen.line(format_args!(
            "All {compared} items have exactly one fate in the ledgers. There is no receiver here to compare with."
        )),
    }
    if !is_embedded && lost > 0 {
        screen.line(format_args!("{lost} items did not arrive; the lines above say why."));
    }
    verdict.agrees() && dead.is_empty() && (is_embedded || lost == 0)
}
