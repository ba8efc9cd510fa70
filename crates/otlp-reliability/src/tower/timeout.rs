//! A timeout around a service.

use std::{
    convert::Infallible,
    future::{Future, pending},
    pin::Pin,
    task::{Context, Poll, ready},
};

use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use crate::{Clock, Observer, Rejection, Timeout, TokioClock};

/// Puts a [`Timeout`] around services.
#[derive(Debug, Clone)]
pub struct TimeoutLayer<K = TokioClock, O = ()> {
    timeout: Timeout<K, O>,
}

impl<K, O> TimeoutLayer<K, O> {
    /// A layer whose services all share `timeout`.
    pub fn new(timeout: Timeout<K, O>) -> Self {
        TimeoutLayer { timeout }
    }
}

impl<S, K: Clone, O: Clone> Layer<S> for TimeoutLayer<K, O> {
    type Service = TimeoutService<S, K, O>;

    fn layer(&self, inner: S) -> Self::Service {
        TimeoutService { inner, timeout: self.timeout.clone() }
    }
}

/// A service whose responses have a time limit. The time to become ready is not in it.
#[derive(Debug, Clone)]
pub struct TimeoutService<S, K = TokioClock, O = ()> {
    inner: S,
    timeout: Timeout<K, O>,
}

impl<S, Req, K, O> Service<Req> for TimeoutService<S, K, O>
where
    S: Service<Req>,
    S::Error: From<Rejection>,
    K: Clock + Clone + 'static,
    O: Observer + Clone + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = TimeoutFuture<S::Future, K, O>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Req) -> Self::Future {
        let limit = Limit::NotYet { timeout: self.timeout.clone() };
        TimeoutFuture { response: Some(self.inner.call(request)), limit }
    }
}

pin_project! {
    /// A response with a time limit.
    ///
    /// The response is polled before a timer exists, so one that is there at once needs none.
    pub struct TimeoutFuture<F, K = TokioClock, O = ()> {
        #[pin]
        response: Option<F>,
        limit: Limit<K, O>,
    }
}

enum Limit<K, O> {
    NotYet { timeout: Timeout<K, O> },
    Running { expiry: Pin<Box<dyn Future<Output = Rejection> + Send>> },
}

impl<F, K, O, T, E> Future for TimeoutFuture<F, K, O>
where
    F: Future<Output = Result<T, E>>,
    E: From<Rejection>,
    K: Clock + Clone + 'static,
    O: Observer + Clone + 'static,
{
    type Output = Result<T, E>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        // Polled again after its end, it never ends again.
        let Some(response) = this.response.as_mut().as_pin_mut() else { return Poll::Pending };
        if let Poll::Ready(result) = response.poll(context) {
            return Poll::Ready(result);
        }
        if let Limit::NotYet { timeout } = this.limit {
            *this.limit = Limit::Running { expiry: Box::pin(expiry(timeout.clone())) };
        }
        let Limit::Running { expiry } = this.limit else { return Poll::Pending };
        let rejection = ready!(expiry.as_mut().poll(context));
        // The call is over before anybody hears of it.
        this.response.set(None);
        Poll::Ready(Err(rejection.into()))
    }
}

/// Completes when the time is up, as a timeout around an operation that never completes: it counts and reports as any.
async fn expiry<K: Clock, O: Observer>(timeout: Timeout<K, O>) -> Rejection {
    match timeout.execute(pending::<Result<Infallible, Rejection>>).await {
        Ok(never) => match never {},
        Err(rejection) => rejection,
    }
}
