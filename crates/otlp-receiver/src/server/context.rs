//! What a request needs to know of its connection, and how its body comes in.

use std::sync::Arc;

use bytes::Bytes;
use hyper::body::Incoming;

use super::{Shared, Speaks, body, wire::ConnectionControl};
use crate::{
    TlsVersion,
    failure::{Failure, GrpcCode},
    limits::Reservation,
};

/// What a request needs to know of its connection.
#[derive(Clone)]
pub(super) struct Context {
    pub(super) shared: Arc<Shared>,
    pub(super) control: Arc<ConnectionControl>,
    pub(super) tls: Option<TlsVersion>,
    pub(super) speaks: Speaks,
    pub(super) too_many: bool,
}

impl Context {
    /// Refuses the requests of a connection beyond the limit.
    pub(super) fn admit(&self) -> Result<(), Failure> {
        if self.too_many {
            return Err(Failure::grpc(GrpcCode::Unavailable).with_message("the receiver has too many connections"));
        }
        Ok(())
    }

    /// The whole body of a request, and what of the memory for requests under way it holds.
    pub(super) async fn body(&self, request: Incoming) -> Result<(Bytes, Reservation), Failure> {
        let mut reservation = self.shared.budget.reservation();
        let body = body::read(request, &self.shared.limits, &mut reservation).await?;
        Ok((body, reservation))
    }
}
