//! A hedge around a service.

use std::{
    sync::{Mutex, PoisonError},
    task::{Context, Poll},
};

use tower_layer::Layer;
use tower_service::Service;

use super::{BoxedResponse, attempts::Attempts};
use crate::{Clock, Hedge, Observer, TokioClock};

/// Puts a [`Hedge`] around services whose requests may be answered twice.
///
/// Each attempt gets a clone of the request, and each but the first waits until a clone of the service is ready.
#[derive(Debug, Clone)]
pub struct HedgeLayer<K = TokioClock, O = ()> {
    hedge: Hedge<K, O>,
}

impl<K, O> HedgeLayer<K, O> {
    /// A layer whose services all share `hedge`.
    pub fn new(hedge: Hedge<K, O>) -> Self {
        HedgeLayer { hedge }
    }
}

impl<S, K: Clone, O: Clone> Layer<S> for HedgeLayer<K, O> {
    type Service = HedgeService<S, K, O>;

    fn layer(&self, inner: S) -> Self::Service {
        HedgeService { inner, hedge: self.hedge.clone() }
    }
}

/// A service that is called again beside a call that takes long; the first success counts.
#[derive(Debug, Clone)]
pub struct HedgeService<S, K = TokioClock, O = ()> {
    inner: S,
    hedge: Hedge<K, O>,
}

impl<S, Req, K, O> Service<Req> for HedgeService<S, K, O>
where
    S: Service<Req> + Clone + Send + 'static,
    S::Response: Send + 'static,
    S::Error: Send + 'static,
    S::Future: Send,
    Req: Clone + Send + 'static,
    K: Clock + Clone + 'static,
    O: Observer + Clone + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = BoxedResponse<S::Response, S::Error>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Req) -> Self::Future {
        // Attempts begin one after the other; the lock is there because the hedge promises that to nobody.
        let attempts = Mutex::new(Attempts::of(&mut self.inner, request));
        let hedge = self.hedge.clone();
        Box::pin(
            async move { hedge.execute(move || attempts.lock().unwrap_or_else(PoisonError::into_inner).next()).await },
        )
    }
}
