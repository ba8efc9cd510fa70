//! What a receiver takes at most: sizes, times, connections.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use crate::failure::{Failure, GrpcCode};

/// What a receiver takes at most. What exceeds a limit is answered with a 4xx or 503, or a gRPC status, that says so;
/// the receiver goes on serving.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a request's body as it arrives. OTLP asks for 64 MiB. Beyond: 413, `RESOURCE_EXHAUSTED`.
    pub request_bytes: usize,
    /// Bytes of a request's body after decompression. Beyond: 413, `RESOURCE_EXHAUSTED`.
    pub decompressed_bytes: usize,
    /// Bytes that requests take at once in memory, as they arrived, decompressed and decoded. Beyond: 503,
    /// `UNAVAILABLE`, or as for `decompressed_bytes` if one request alone would take more.
    pub in_flight_bytes: usize,
    /// Bytes of a request's headers. Beyond: 431, by the HTTP layer.
    pub header_bytes: usize,
    /// How long a TLS handshake, the first bytes of a connection or the headers of an HTTP/1 request may take. Beyond,
    /// the connection is closed; so is an HTTP/1 connection on which no request came for so long.
    pub header_timeout: Duration,
    /// How long a request's body may take. Beyond: 408, `DEADLINE_EXCEEDED`.
    pub body_timeout: Duration,
    /// Connections at once. Requests on those beyond are answered 503, `UNAVAILABLE`; a further 64 beyond those are
    /// closed at once.
    pub connections: usize,
}

impl Default for Limits {
    /// 64 MiB per request and after decompression, 1 GiB in flight, 32 KiB and 30 s of headers, 30 s of body, 1024
    /// connections.
    fn default() -> Self {
        Limits {
            request_bytes: 64 << 20,
            decompressed_bytes: 64 << 20,
            in_flight_bytes: 1 << 30,
            header_bytes: 32 << 10,
            header_timeout: Duration::from_secs(30),
            body_timeout: Duration::from_secs(30),
            connections: 1024,
        }
    }
}

/// The bytes that requests take in memory now.
#[derive(Debug)]
pub(crate) struct MemoryBudget {
    limit: usize,
    used: AtomicUsize,
}

/// A part of the budget, given back on drop.
#[derive(Debug)]
pub(crate) struct Reservation {
    budget: Arc<MemoryBudget>,
    bytes: usize,
}

/// There is no room for the request.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BudgetExhausted {
    #[error("the requests that the receiver is busy with take its {limit} bytes; try again")]
    ByOthers { limit: usize },
    #[error("the request alone takes more than {limit} bytes in memory")]
    ByOne { limit: usize },
}

impl BudgetExhausted {
    /// Without its message.
    pub(crate) fn failure(&self) -> Failure {
        match self {
            BudgetExhausted::ByOthers { .. } => Failure::grpc(GrpcCode::Unavailable),
            BudgetExhausted::ByOne { .. } => Failure::too_large(),
        }
    }
}

impl MemoryBudget {
    pub(crate) fn new(limit: usize) -> Arc<Self> {
        Arc::new(MemoryBudget { limit, used: AtomicUsize::new(0) })
    }

    pub(crate) fn reservation(self: &Arc<Self>) -> Reservation {
        Reservation { budget: self.clone(), bytes: 0 }
    }
}

impl Reservation {
    pub(crate) fn grow(&mut self, bytes: usize) -> Result<(), BudgetExhausted> {
        let limit = self.budget.limit;
        if self.bytes.checked_add(bytes).is_none_or(|total| total > limit) {
            return Err(BudgetExhausted::ByOne { limit });
        }
        let grown = |used: usize| used.checked_add(bytes).filter(|used| *used <= limit);
        // Nothing is published through the counter, so no ordering is needed.
        match self.budget.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, grown) {
            Ok(_) => {
                self.bytes += bytes;
                Ok(())
            }
            Err(_) => Err(BudgetExhausted::ByOthers { limit }),
        }
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.budget.used.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dropped_reservation_gives_its_bytes_back() {
        let budget = MemoryBudget::new(10);
        let mut first = budget.reservation();
        first.grow(6).unwrap();
        let mut second = budget.reservation();
        assert!(matches!(second.grow(5), Err(BudgetExhausted::ByOthers { .. })));
        second.grow(4).unwrap();
        drop(first);
        second.grow(6).unwrap();
        assert!(matches!(second.grow(1), Err(BudgetExhausted::ByOne { .. })));
        assert!(matches!(second.grow(usize::MAX), Err(BudgetExhausted::ByOne { .. })));
    }
}
