//! A circuit breaker around a service.

use std::{
    fmt,
    task::{Context, Poll},
};

use tower_layer::Layer;
use tower_service::Service;

use super::{Admitted, Held};
use crate::{CircuitBreaker, Clock, FailOnError, Judge, Observer, OwnedCircuitPermit, Rejection, TokioClock};

/// Puts a [`CircuitBreaker`] around services.
///
/// The breaker's judge sees the service's `Result`. A server's "500" is an `Ok` for most clients; a judge tells that it
/// is a failure:
///
/// ```
/// use std::{convert::Infallible, time::Duration};
/// use otlp_reliability::{CircuitBreaker, CircuitState, Error, Verdict, tower::CircuitBreakerLayer};
/// use tower::{ServiceBuilder, ServiceExt, service_fn};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let breaker = CircuitBreaker::new(1, Duration::from_secs(10)).with_judge(
///     |result: &Result<u16, Error<Infallible>>| match result {
///         Ok(status) if *status < 500 => Verdict::Success,
///         _ => Verdict::Failure,
///     },
/// );
/// let service = ServiceBuilder::new()
///     .layer(CircuitBreakerLayer::new(breaker.clone()))
///     .map_err(Error::Inner)
///     .service(service_fn(|()| async { Ok::<_, Infallible>(503) }));
///
/// assert_eq!(service.clone().oneshot(()).await, Ok(503));
/// assert_eq!(breaker.state(), CircuitState::Open);
/// assert!(service.oneshot(()).await.unwrap_err().is_open());
/// # }
/// ```
pub struct CircuitBreakerLayer<J = FailOnError, K = TokioClock, O = ()> {
    breaker: CircuitBreaker<J, K, O>,
}

impl<J, K, O> CircuitBreakerLayer<J, K, O> {
    /// A layer whose services all share `breaker`.
    pub fn new(breaker: CircuitBreaker<J, K, O>) -> Self {
        CircuitBreakerLayer { breaker }
    }
}

impl<S, J: Clone, K, O: Clone> Layer<S> for CircuitBreakerLayer<J, K, O> {
    type Service = CircuitBreakerService<S, J, K, O>;

    fn layer(&self, inner: S) -> Self::Service {
        CircuitBreakerService { inner, breaker: self.breaker.clone() }
    }
}

/// A service behind a [`CircuitBreaker`]. It is ready whenever the service is, and a call is rejected if the breaker does
/// not let it through: whoever waits for readiness would wait out every break.
pub struct CircuitBreakerService<S, J = FailOnError, K = TokioClock, O = ()> {
    inner: S,
    breaker: CircuitBreaker<J, K, O>,
}

impl<S, Req, J, K, O> Service<Req> for CircuitBreakerService<S, J, K, O>
where
    S: Service<Req>,
    S::Error: From<Rejection>,
    J: Judge<Result<S::Response, S::Error>> + Clone,
    K: Clock,
    O: Observer + Clone,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Admitted<S, Req, OwnedCircuitPermit<J, K, O>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Req) -> Self::Future {
        match self.breaker.try_acquire_owned() {
            Ok(permit) => Admitted::running(self.inner.call(request), permit),
            Err(rejection) => Admitted::rejected(rejection),
        }
    }
}

impl<R, J: Judge<R>, K: Clock, O: Observer> Held<R> for OwnedCircuitPermit<J, K, O> {
    fn settle(self, result: &R) {
        self.record(result);
    }
}

impl<J: Clone, K, O: Clone> Clone for CircuitBreakerLayer<J, K, O> {
    fn clone(&self) -> Self {
        CircuitBreakerLayer { breaker: self.breaker.clone() }
    }
}

impl<S: Clone, J: Clone, K, O: Clone> Clone for CircuitBreakerService<S, J, K, O> {
    fn clone(&self) -> Self {
        CircuitBreakerService { inner: self.inner.clone(), breaker: self.breaker.clone() }
    }
}

impl<J, K, O> fmt::Debug for CircuitBreakerLayer<J, K, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CircuitBreakerLayer").field("state", &self.breaker.state()).finish_non_exhaustive()
    }
}

impl<S: fmt::Debug, J, K, O> fmt::Debug for CircuitBreakerService<S, J, K, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let CircuitBreakerService { inner, breaker } = self;
        f.debug_struct("CircuitBreakerService")
            .field("inner", inner)
            .field("state", &breaker.state())
            .finish_non_exhaustive()
    }
}
