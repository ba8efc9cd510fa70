//! The course of a demo, from the start of the receiver to the verdict.
//!
//! Whatever goes wrong on the way is said, and the course goes on to its end: the ledger. Ctrl-C leads there directly; a
//! second one ends everything at once.

use std::{collections::BTreeMap, error::Error, time::Duration};

use tokio::{
    sync::{mpsc, watch},
    task::JoinHandle,
};

use super::{
    Arguments,
    backend::{self, Backend},
    event::Event,
    hearing::Testimony,
    interrupt::Interrupts,
    load::Load,
    message::Order,
    processes::Process,
    queue_directory::QueueDirectory,
    screen::Screen,
    stage::{Stage, Waited},
    summary::{self, Ending},
    topology::Service,
};

/// How long services may take to start.
const START: Duration = Duration::from_secs(20);

/// How long requests under way may take once the load stops: longer than the services wait for each other.
const LAST_REQUESTS: Duration = Duration::from_secs(6);

/// How long a service may take to deliver what it has, once it is told to stop …
const DELIVERY: Duration = Duration::from_secs(8);

/// … and how much longer until it is given up.
const GRACE: Duration = Duration::from_secs(5);

struct Course<'a> {
    arguments: &'a Arguments,
    backend: Backend,
    /// Where events are told.
    events: mpsc::Sender<Event>,
    stage: Stage<'a>,
    /// Removed after the processes that use it have ended.
    queues: QueueDirectory,
}

/// Runs the demo; whether everything is accounted for.
pub(crate) async fn run(arguments: &Arguments, screen: &mut Screen) -> bool {
    let (interrupts, backend, queues) = match begin(arguments).await {
        Ok(begun) => begun,
        Err(error) => {
            screen.line(format_args!("the demo cannot begin: {error}"));
            return false;
        }
    };
    let (events, heard) = mpsc::channel(1024);
    let stage = Stage::new(screen, interrupts, events.clone(), heard);
    Course { arguments, backend, events, stage, queues }.run().await
}

async fn begin(arguments: &Arguments) -> Result<(Interrupts, Backend, QueueDirectory), Box<dyn Error>> {
    Ok((Interrupts::listen()?, Backend::start(arguments).await?, QueueDirectory::create()?))
}

