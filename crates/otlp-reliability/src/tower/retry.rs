//! A retry around a service.

use std::task::{Context, Poll};

use tower_layer::Layer;
use tower_service::Service;

use super::{BoxedResponse, attempts::Attempts};
use crate::{Classify, Clock, Observer, Retry, RetryErrors, TokioClock};

/// Puts a [`Retry`] around services.
///
/// Each attempt gets a clone of the request, and each but the first waits until a clone of the service is ready. What
/// stands inside of this layer holds for each attempt, what stands outside for all of them together.
#[derive(Debug, Clone)]
pub struct RetryLayer<C = RetryErrors, K = TokioClock, O = ()> {
    retry: Retry<C, K, O>,
}

impl<C, K, O> RetryLayer<C, K, O> {
    /// A layer whose services all share `retry`.
    pub fn new(retry: Retry<C, K, O>) -> Self {
        RetryLayer { retry }
    }
}

impl<S, C: Clone, K: Clone, O: Clone> Layer<S> for RetryLayer<C, K, O> {
    type Service = RetryService<S, C, K, O>;

    fn layer(&self, inner: S) -> Self::Service {
        RetryService { inner, retry: self.retry.clone() }
    }
}

/// A service that is called again while its results call for it.
#[derive(Debug, Clone)]
pub struct RetryService<S, C = RetryErrors, K = TokioClock, O = ()> {
    inner: S,
    retry: Retry<C, K, O>,
}

impl<S, Req, C, K, O> Service<Req> for RetryService<S, C, K, O>
where
    S: Service<Req> + Clone + Send + 'static,
    S::Response: Send + 'static,
    S::Error: Send + 'static,
    S::Future: Send,
    Req: Clone + Send + 'static,
    C: Classify<Result<S::Response, S::Error>> + Clone + 'static,
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
        let mut attempts = Attempts::of(&mut self.inner, request);
        let retry = self.retry.clone();
        Box::pin(async move { retry.execute(move || attempts.next()).await })
    }
}
