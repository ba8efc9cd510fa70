//! The OTLP exporter: encoded batches to a receiver, by a transport per signal.

use std::sync::Arc;

use otlp_batch::Batch;
use otlp_core::{EncodedRequest, ExportError, Outcome, Signal};
use otlp_transport::{AnyTransport, Transport};

use crate::Attempt;

/// Sends the bytes of a batch as they are.
pub struct OtlpExporter {
    /// By [`Signal::index`]; signals with the same settings share one.
    transports: [Arc<AnyTransport>; 3],
}

impl OtlpExporter {
    /// All signals by one transport.
    pub fn new(transport: AnyTransport) -> Self {
        let transport = Arc::new(transport);
        OtlpExporter { transports: [Arc::clone(&transport), Arc::clone(&transport), transport] }
    }

    /// Each signal by its own transport, in the order of [`Signal::ALL`].
    pub fn per_signal(transports: [Arc<AnyTransport>; 3]) -> Self {
        OtlpExporter { transports }
    }
}

impl Attempt for OtlpExporter {
    type Prepared = EncodedRequest;

    fn name(&self) -> String {
        let mut names: Vec<String> = Signal::ALL.iter().map(|one| self.transports[one.index()].name()).collect();
        names.dedup();
        names.join(", ")
    }

    fn prepare(&self, batch: &Batch) -> Result<EncodedRequest, ExportError> {
        Ok(batch.to_request())
    }

    async fn attempt(&self, request: &EncodedRequest) -> Outcome {
        self.transports[request.signal().index()].send(request).await
    }
}