impl Course<'_> {
    async fn run(mut self) -> bool {
        self.introduce();
        self.start_services().await;
        let all_are_ready = |stage: &Stage<'_>| stage.members.values().all(|one| one.gone || one.address.is_some());
        let waited = self.stage.wait(Some(START), all_are_ready).await;
        if waited == Waited::TooLong {
            self.stage.screen.event("some services do not start; the others go on without them");
        }
        let trace = match waited {
            Waited::Done | Waited::TooLong => self.load().await,
            Waited::Interrupted => None,
        };
        if self.stage.interruptions < 2 {
            self.stop_services().await;
        }
        if self.stage.interruptions >= 2 {
            self.stage.screen.line("interrupted again: ended at once, without the ledger");
            return false;
        }
        self.conclude(trace)
    }

    fn introduce(&mut self) {
        let screen = &mut self.stage.screen;
        match &self.backend {
            Backend::Embedded(receivers) => {
                for (number, receiver) in (1..).zip(receivers.iter()) {
                    let (grpc, http) = (receiver.grpc_endpoint(), receiver.http_endpoint());
                    screen.line(format_args!("OTLP receiver {number} listens on {grpc} (gRPC) and {http} (HTTP)"));
                }
                screen.line("the services find both, and spread their batches over them");
            }
            Backend::Own { endpoint, protocol } => {
                screen.line(format_args!("sending to {endpoint} by {protocol}; no faults are played there"));
            }
        }
    }

    async fn start_services(&mut self) {
        for (service, member) in &mut self.stage.members {
            match Process::start(*service, self.events.clone()) {
                Ok(mut process) => {
                    let settings = self.backend.settings(*service, self.arguments, self.queues.path());
                    process.tell(&Order::Begin(settings.clone())).await;
                    member.settings = Some(settings);
                    member.process = Some(process);
                }
                Err(error) => {
                    self.stage.screen.event(format_args!("{service} cannot be started: {error}"));
                    member.gone = true;
                }
            }
        }
    }

    /// Load and faults, until the time is over or Ctrl-C; a trace of a request that went well.
    async fn load(&mut self) -> Option<String> {
        let gateway = self.let_services_meet().await?;
        let (stop, stopped) = watch::channel(false);
        let (trace, latest_trace) = watch::channel(None);
        self.start_load(gateway, trace, stopped)?;
        let playing = self.start_faults();

        let is_over = |stage: &Stage<'_>| stage.load_is_over || stage.all_are_gone();
        if self.stage.wait(None, is_over).await == Waited::Interrupted {
            self.stage.screen.event("interrupted: no new purchases; ends in order (again to end at once)");
        }
        stop.send_replace(true);
        self.end_faults(playing).await;
        if self.stage.wait(Some(LAST_REQUESTS), |stage| stage.load_is_over).await == Waited::TooLong {
            self.stage.screen.event("some requests do not end; they are left");
        }
        latest_trace.borrow().clone()
    }

    /// Shows the services and tells them where the others are; where the gateway is.
    async fn let_services_meet(&mut self) -> Option<String> {
        let addresses = self.stage.members.iter().filter_map(|(service, one)| Some((*service, one.address.clone()?)));
        let peers: BTreeMap<Service, String> = addresses.collect();
        self.stage.peers = peers.clone();
        for (service, member) in &mut self.stage.members {
            if let (Some(process), Some(address), Some(settings)) =
                (&mut member.process, &member.address, &member.settings)
            {
                let queue = if settings.queue.is_some() { ", has a disk queue" } else { "" };
                self.stage.screen.line(format_args!(
                    "  {service:12}  pid {:<8} http://{address:21}  exports by {}{}{queue}",
                    process.id, settings.protocol, settings.compression
                ));
                process.tell(&Order::Peers(peers.clone())).await;
            }
        }
        let gateway = peers.get(&Service::ApiGateway).cloned();
        if gateway.is_none() {
            self.stage.screen.event("without the gateway there is nothing to be done");
        }
        gateway
    }

    /// Starts the load; `None` if that is not possible.
    fn start_load(
        &mut self,
        gateway: String,
        trace: watch::Sender<Option<String>>,
        stopped: watch::Receiver<bool>,
    ) -> Option<()> {
        let http = match reqwest::Client::builder().timeout(LAST_REQUESTS).no_proxy().build() {
            Ok(http) => http,
            Err(error) => {
                self.stage.screen.event(format_args!("there can be no load: {error}"));
                return None;
            }
        };
        let (rate, length) = (self.arguments.rate, self.arguments.length());
        let until = length.map_or("until Ctrl-C".to_owned(), |length| format!("for {} s", length.as_secs()));
        let screen = &mut self.stage.screen;
        screen.event(format_args!("{rate} purchases a second, POST http://{gateway}/orders, {until}"));
        let load = Load { gateway, rate, seed: self.arguments.seed, length };
        let (counts, events) = (self.stage.load.clone(), self.events.clone());
        tokio::spawn(async move {
            load.run(http, counts, trace, stopped).await;
            // If nobody listens, the demo is over.
            let _ = events.send(Event::LoadIsOver).await;
        });
        Some(())
    }

    /// Plays the script on the embedded receivers.
    fn start_faults(&self) -> Option<JoinHandle<()>> {
        let receivers = self.backend.receivers()?.clone();
        let play = backend::play(receivers, self.arguments.length(), self.arguments.seed, self.events.clone());
        Some(tokio::spawn(play))
    }

    /// Ends the script wherever it is, and whatever trouble there is.
    async fn end_faults(&mut self, playing: Option<JoinHandle<()>>) {
        if let Some(playing) = playing {
            playing.abort();
            // That it was aborted is no error.
            let _ = playing.await;
        }
        if let Some(receivers) = self.backend.receivers() {
            if let Err(error) = receivers.recover().await {
                self.stage.screen.event(format_args!("a receiver cannot come back: {error}"));
            }
            self.stage.found(receivers.addresses()).await;
        }
        self.stage.trouble_is_over();
    }

    /// Lets the services deliver and report.
    async fn stop_services(&mut self) {
        self.stage.screen.event("the services deliver what they still have, and report");
        let stop = Order::Stop { deadline_ms: DELIVERY.as_millis() as u64 };
        for member in self.stage.members.values_mut() {
            if let Some(process) = &mut member.process {
                process.tell(&stop).await;
            }
        }
        self.stage.stop = Some(stop);
        let mut waited = self.stage.wait(Some(DELIVERY + GRACE), Stage::all_are_gone).await;
        if waited == Waited::Interrupted && self.stage.interruptions < 2 {
            self.stage.screen.event("interrupted: the demo is about to end (again to end at once)");
            waited = self.stage.wait(Some(DELIVERY + GRACE), Stage::all_are_gone).await;
        }
        if waited == Waited::TooLong {
            for (service, member) in self.stage.members.iter_mut().filter(|(_, one)| !one.gone) {
                self.stage.screen.event(format_args!("{service} does not end and is killed; its ledger dies with it"));
                member.process = None;
            }
        }
    }

    /// The summary; whether everything is accounted for.
    fn conclude(self, trace: Option<String>) -> bool {
        let Stage { screen, members, load, .. } = self.stage;
        let latest = members.iter().map(|(service, one)| (*service, one.latest.clone())).collect();
        let testimonies = members.into_iter().map(|(service, one)| {
            let (account, claims, killed) = (one.account, one.claims, one.killed);
            Testimony { service, account, claims, killed }
        });
        let ending = Ending { testimonies: testimonies.collect(), latest, load, trace };
        summary::present(&ending, &self.backend, screen)
    }
}
