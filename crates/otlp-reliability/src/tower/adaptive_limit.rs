//! An adaptive limit around a service.

use std::task::{Context, Poll};

use tower_layer::Layer;
use tower_service::Service;

use super::{Admitted, Held, take_ready};
use crate::{AdaptiveLimit, AdaptivePermit, Clock, FailOnError, Judge, Observer, Rejection, TokioClock};

/// Puts an [`AdaptiveLimit`] around services. Its judge sees the service's `Result`.
#[derive(Debug, Clone)]
pub struct AdaptiveLimitLayer<J = FailOnError, K = TokioClock, O = ()> {
    limit: AdaptiveLimit<J, K, O>,
}

impl<J, K, O> AdaptiveLimitLayer<J, K, O> {
    /// A layer whose services all share `limit`.
    pub fn new(limit: AdaptiveLimit<J, K, O>) -> Self {
        AdaptiveLimitLayer { limit }
    }
}

impl<S, J: Clone, K: Clone, O: Clone> Layer<S> for AdaptiveLimitLayer<J, K, O> {
    type Service = AdaptiveLimitService<S, J, K, O>;

    fn layer(&self, inner: S) -> Self::Service {
        AdaptiveLimitService { inner, limit: self.limit.clone() }
    }
}

/// A service under an [`AdaptiveLimit`]. A call takes its permit when it is called and gives it back with the response;
/// in between it may stand in the limit's line, which is not measured.
#[derive(Debug, Clone)]
pub struct AdaptiveLimitService<S, J = FailOnError, K = TokioClock, O = ()> {
    inner: S,
    limit: AdaptiveLimit<J, K, O>,
}

impl<S, Req, J, K, O> Service<Req> for AdaptiveLimitService<S, J, K, O>
where
    S: Service<Req> + Clone,
    S::Error: From<Rejection>,
    J: Judge<Result<S::Response, S::Error>> + Clone + 'static,
    K: Clock + Clone + 'static,
    O: Observer + Clone + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Admitted<S, Req, Measured<J, K, O>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Req) -> Self::Future {
        let limit = self.limit.clone();
        match limit.acquire_at_once() {
            Some(permit) => Admitted::running(self.inner.call(request), Measured { limit, permit }),
            None => {
                let admission = async move {
                    let permit = limit.acquire().await?;
                    Ok(Measured { limit, permit })
                };
                Admitted::waiting(admission, take_ready(&mut self.inner), request)
            }
        }
    }
}

/// A call that an adaptive limit measures.
#[derive(Debug)]
pub struct Measured<J, K: Clock, O: Observer> {
    limit: AdaptiveLimit<J, K, O>,
    permit: AdaptivePermit<K, O>,
}

impl<R, J: Judge<R>, K: Clock, O: Observer> Held<R> for Measured<J, K, O> {
    fn settle(self, result: &R) {
        self.permit.complete(self.limit.judge(result));
    }
}
