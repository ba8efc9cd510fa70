//! The stage: all that is known while a demo runs, and how it is shown.
//!
//! All that happens comes here as an [`Event`] and is shown in the order in which it came. Only [`Stage::wait`] takes
//! events, so that whoever waits for nothing is not surprised by a change.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use otlp::{
    Signal,
    delivery::{Ledger, SignalLedger},
};
use tokio::{
    sync::mpsc,
    time::{Instant, MissedTickBehavior, interval, sleep_until},
};

use super::{
    evidence::Claim,
    interrupt::Interrupts,
    load::LoadCounts,
    message::{Account, Report},
    processes::Process,
    screen::Screen,
    script::Trouble,
    topology::Service,
};

/// How often the live line is replaced.
const PROGRESS: Duration = Duration::from_millis(200);

/// Something that happened.
#[derive(Debug)]
pub(crate) enum Event {
    /// A service reports.
    Report(Service, Box<Report>),
    /// The process of a service ended, in this way.
    Gone(Service, String),
    /// The receiver is in trouble now.
    TroubleBegins(Trouble),
    /// The trouble is over.
    TroubleEnds {
        /// How many requests it struck.
        struck: u64,
        /// Whether the receiver is back.
        recovered: io::Result<()>,
    },
    /// All requests of the load have ended.
    LoadIsOver,
}

/// How waiting for something ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Waited {
    Done,
    TooLong,
    Interrupted,
}

/// A service, as far as it is known.
#[derive(Default)]
pub(crate) struct Member {
    pub(crate) process: Option<Process>,
    /// Where it listens, once it does.
    pub(crate) address: Option<String>,
    /// The last ledger that it reported.
    pub(crate) latest: Ledger,
    pub(crate) claims: Vec<Claim>,
    pub(crate) account: Option<Account>,
    /// Whether its process has ended.
    pub(crate) gone: bool,
}

/// All that is known.
pub(crate) struct Stage<'a> {
    pub(crate) screen: &'a mut Screen,
    pub(crate) members: BTreeMap<Service, Member>,
    pub(crate) load: Arc<LoadCounts>,
    pub(crate) load_is_over: bool,
    /// How often Ctrl-C was heard.
    pub(crate) interruptions: u32,
    trouble: Option<Trouble>,
    /// Services whose client has said something about the present state of the receiver.
    have_said: BTreeSet<Service>,
    /// When requests were counted last, how many, and the rate that came of it.
    counted: (Instant, u64, f64),
    interrupts: Interrupts,
    events: mpsc::Receiver<Event>,
}

impl<'a> Stage<'a> {
    pub(crate) fn new(screen: &'a mut Screen, interrupts: Interrupts, events: mpsc::Receiver<Event>) -> Self {
        Stage {
            screen,
            members: Service::ALL.into_iter().map(|service| (service, Member::default())).collect(),
            load: Arc::default(),
            load_is_over: false,
            interruptions: 0,
            trouble: None,
            have_said: BTreeSet::new(),
            counted: (Instant::now(), 0, 0.0),
            interrupts,
            events,
        }
    }

    pub(crate) fn all_are_gone(&self) -> bool {
        self.members.values().all(|one| one.gone)
    }

    /// Forgets the trouble, if there was one.
    pub(crate) fn trouble_is_over(&mut self) {
        self.trouble = None;
    }

    /// Shows what happens until `done`.
    pub(crate) async fn wait(&mut self, at_most: Option<Duration>, done: impl Fn(&Self) -> bool) -> Waited {
        let deadline = at_most.map(|time| Instant::now() + time);
        let mut progress = interval(PROGRESS);
        progress.set_missed_tick_behavior(MissedTickBehavior::Skip);
        while !done(self) {
            tokio::select! {
                biased;
                () = self.interrupts.next() => {
                    self.interruptions += 1;
                    return Waited::Interrupted;
                }
                Some(event) = self.events.recv() => self.take(event),
                _ = progress.tick() => self.show_progress(),
                () = sleep_until(deadline.unwrap_or_else(Instant::now)), if deadline.is_some() => return Waited::TooLong,
            }
        }
        Waited::Done
    }

    fn take(&mut self, event: Event) {
        match event {
            Event::Report(service, report) => self.take_report(service, *report),
            Event::Gone(service, how) => {
                let member = self.members.entry(service).or_default();
                member.gone = true;
                member.process = None;
                match (&member.account, &member.address) {
                    (Some(_), _) => {}
                    (None, None) => self.screen.event(format_args!("{service} did not start ({how})")),
                    (None, Some(_)) => {
                        self.screen.event(format_args!("{service} died ({how}); its ledger died with it"));
                    }
                }
            }
            Event::TroubleBegins(trouble) => {
                self.trouble = Some(trouble);
                self.have_said.clear();
                self.screen.event(format_args!("the receiver {trouble}"));
            }
            Event::TroubleEnds { struck, recovered } => {
                self.have_said.clear();
                let trouble = self.trouble.take();
                self.show_recovery(trouble, struck, recovered);
            }
            Event::LoadIsOver => self.load_is_over = true,
        }
    }

    fn take_report(&mut self, service: Service, report: Report) {
        let member = self.members.entry(service).or_default();
        match report {
            Report::Ready { address } => member.address = Some(address),
            // The three signals of a service meet the same trouble; one message of each service tells of it.
            Report::Said(what) => {
                if self.have_said.insert(service) {
                    self.screen.event(format_args!("  {service}: {what}"));
                }
            }
            Report::Progress(ledger) => member.latest = ledger,
            Report::Claims(claims) => member.claims.extend(claims),
            Report::Ended(account) => {
                if !account.complete {
                    self.screen.event(format_args!("{service} could not deliver everything in time"));
                }
                member.latest = account.ledger.clone();
                member.account = Some(account);
            }
        }
    }

    fn show_recovery(&mut self, from: Option<Trouble>, struck: u64, recovered: io::Result<()>) {
        match (recovered, from) {
            (Err(error), _) => self.screen.event(format_args!("the receiver cannot come back: {error}")),
            // What a dead receiver refuses, it does not count.
            (Ok(()), Some(Trouble::Killed)) => self.screen.event("the receiver is back"),
            (Ok(()), _) => {
                self.screen.event(format_args!("the receiver is well again; {struck} export requests were struck"));
            }
        }
    }

    fn show_progress(&mut self) {
        let sent = self.load.sent.load(Ordering::Relaxed);
        if sent == 0 {
            return;
        }
        let now = Instant::now();
        let since = now.duration_since(self.counted.0);
        if since >= Duration::from_secs(1) {
            self.counted = (now, sent, (sent - self.counted.1) as f64 / since.as_secs_f64());
        }
        let sum = |count: fn(&SignalLedger) -> u64| -> u64 {
            let ledgers = self.members.values().map(|one| &one.latest);
            ledgers.flat_map(|ledger| Signal::ALL.map(|signal| count(ledger.signal(signal)))).sum()
        };
        let accepted = sum(|one| one.accepted);
        let delivered = sum(|one| one.delivered);
        let pending = sum(|one| one.pending);
        let rate = self.counted.2;
        let trouble = self.trouble.map_or("", Trouble::name);
        self.screen.progress(format_args!(
            "{rate:3.0} req/s  {trouble:11}  accepted {accepted:5}  delivered {delivered:5}  pending {pending:4}"
        ));
    }
}
