//! A bulkhead around a service.

use std::task::{Context, Poll};

use tower_layer::Layer;
use tower_service::Service;

use super::{Admitted, Held, take_ready};
use crate::{Bulkhead, Clock, Observer, Permit, Rejection, TokioClock};

/// Puts a [`Bulkhead`] around services.
#[derive(Debug, Clone)]
pub struct BulkheadLayer<K = TokioClock, O = ()> {
    bulkhead: Bulkhead<K, O>,
}

impl<K, O> BulkheadLayer<K, O> {
    /// A layer whose services all share `bulkhead`.
    pub fn new(bulkhead: Bulkhead<K, O>) -> Self {
        BulkheadLayer { bulkhead }
    }
}

impl<S, K: Clone, O: Clone> Layer<S> for BulkheadLayer<K, O> {
    type Service = BulkheadService<S, K, O>;

    fn layer(&self, inner: S) -> Self::Service {
        BulkheadService { inner, bulkhead: self.bulkhead.clone() }
    }
}

/// A service in a [`Bulkhead`]. A call takes its permit when it is called and gives it back with the response; in between
/// it may stand in the bulkhead's line.
#[derive(Debug, Clone)]
pub struct BulkheadService<S, K = TokioClock, O = ()> {
    inner: S,
    bulkhead: Bulkhead<K, O>,
}

impl<S, Req, K, O> Service<Req> for BulkheadService<S, K, O>
where
    S: Service<Req> + Clone,
    S::Error: From<Rejection>,
    K: Clock + Clone + 'static,
    O: Observer + Clone + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Admitted<S, Req, Permit>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Req) -> Self::Future {
        match self.bulkhead.acquire_at_once() {
            Some(permit) => Admitted::running(self.inner.call(request), permit),
            None => {
                let bulkhead = self.bulkhead.clone();
                Admitted::waiting(async move { bulkhead.acquire().await }, take_ready(&mut self.inner), request)
            }
        }
    }
}

impl<R> Held<R> for Permit {
    fn settle(self, _: &R) {}
}
