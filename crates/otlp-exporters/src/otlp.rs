//! The OTLP exporter: encoded batches to a receiver, by a transport per signal.

use std::sync::Arc;

use otlp_batch::{Batch, MemoryBudget};
use otlp_core::{ExportError, Outcome};
use otlp_transport::{AnyTransport, PreparedRequest, Transport};

use crate::Attempt;

/// Sends the bytes of a batch as they are.
pub struct OtlpExporter {
    name: String,
    /// By [`Signal::index`](otlp_core::Signal::index).
    transports: [Arc<AnyTransport>; 3],
}

impl OtlpExporter {
    /// Sends each signal by its transport, in the order of [`Signal::ALL`](otlp_core::Signal::ALL); signals may share
    /// one. `name` is what the ledger calls the destination.
    pub fn new(name: impl Into<String>, transports: [Arc<AnyTransport>; 3]) -> Self {
        OtlpExporter { name: name.into(), transports }
    }
}

impl Attempt for OtlpExporter {
    type Prepared = PreparedRequest;

    fn name(&self) -> String {
        self.name.clone()
    }

    fn prepare(&self, batch: &Batch, memory: &MemoryBudget) -> Result<PreparedRequest, ExportError> {
        let memory = memory.clone();
        let room = move |bytes| memory.set_aside(bytes).map(|grant| Box::new(grant) as Box<dyn Send + Sync>);
        Ok(PreparedRequest::new(batch.to_request()).kept_within(room))
    }

    /// The transport keeps the time limit itself, and needs no [`Timeout`](otlp_reliability::Timeout) around it: only
    /// the connection knows how much of the request it took, and so whether an attempt that ran out of time may have
    /// arrived; it does not use a connection again that stayed silent; and over gRPC the receiver is told the limit.
    async fn attempt(&self, request: &PreparedRequest) -> Outcome {
        self.transports[request.request().signal().index()].send_prepared(request).await
    }
}
