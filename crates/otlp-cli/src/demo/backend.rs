//! Where the services send: the embedded receiver, which the script plays with, or the reader's own backend.

use std::{error::Error, io, path::Path, sync::Arc, time::Duration};

use otlp::core::EnhancedOtlpClient;
use otlp_receiver::{Fault, FaultMix, GrpcCode, Receiver};
use tokio::sync::{mpsc, oneshot};

use super::{
    Arguments,
    message::Settings,
    script::{self, Trouble},
    stage::Event,
    topology::{ExportCompression, ExportProtocol, Service},
};

/// Where the services send.
pub(crate) enum Backend {
    Embedded(Arc<Receiver>),
    Own { endpoint: String, protocol: ExportProtocol },
}

impl Backend {
    /// Starts the embedded receiver, unless the reader has a backend.
    ///
    /// # Errors
    /// If no port can be listened on, or if the reader's endpoint or environment is none that a client can be built with.
    pub(crate) async fn start(arguments: &Arguments) -> Result<Self, Box<dyn Error>> {
        let Some(endpoint) = &arguments.endpoint else {
            return Ok(Backend::Embedded(Arc::new(Receiver::builder().start().await?)));
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

    pub(crate) fn receiver(&self) -> Option<&Arc<Receiver>> {
        match self {
            Backend::Embedded(receiver) => Some(receiver),
            Backend::Own { .. } => None,
        }
    }

    /// How a service is to export here.
    ///
    /// The one that is killed has a disk queue in `queues`; where no faults are played, none has.
    pub(crate) fn settings(&self, service: Service, arguments: &Arguments, queues: &Path) -> Settings {
        let (endpoint, protocol, compression, environment) = match self {
            Backend::Embedded(receiver) => {
                let (protocol, compression) = service.export();
                let protocol = arguments.protocol.unwrap_or(protocol);
                let endpoint = match protocol {
                    ExportProtocol::Grpc => receiver.grpc_endpoint(),
                    ExportProtocol::HttpProtobuf | ExportProtocol::HttpJson => receiver.http_endpoint(),
                };
                (endpoint, protocol, compression, false)
            }
            Backend::Own { endpoint, protocol } => (endpoint.clone(), *protocol, ExportCompression::None, true),
        };
        let port = if service == Service::ApiGateway { arguments.gateway_port } else { 0 };
        let is_killed = service == script::VICTIM && self.receiver().is_some();
        let queue = is_killed.then(|| queues.join(service.name()));
        Settings { endpoint, protocol, compression, environment, seed: arguments.seed, port, queue }
    }
}

/// Plays the script on the receiver until it is over or cancelled, telling `events` of each change.
pub(crate) async fn play(receiver: Arc<Receiver>, length: Option<Duration>, seed: u64, events: mpsc::Sender<Event>) {
    let start = tokio::time::Instant::now();
    for scene in script::scenes(length) {
        tokio::time::sleep_until(start + scene.begins).await;
        let struck_before = strikes(&receiver);
        begin(&receiver, scene.trouble, seed).await;
        let _ = events.send(Event::TroubleBegins(scene.trouble)).await;
        if let Some(kills_at) = scene.kills_at() {
            tokio::time::sleep_until(start + kills_at).await;
            let (killed, is_killed) = oneshot::channel();
            let _ = events.send(Event::Kill(script::VICTIM, killed)).await;
            // The receiver takes nothing until then, however long it is. Nobody to be killed is an answer as well.
            let _ = is_killed.await;
        }
        tokio::time::sleep_until(start + scene.ends).await;
        let recovered = recover(&receiver).await;
        let struck = strikes(&receiver) - struck_before;
        let _ = events.send(Event::TroubleEnds { struck, recovered }).await;
    }
}

async fn begin(receiver: &Receiver, trouble: Trouble, seed: u64) {
    let faults = receiver.faults();
    match trouble {
        Trouble::Unavailable => faults.inject(Fault::grpc(GrpcCode::Unavailable)),
        Trouble::Throttled => faults.inject(Fault::throttle(Duration::from_millis(700))),
        Trouble::Slow => faults.inject(Fault::delay(Duration::from_millis(400))),
        Trouble::PartialSuccess => faults.inject(Fault::reject_fraction(0.1)),
        Trouble::LostAcknowledgement => {
            faults.inject(FaultMix::new(0.5, seed, vec![Fault::lost_acknowledgement()]));
        }
        Trouble::Killed => receiver.kill().await,
    }
}

/// Ends whatever trouble there is.
///
/// # Errors
/// If the receiver was dead and its port is taken.
pub(crate) async fn recover(receiver: &Receiver) -> io::Result<()> {
    receiver.faults().clear();
    receiver.restart().await
}

fn strikes(receiver: &Receiver) -> u64 {
    receiver.faults().counts().values().sum()
}
