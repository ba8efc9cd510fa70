//! A rate limiter around a service.

use std::task::{Context, Poll};

use tower_layer::Layer;
use tower_service::Service;

use super::{Admitted, Held, take_ready};
use crate::{Clock, Observer, RateLimiter, Rejection, TokioClock};

/// Puts a [`RateLimiter`] around services.
#[derive(Debug)]
pub struct RateLimiterLayer<K = TokioClock, O = ()> {
    limiter: RateLimiter<K, O>,
}

impl<K, O> RateLimiterLayer<K, O> {
    /// A layer whose services all share `limiter`.
    pub fn new(limiter: RateLimiter<K, O>) -> Self {
        RateLimiterLayer { limiter }
    }
}

impl<S, K, O: Clone> Layer<S> for RateLimiterLayer<K, O> {
    type Service = RateLimiterService<S, K, O>;

    fn layer(&self, inner: S) -> Self::Service {
        RateLimiterService { inner, limiter: self.limiter.clone() }
    }
}

/// A service that is called at a limited rate. A call that comes too early is rejected, or waits in its response future
/// where the limiter says so.
#[derive(Debug)]
pub struct RateLimiterService<S, K = TokioClock, O = ()> {
    inner: S,
    limiter: RateLimiter<K, O>,
}

impl<S, Req, K, O> Service<Req> for RateLimiterService<S, K, O>
where
    S: Service<Req> + Clone,
    S::Error: From<Rejection>,
    K: Clock + 'static,
    O: Observer + Clone + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Admitted<S, Req, ()>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Req) -> Self::Future {
        if self.limiter.acquire_at_once() {
            return Admitted::running(self.inner.call(request), ());
        }
        let limiter = self.limiter.clone();
        Admitted::waiting(async move { limiter.acquire().await }, take_ready(&mut self.inner), request)
    }
}

/// A rate limiter holds nothing for a call that runs.
impl<R> Held<R> for () {
    fn settle(self, _: &R) {}
}

impl<K, O: Clone> Clone for RateLimiterLayer<K, O> {
    fn clone(&self) -> Self {
        RateLimiterLayer { limiter: self.limiter.clone() }
    }
}

impl<S: Clone, K, O: Clone> Clone for RateLimiterService<S, K, O> {
    fn clone(&self) -> Self {
        RateLimiterService { inner: self.inner.clone(), limiter: self.limiter.clone() }
    }
}
