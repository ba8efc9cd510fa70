//! The trait that every transport has in common.

use otlp_core::{EncodedRequest, Outcome};

use crate::payload::PreparedRequest;

/// Delivers encoded requests to one receiver, one attempt at a time.
///
/// An implementation makes one attempt per call and answers what came of it: it neither retries nor queues. It answers
/// [`Outcome::Delivered`] only if the receiver acknowledged the request, sets
/// [`acknowledgement_lost`](otlp_core::RetryableFailure::acknowledgement_lost) exactly if the whole request may have been processed
/// without an answer having come, and bounds its time and memory. Any number of calls may run at once. A call that is
/// dropped leaves nothing behind, but what it sent may have arrived.
pub trait Transport: Send + Sync {
    /// Makes one attempt to deliver `request`.
    ///
    /// # Panics
    ///
    /// The transports of this crate panic outside of a tokio runtime with I/O and time enabled.
    fn send(&self, request: &EncodedRequest) -> impl Future<Output = Outcome> + Send;

    /// As [`Transport::send`], for a request that may need several attempts: what one of them makes of it, for instance
    /// by compressing it, the others can use. By default nothing is made of it.
    fn send_prepared(&self, request: &PreparedRequest) -> impl Future<Output = Outcome> + Send {
        self.send(request.request())
    }
}
