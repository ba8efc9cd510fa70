//! Where the services send: the embedded receivers, which the script plays with, or the reader's own backend.

use std::{error::Error, path::Path, sync::Arc, time::Duration};

use otlp::core::EnhancedOtlpClient;
use otlp_receiver::{Fault, FaultMix, GrpcCode};
use tokio::sync::{mpsc, oneshot};

use super::{
    Arguments,
    event::Event,
    message::Settings,
    receivers::Receivers,
    script::{self, Trouble},
    topology::{ExportCompression, ExportProtocol, Service},
};

/// Where the services send.
pub(crate) enum Backend {
    Embedded(Arc<Receivers>),
    Own { endpoint: String, protocol: ExportProtocol },
}

impl Backend {
    /// Starts the embedded receivers, unless the reader has a backend.
    ///
    /// # Errors
    /// If no port can be listened on, or if the reader's endpoint or environment is none that a client can be built with.
    pub(crate) async fn start(arguments: &Arguments) -> Result<Self, Box<dyn Error>> {
        let Some(endpoint) = &arguments.endpoint else {
            return Ok(Backend::Embedded(Arc::new(Receivers::start().await?)));
        };
        let usual = if endpoint.trim_end_matches('/').ends_with(":4317") {
            ExportProtocol::Grpc
        } else {
            ExportProtocol::HttpProtobuf
        };
        let protocol = arguments.protocol.unwrap_or(usual);
        // What no service could be built with is said here, once, instead of by each of them.
        let client = EnhancedOtlpClient::builder().with_endpoint(endpoint).with_protocol(protocol.protocol());
        client.build().await?.shutdown(Duration::from_secs(1)).await;
        Ok(Backend::Own { endpoint: endpoint.clone(), protocol })
    }

    pub(crate) fn receivers(&self) -> Option<&Arc<Receivers>> {
        match self {
            Backend::Embedded(receivers) => Some(receivers),
            Backend::Own { .. } => None,
        }
    }

    /// How a service is to export here.
    ///
    /// The one that is killed has a disk queue in `queues`; where no faults are played, none has.
    pub(crate) fn settings(&self, service: Service, arguments: &Arguments, queues: &Path) -> Settings {
        let (endpoint, receivers, protocol, compression, environment) = match self {
            Backend::Embedded(receivers) => {
                let (protocol, compression) = service.export();
                let protocol = arguments.protocol.unwrap_or(protocol);
                let addresses = receivers.addresses();
                let endpoint = addresses.of(protocol).first().map(|address| format!("http://{address}"));
                (endpoint.unwrap_or_default(), Some(addresses), protocol, compression, false)
            }
            Backend::Own { endpoint, protocol } => (endpoint.clone(), None, *protocol, ExportCompression::None, true),
        };
        let port = if service == Service::ApiGateway { arguments.gateway_port } else { 0 };
        let is_killed = service == script::VICTIM && self.receivers().is_some();
        let queue = is_killed.then(|| queues.join(service.name()));
        Settings { endpoint, receivers, protocol, compression, environment, seed: arguments.seed, port, queue }
    }
}

/// Plays the script on the receivers until it is over or cancelled, telling `events` of each change.
pub(crate) async fn play(receivers: Arc<Receivers>, length: Option<Duration>, seed: u64, events: mpsc::Sender<Event>) {
    let start = tokio::time::Instant::now();
    for scene in script::scenes(length) {
        tokio::time::sleep_until(start + scene.begins).await;
        let struck_before = receivers.strikes();
        begin(&receivers, scene.trouble, seed).await;
        let _ = events.send(Event::TroubleBegins(scene.trouble)).await;
        if let Some(kills_at) = scene.kills_at() {
            tokio::time::sleep_until(start + kills_at).await;
            let (killed, is_killed) = oneshot::channel();
            let _ = events.send(Event::Kill(script::VICTIM, killed)).await;
            // The receivers take nothing until then, however long it is. Nobody to be killed is an answer as well.
            let _ = is_killed.await;
        }
        if let Some(is_found_out_at) = scene.is_found_out_at() {
            tokio::time::sleep_until(start + is_found_out_at).await;
            let _ = events.send(Event::Found(receivers.addresses_of_the_faithful())).await;
        }
        tokio::time::sleep_until(start + scene.ends).await;
        let recovered = receivers.recover().await;
        let _ = events.send(Event::Found(receivers.addresses())).await;
        let struck = receivers.strikes() - struck_before;
        let _ = events.send(Event::TroubleEnds { struck, recovered }).await;
    }
}

async fn begin(receivers: &Receivers, trouble: Trouble, seed: u64) {
    match trouble {
        Trouble::Unavailable => receivers.inject(|| Fault::grpc(GrpcCode::Unavailable).into()),
        Trouble::Throttled => receivers.inject(|| Fault::throttle(Duration::from_millis(700)).into()),
        Trouble::Slow => receivers.inject(|| Fault::delay(Duration::from_millis(400)).into()),
        Trouble::PartialSuccess => receivers.inject(|| Fault::reject_fraction(0.1).into()),
        Trouble::LostAcknowledgement => {
            receivers.inject(|| FaultMix::new(0.5, seed, vec![Fault::lost_acknowledgement()]).into());
        }
        Trouble::OneLeaves => receivers.kill_the_second().await,
        Trouble::Killed => receivers.kill().await,
    }
}
