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

use otlp::{Signal, delivery::SignalLedger};
use tokio::{
    sync::mpsc,
    time::{Instant, MissedTickBehavior, interval, sleep_until},
};

use super::{
    event::Event,
    interrupt::Interrupts,
    load::LoadCounts,
    member::Member,
    message::{Order, Report},
    processes::Process,
    receivers::ReceiverAddresses,
    screen::Screen,
    script::Trouble,
    topology::Service,
};

/// How often the live line is replaced.
const PROGRESS: Duration = Duration::from_millis(200);

/// How waiting for something ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Waited {
    Done,
    TooLong,
    Interrupted,
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
    /// Services whose client has said something about the present state of the receivers.
    have_said: BTreeSet<Service>,
    /// When requests were counted last, how many, and the rate that came of it.
    counted: (Instant, u64, f64),
    /// Where the services are.
    pub(crate) peers: BTreeMap<Service, String>,
    /// Where the receivers are, if that has changed.
    receivers: Option<ReceiverAddresses>,
    /// What the services were told last, if that is to end.
    pub(crate) stop: Option<Order>,
    interrupts: Interrupts,
    /// Where the processes that are started again tell of themselves.
    told: mpsc::Sender<Event>,
    events: mpsc::Receiver<Event>,
}

impl<'a> Stage<'a> {
    /// A stage that hears the `events` that are told to `told`.
    pub(crate) fn new(
        screen: &'a mut Screen,
        interrupts: Interrupts,
        told: mpsc::Sender<Event>,
        events: mpsc::Receiver<Event>,
    ) -> Self {
        Stage {
            screen,
            members: Service::ALL.into_iter().map(|service| (service, Member::default())).collect(),
            load: Arc::default(),
            load_is_over: false,
            interruptions: 0,
            trouble: None,
            have_said: BTreeSet::new(),
            counted: (Instant::now(), 0, 0.0),
            peers: BTreeMap::new(),
            receivers: None,
            stop: None,
            interrupts,
            told,
            events,
        }
    }

    pub(crate) fn all_are_gone(&self) -> bool {
        self.members.values().all(|one| one.gone)
    }

    /// Forgets the trouble, if there was one, and spares whom it has not killed yet.
    pub(crate) fn trouble_is_over(&mut self) {
        self.trouble = None;
        self.members.values_mut().for_each(Member::spare);
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
                Some(event) = self.events.recv() => self.take(event).await,
                _ = progress.tick() => self.show_progress(),
                () = sleep_until(deadline.unwrap_or_else(Instant::now)), if deadline.is_some() => return Waited::TooLong,
            }
        }
        Waited::Done
    }

    async fn take(&mut self, event: Event) {
        match event {
            Event::Report(service, report) => self.take_report(service, *report),
            Event::Gone(service, how) => self.take_death(service, &how).await,
            Event::Kill(service, waiting) => self.members.entry(service).or_default().doom(waiting),
            Event::TroubleBegins(trouble) => {
                self.trouble = Some(trouble);
                self.have_said.clear();
                self.screen.event(trouble);
            }
            Event::TroubleEnds { struck, recovered } => {
                self.have_said.clear();
                let trouble = self.trouble.take();
                self.show_recovery(trouble, struck, recovered);
            }
            Event::Found(receivers) => self.found(receivers).await,
            Event::LoadIsOver => self.load_is_over = true,
        }
    }

    /// Tells all services where the receivers are.
    pub(crate) async fn found(&mut self, receivers: ReceiverAddresses) {
        let order = Order::Receivers(receivers.clone());
        for member in self.members.values_mut() {
            if let Some(process) = &mut member.process {
                process.tell(&order).await;
            }
        }
        self.receivers = Some(receivers);
    }

    async fn take_death(&mut self, service: Service, how: &str) {
        let member = self.members.entry(service).or_default();
        if member.died() {
            return self.raise(service).await;
        }
        member.gone = true;
        match (&member.account, &member.address) {
            (Some(_), _) => {}
            (None, None) => self.screen.event(format_args!("{service} did not start ({how})")),
            (None, Some(_)) => {
                self.screen.event(format_args!("{service} died ({how}); its ledger died with it"));
            }
        }
    }

    /// Starts a service again that was killed, as it was, with the disk queue that it left.
    async fn raise(&mut self, service: Service) {
        let member = self.members.entry(service).or_default();
        member.leave_behind();
        self.have_said.remove(&service);
        let Some(settings) = member.settings.clone() else {
            member.gone = true;
            return;
        };
        match Process::start(service, self.told.clone()) {
            Ok(mut process) => {
                let id = process.id;
                process.tell(&Order::Begin(settings)).await;
                process.tell(&Order::Peers(self.peers.clone())).await;
                if let Some(receivers) = &self.receivers {
                    process.tell(&Order::Receivers(receivers.clone())).await;
                }
                if let Some(stop) = &self.stop {
                    process.tell(stop).await;
                }
                member.process = Some(process);
                self.screen.event(format_args!("{service} is started again (pid {id}), with its disk queue"));
            }
            Err(error) => {
                member.gone = true;
                self.screen.event(format_args!("{service} cannot be started again: {error}"));
            }
        }
    }

    fn take_report(&mut self, service: Service, report: Report) {
        let member = self.members.entry(service).or_default();
        match report {
            Report::Ready { address } => member.is_at(address),
            // The three signals of a service meet the same trouble; one message of each service tells of it.
            Report::Said(what) => {
                if self.have_said.insert(service) {
                    self.screen.event(format_args!("  {service}: {what}"));
                }
            }
            Report::Progress(ledger) => {
                member.latest = ledger;
                if member.has_had_its_last_word() {
                    self.screen.event(format_args!("{service} is killed (kill -9), in the middle of its work"));
                }
            }
            Report::Claims(claims) => {
                member.unsettled.claimed(&claims);
                member.claims.extend(claims);
            }
            Report::Announced(signal, ids) => {
                ids.into_iter().for_each(|id| member.unsettled.announced(signal, id));
            }
            Report::Durable(ids) => member.unsettled.durable(&ids),
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
            (Err(error), _) => self.screen.event(format_args!("a receiver cannot come back: {error}")),
            // What a dead receiver refuses, it does not count.
            (Ok(()), Some(Trouble::Killed)) => self.screen.event("the receivers are back"),
            (Ok(()), Some(Trouble::OneLeaves)) => self.screen.event("receiver 2 is back, and gets its part again"),
            (Ok(()), _) => {
                self.screen.event(format_args!("the receivers are well again; {struck} export requests were struck"));
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
            let of = |one: &Member| -> u64 { Signal::ALL.map(|signal| count(one.latest.signal(signal))).iter().sum() };
            self.members.values().map(of).sum()
        };
        let of_killed =
            |count: fn(&SignalLedger) -> u64| -> u64 { self.members.values().map(|one| count(&one.killed.told)).sum() };
        let accepted = sum(|one| one.accepted) + of_killed(|one| one.accepted);
        let delivered = sum(|one| one.delivered) + of_killed(|one| one.delivered);
        let pending = sum(|one| one.pending);
        let rate = self.counted.2;
        let trouble = self.trouble.map_or("", Trouble::name);
        self.screen.progress(format_args!(
            "{rate:3.0} req/s {trouble:11} accepted {accepted:<6} delivered {delivered:<6} pending {pending}"
        ));
    }
}
