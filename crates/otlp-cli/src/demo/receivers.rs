//! The embedded receivers: two, which the services find and balance over. The second one leaves and returns.

use std::{io, sync::Arc};

use otlp::data::SpanData;
use otlp_receiver::{FaultRule, Receiver};
use serde::{Deserialize, Serialize};

use super::topology::ExportProtocol;

/// Where the receivers are that are to be found, each as `host:port`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct ReceiverAddresses {
    grpc: Vec<String>,
    http: Vec<String>,
}

impl ReceiverAddresses {
    /// Where they speak this protocol.
    pub(crate) fn of(&self, protocol: ExportProtocol) -> &[String] {
        match protocol {
            ExportProtocol::Grpc => &self.grpc,
            ExportProtocol::HttpProtobuf | ExportProtocol::HttpJson => &self.http,
        }
    }
}

/// The receivers.
pub(crate) struct Receivers([Receiver; 2]);

impl Receivers {
    /// Starts them.
    ///
    /// # Errors
    /// If no port can be listened on.
    pub(crate) async fn start() -> Result<Self, otlp_receiver::StartError> {
        Ok(Receivers([Receiver::builder().start().await?, Receiver::builder().start().await?]))
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Receiver> {
        self.0.iter()
    }

    /// Where all of them are.
    pub(crate) fn addresses(&self) -> ReceiverAddresses {
        addresses(&self.0)
    }

    /// Where those are that do not leave.
    pub(crate) fn addresses_of_the_faithful(&self) -> ReceiverAddresses {
        addresses(&self.0[..1])
    }

    /// Lets the same happen to all of them.
    pub(crate) fn inject(&self, fault: impl Fn() -> FaultRule) {
        self.iter().for_each(|receiver| receiver.faults().inject(fault()));
    }

    /// Kills all of them.
    pub(crate) async fn kill(&self) {
        for receiver in self.iter() {
            receiver.kill().await;
        }
    }

    /// Kills the one that leaves.
    pub(crate) async fn kill_the_second(&self) {
        self.0[1].kill().await;
    }

    /// Ends whatever trouble there is.
    ///
    /// # Errors
    /// If one was dead and its port is taken.
    pub(crate) async fn recover(&self) -> io::Result<()> {
        for receiver in self.iter() {
            receiver.faults().clear();
            receiver.restart().await?;
        }
        Ok(())
    }

    /// How many requests were struck.
    pub(crate) fn strikes(&self) -> u64 {
        self.iter().map(|receiver| receiver.faults().counts().values().sum::<u64>()).sum()
    }

    /// The spans of all of them.
    pub(crate) fn spans(&self) -> Vec<Arc<SpanData>> {
        self.iter().flat_map(|receiver| receiver.store().spans()).collect()
    }
}

fn addresses(receivers: &[Receiver]) -> ReceiverAddresses {
    ReceiverAddresses {
        grpc: receivers.iter().map(|one| one.grpc_address().to_string()).collect(),
        http: receivers.iter().map(|one| one.http_address().to_string()).collect(),
    }
}
