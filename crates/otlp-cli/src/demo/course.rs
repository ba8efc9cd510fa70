//! The course of a demo, from the start of the receiver to the verdict.
//!
//! All that happens meanwhile comes here as an [`Event`] and is shown in the order in which it came. Whatever goes wrong
//! on the way is said, and the course goes on to its end: the ledger. Ctrl-C leads there directly; a second one ends
//! everything at once.

use std::{
    collections::BTreeMap,
    error::Error,
    io,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use otlp::{Signal, delivery::Ledger};
use tokio::{
    sync::{mpsc, watch},
    time::{Instant, MissedTickBehavior, interval, sleep_until},
};

use super::{
    Arguments,
    backend::{self, Backend},
    evidence::Claim,
    interrupt::Interrupts,
    load::{Load, LoadCounts},
    message::{Account, Order, Report},
    processes::Process,
    screen::Screen,
    script::Trouble,
    summary::{self, Ending},
    topology::Service,
    verdict::Testimony,
};

/// How long services may take to start.
const START: Duration = Duration::from_secs(20);

/// How long requests under way may take once the load stops: longer than the services wait for each other.
const LAST_REQUESTS: Duration = Duration::from_secs(6);

/// How long a service may take to deliver what it has, once it is told to stop …
const DELIVERY: Duration = Duration::from_secs(8);

/// … and how much longer until it is given up.
const GRACE: Duration = Duration::from_secs(5);

/// Something that happened.
#[derive(Debug)]
pub(crate) enum Event {
    /// A service reports.
    Report(Service, Report),
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
enum Waited {
    Done,
    TooLong,
    Interrupted,
}

/// A service, as the course knows it.
#[derive(Default)]
struct Member {
    process: Option<Process>,
    address: Option<String>,
    /// The last ledger that it reported while it ran.
    latest: Ledger,
    claims: Vec<Claim>,
    account: Option<Account>,
    gone: bool,
}

struct Course<'a> {
    arguments: &'a Arguments,
    screen: &'a mut Screen,
    interrupts: Interrupts,
    events: mpsc::Receiver<Event>,
    members: BTreeMap<Service, Member>,
    load: Arc<LoadCounts>,
    load_is_over: bool,
    trouble: Option<Trouble>,
    /// When requests were counted last, how many, and the rate that came of it.
    counted: (Instant, u64, f64),
}

/// Runs the demo; whether everything is accounted for.
pub(crate) async fn run(arguments: &Arguments, screen: &mut Screen) -> bool {
    let ended = async {
        let interrupts = Interrupts::listen()?;
        let backend = Backend::start(arguments).await?;
        let (sender, events) = mpsc::channel(1024);
        let mut course = Course {
            arguments,
            screen,
            interrupts,
            events,
            members: Service::ALL.into_iter().map(|service| (service, Member::default())).collect(),
            load: Arc::default(),
            load_is_over: false,
            trouble: None,
            counted: (Instant::now(), 0, 0.0),
        };
        Ok::<_, Box<dyn Error>>(course.run(&backend, sender).await)
    };
    let ended = ended.await;
    ended.unwrap_or_else(|error| {
        screen.line(format_args!("the demo cannot begin: {error}"));
        false
    })
}

impl Course<'_> {
    async fn run(&mut self, backend: &Backend, sender: mpsc::Sender<Event>) -> bool {
        self.introduce(backend);
        self.start_services(backend, &sender).await;
        let all_ready = |course: &Self| course.members.values().all(|one| one.gone || one.address.is_some());
        let mut waited = self.wait(Some(START), all_ready).await;
        if waited == Waited::TooLong {
            self.screen.event("some services do not start; the others go on without them");
            waited = Waited::Done;
        }
        let trace = match waited {
            Waited::Done => self.load(backend, sender).await,
            _ => None,
        };
        if self.stop_services().await == Waited::Interrupted {
            self.screen.line("interrupted again: ended at once, without the ledger");
            return false;
        }
        self.conclude(backend, trace)
    }

    fn introduce(&mut self, backend: &Backend) {
        match backend {
            Backend::Embedded(receiver) => {
                let (grpc, http) = (receiver.grpc_endpoint(), receiver.http_endpoint());
                self.screen.line(format_args!("an OTLP receiver listens on {grpc} (gRPC) and {http} (HTTP)"));
            }
            Backend::Own { endpoint, protocol } => {
                self.screen.line(format_args!("sending to {endpoint} by {protocol}; no faults are played there"));
            }
        }
    }

    async fn start_services(&mut self, backend: &Backend, events: &mpsc::Sender<Event>) {
        for (service, member) in &mut self.members {
            match Process::start(*service, events.clone()) {
                Ok(mut process) => {
                    process.begin(backend.settings(*service, self.arguments)).await;
                    member.process = Some(process);
                }
                Err(error) => {
                    self.screen.event(format_args!("{service} cannot be started: {error}"));
                    member.gone = true;
                }
            }
        }
    }

    /// Load and faults, until the time is over or Ctrl-C; a trace of a request that went well.
    async fn load(&mut self, backend: &Backend, events: mpsc::Sender<Event>) -> Option<String> {
        let addresses = self.members.iter().filter_map(|(service, one)| Some((*service, one.address.clone()?)));
        let peers: BTreeMap<Service, String> = addresses.collect();
        for (service, member) in &mut self.members {
            if let (Some(process), Some(address)) = (&mut member.process, &member.address) {
                let (protocol, compression) = {
                    let settings = backend.settings(*service, self.arguments);
                    (settings.protocol, settings.compression)
                };
                let id = process.id;
                self.screen.line(format_args!(
                    "  {service:12}  pid {id:<8} http://{address:21}  exports by {protocol}{compression}"
                ));
                process.tell(&Order::Peers(peers.clone())).await;
            }
        }
        let Some(gateway) = peers.get(&Service::ApiGateway) else {
            self.screen.event("without the gateway there is nothing to be done");
            return None;
        };
        let until = self.arguments.length().map_or("until Ctrl-C".to_owned(), |length| format!("for {length:?}"));
        let rate = self.arguments.rate;
        self.screen.event(format_args!("{rate} purchases a second, POST http://{gateway}/orders, {until}"));

        let (stop, stopped) = watch::channel(false);
        let (trace, latest_trace) = watch::channel(None);
        let length = self.arguments.length();
        let load = Load { gateway: gateway.clone(), rate, seed: self.arguments.seed, length };
        let (counts, load_events) = (self.load.clone(), events.clone());
        tokio::spawn(async move {
            load.run(counts, trace, stopped).await;
            let _ = load_events.send(Event::LoadIsOver).await;
        });
        let playing = backend.receiver().map(|receiver| {
            tokio::spawn(backend::play(receiver.clone(), length, self.arguments.seed, events))
        });

        let over = |course: &Self| course.load_is_over || course.members.values().all(|one| one.gone);
        if self.wait(None, over).await == Waited::Interrupted {
            self.screen.event("interrupted: no new purchases; ends in order (again to end at once)");
        }
        stop.send_replace(true);
        if let Some(playing) = playing {
            playing.abort();
            // An abort is no error here.
            let _ = playing.await;
        }
        self.trouble = None;
        if let Some(receiver) = backend.receiver()
            && let Err(error) = backend::recover(receiver).await
        {
            self.screen.event(format_args!("the receiver cannot come back: {error}"));
        }
        if self.wait(Some(LAST_REQUESTS), |course| course.load_is_over).await == Waited::TooLong {
            self.screen.event("some requests do not end; they are left");
        }
        latest_trace.borrow().clone()
    }

    /// Lets the services deliver and report.
    async fn stop_services(&mut self) -> Waited {
        self.screen.event("the services deliver what they still have, and report");
        let deadline_ms = DELIVERY.as_millis() as u64;
        for member in self.members.values_mut() {
            if let Some(process) = &mut member.process {
                process.tell(&Order::Stop { deadline_ms }).await;
            }
        }
        let all_gone = |course: &Self| course.members.values().all(|one| one.gone);
        let waited = self.wait(Some(DELIVERY + GRACE), all_gone).await;
        for (service, member) in self.members.iter_mut().filter(|(_, one)| !one.gone) {
            if waited == Waited::TooLong {
                self.screen.event(format_args!("{service} does not end and is killed"));
            }
            member.process = None;
        }
        waited
    }

    /// The summary; whether everything is accounted for.
    fn conclude(&mut self, backend: &Backend, trace: Option<String>) -> bool {
        let members = std::mem::take(&mut self.members);
        let latest = members.iter().map(|(service, one)| (*service, one.latest.clone())).collect();
        let testimonies = members
            .into_iter()
            .map(|(service, one)| Testimony { service, account: one.account, claims: one.claims })
            .collect();
        let load = self.load.clone();
        let ending = Ending { testimonies, latest, load, trace };
        summary::present(&ending, backend, self.screen)
    }

    /// Shows what happens until `done`.
    async fn wait(&mut self, at_most: Option<Duration>, done: impl Fn(&Self) -> bool) -> Waited {
        let deadline = at_most.map(|time| Instant::now() + time);
        let mut progress = interval(Duration::from_millis(200));
        progress.set_missed_tick_behavior(MissedTickBehavior::Skip);
        while !done(self) {
            tokio::select! {
                biased;
                () = self.interrupts.next() => return Waited::Interrupted,
                Some(event) = self.events.recv() => self.take(event),
                _ = progress.tick() => self.show_progress(),
                () = sleep_until(deadline.unwrap_or_else(Instant::now)), if deadline.is_some() => return Waited::TooLong,
            }
        }
        Waited::Done
    }

    fn take(&mut self, event: Event) {
        match event {
            Event::Report(service, report) => self.take_report(service, report),
            Event::Gone(service, how) => {
                let member = self.members.entry(service).or_default();
                member.gone = true;
                member.process = None;
                if member.account.is_none() {
                    self.screen.event(format_args!("{service} died ({how}); its ledger died with it"));
                }
            }
            Event::TroubleBegins(trouble) => {
                self.trouble = Some(trouble);
                self.screen.event(format_args!("the receiver {trouble}"));
            }
            Event::TroubleEnds { struck, recovered } => {
                let trouble = self.trouble.take();
                match recovered {
                    Ok(()) if trouble == Some(Trouble::Killed) => self.screen.event("the receiver is back"),
                    Ok(()) => self.screen.event(format_args!("the receiver is well again; {struck} requests were struck")),
                    Err(error) => self.screen.event(format_args!("the receiver cannot come back: {error}")),
                }
            }
            Event::LoadIsOver => self.load_is_over = true,
        }
    }

    fn take_report(&mut self, service: Service, report: Report) {
        let member = self.members.entry(service).or_default();
        match report {
            Report::Ready { address } => member.address = Some(address),
            Report::Said(what) => self.screen.event(format_args!("{service}: {what}")),
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

    fn show_progress(&mut self) {
        let now = Instant::now();
        let sent = self.load.sent.load(Ordering::Relaxed);
        let since = now.duration_since(self.counted.0);
        if since >= Duration::from_secs(1) {
            self.counted = (now, sent, (sent - self.counted.1) as f64 / since.as_secs_f64());
        }
        let sum = |count: fn(&otlp::delivery::SignalLedger) -> u64| -> u64 {
            let ledgers = self.members.values().map(|one| &one.latest);
            ledgers.flat_map(|ledger| Signal::ALL.map(|signal| count(ledger.signal(signal)))).sum()
        };
        let (accepted, delivered) = (sum(|one| one.accepted), sum(|one| one.delivered));
        let pending = sum(|one| one.pending);
        let rate = self.counted.2;
        let trouble = self.trouble.map_or("", Trouble::name);
        self.screen.progress(format_args!(
            "{rate:5.1} req/s  accepted {accepted:6}  delivered {delivered:6}  pending {pending:5}  {trouble}"
        ));
    }
}
