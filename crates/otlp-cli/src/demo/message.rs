//! What the demo and its services say to each other: one JSON message a line, over the service's standard input and
//! output.
//!
//! A line is bounded on reading, and what is long (evidence) is cut into several messages before it is written. A
//! service whose standard input ends knows that the demo is gone.

use std::{collections::BTreeMap, io, path::PathBuf};

use otlp::{Signal, delivery::Ledger};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt};

use super::{
    evidence::{Claim, ItemId, Unclaimed},
    receivers::ReceiverAddresses,
    topology::{ExportCompression, ExportProtocol, Service},
};

/// The longest line that is read, in bytes.
const LONGEST_LINE: u64 = 1 << 20;

/// To a service.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Order {
    /// The first message: how to run.
    Begin(Settings),
    /// Where the services are. From now on requests can come.
    Peers(BTreeMap<Service, String>),
    /// Where the receivers are that are found from now on.
    Receivers(ReceiverAddresses),
    /// Deliver what there is, report, end.
    Stop {
        /// How long delivering may take.
        deadline_ms: u64,
    },
}

/// How a service runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Settings {
    /// A receiver, and how all of them are spoken to.
    pub(crate) endpoint: String,
    /// Where the receivers are, if they are found.
    pub(crate) receivers: Option<ReceiverAddresses>,
    pub(crate) protocol: ExportProtocol,
    pub(crate) compression: ExportCompression,
    /// Whether the `OTEL_*` variables of the environment count: headers for the reader's own backend.
    pub(crate) environment: bool,
    /// Decides what fails, and how long things take.
    pub(crate) seed: u64,
    /// The port to listen on; zero is any.
    pub(crate) port: u16,
    /// The directory of its disk queue, if it has one. Such a service may be killed at any time: it announces what it
    /// records and tells each fate as it comes.
    pub(crate) queue: Option<PathBuf>,
}

/// From a service.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Report {
    /// It listens.
    Ready {
        /// Where.
        address: String,
    },
    /// Something to be shown.
    Said(String),
    /// How the ledger stands; some times a second.
    Progress(Ledger),
    /// Part of the evidence; after `Stop`, or as it comes from a service that may be killed.
    Claims(Vec<Claim>),
    /// Items that are about to be recorded.
    Announced(Signal, Vec<ItemId>),
    /// Items that are delivered or on the disk for good.
    Durable(Vec<ItemId>),
    /// The last message.
    Ended(Account),
}

/// How a service ended.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(crate) struct Account {
    /// The ledger after the shutdown of the client.
    pub(crate) ledger: Ledger,
    /// Whether everything had its fate before the deadline.
    pub(crate) complete: bool,
    /// What the claims do not cover.
    pub(crate) unclaimed: Unclaimed,
}

/// The message as a line.
pub(crate) fn line(message: &impl Serialize) -> io::Result<String> {
    let mut line = serde_json::to_string(message)?;
    line.push('\n');
    Ok(line)
}

/// The next message; `None` at the end of the stream. Cancelling it in the middle of a line loses that line's beginning.
///
/// # Errors
/// If the stream fails, or a line is too long or no message.
pub(crate) async fn next<M: DeserializeOwned>(stream: &mut (impl AsyncBufRead + Unpin)) -> io::Result<Option<M>> {
    let mut line = Vec::new();
    stream.take(LONGEST_LINE).read_until(b'\n', &mut line).await?;
    if line.is_empty() {
        return Ok(None);
    }
    if line.last() != Some(&b'\n') {
        let what = if line.len() as u64 == LONGEST_LINE { "is too long" } else { "breaks off" };
        return Err(io::Error::new(io::ErrorKind::InvalidData, format!("a message {what}")));
    }
    serde_json::from_slice(&line).map(Some).map_err(io::Error::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn messages_are_read_line_by_line() {
        let text = line(&Order::Stop { deadline_ms: 5 }).unwrap() + &line(&Order::Peers(BTreeMap::new())).unwrap();
        let mut stream = text.as_bytes();
        assert_eq!(next(&mut stream).await.unwrap(), Some(Order::Stop { deadline_ms: 5 }));
        assert_eq!(next(&mut stream).await.unwrap(), Some(Order::Peers(BTreeMap::new())));
        assert_eq!(next::<Order>(&mut stream).await.unwrap(), None);
    }

    #[tokio::test]
    async fn a_line_that_breaks_off_never_ends_or_is_nonsense_is_an_error() {
        let endless = vec![b' '; LONGEST_LINE as usize + 1];
        for (stream, what) in [(&b"{\"stop\""[..], "breaks off"), (&endless, "too long"), (b"hello\n", "expected")] {
            let error = next::<Order>(&mut &*stream).await.unwrap_err().to_string();
            assert!(error.contains(what), "{error}");
        }
    }
}
