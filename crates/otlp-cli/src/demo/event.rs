//! What happens during a demo, as it is told to the stage by whoever sees it.

use std::io;

use tokio::sync::oneshot;

use super::{message::Report, receivers::ReceiverAddresses, script::Trouble, topology::Service};

/// Something that happened.
#[derive(Debug)]
pub(crate) enum Event {
    /// A service reports.
    Report(Service, Box<Report>),
    /// The process of a service ended, in this way.
    Gone(Service, String),
    /// The receivers are in trouble now.
    TroubleBegins(Trouble),
    /// The trouble is over.
    TroubleEnds {
        /// How many requests it struck.
        struck: u64,
        /// Whether the receivers are back.
        recovered: io::Result<()>,
    },
    /// The receivers are to be found here from now on.
    Found(ReceiverAddresses),
    /// A service is to be killed, and will then be started again. The sender is dropped then.
    Kill(Service, oneshot::Sender<()>),
    /// All requests of the load have ended.
    LoadIsOver,
}
