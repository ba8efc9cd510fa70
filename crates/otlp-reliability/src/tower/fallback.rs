//! A fallback around a service.

use std::{
    future::{Future, ready},
    pin::Pin,
    task::{Context, Poll, ready},
};

use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use super::BoxedResponse;
use crate::{AnyError, ErrorFilter, Fallback, Observer, Recover};

/// Puts a [`Fallback`] around services. It answers for failed calls; a service that cannot become ready has failed
/// before there was a call.
#[derive(Debug, Clone)]
pub struct FallbackLayer<R, W = AnyError, O = ()> {
    fallback: Fallback<R, W, O>,
}

impl<R, W, O> FallbackLayer<R, W, O> {
    /// A layer whose services all share `fallback`.
    pub fn new(fallback: Fallback<R, W, O>) -> Self {
        FallbackLayer { fallback }
    }
}

impl<S, R: Clone, W: Clone, O: Clone> Layer<S> for FallbackLayer<R, W, O> {
    type Service = FallbackService<S, R, W, O>;

    fn layer(&self, inner: S) -> Self::Service {
        FallbackService { inner, fallback: self.fallback.clone() }
    }
}

/// A service for which a [`Fallback`] answers when it fails.
#[derive(Debug, Clone)]
pub struct FallbackService<S, R, W = AnyError, O = ()> {
    inner: S,
    fallback: Fallback<R, W, O>,
}

impl<S, Req, R, W, O> Service<Req> for FallbackService<S, R, W, O>
where
    S: Service<Req>,
    S::Response: Send + 'static,
    S::Error: Send + 'static,
    R: Recover<S::Response, S::Error> + Clone + 'static,
    W: ErrorFilter<S::Error> + Clone + 'static,
    O: Observer + Clone + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = FallbackFuture<S::Future, S::Response, S::Error, R, W, O>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Req) -> Self::Future {
        let state = State::Running { response: self.inner.call(request), fallback: self.fallback.clone() };
        FallbackFuture { state }
    }
}

pin_project! {
    /// A response, or what a fallback answers in its place. Only the latter is boxed.
    pub struct FallbackFuture<F, T, E, R, W = AnyError, O = ()> {
        #[pin]
        state: State<F, T, E, R, W, O>,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<F, T, E, R, W, O> {
        Running { #[pin] response: F, fallback: Fallback<R, W, O> },
        FallingBack { answer: BoxedResponse<T, E> },
    }
}

impl<F, T, E, R, W, O> Future for FallbackFuture<F, T, E, R, W, O>
where
    F: Future<Output = Result<T, E>>,
    T: Send + 'static,
    E: Send + 'static,
    R: Recover<T, E> + Clone + 'static,
    W: ErrorFilter<E> + Clone + 'static,
    O: Observer + Clone + 'static,
{
    type Output = Result<T, E>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        loop {
            match state.as_mut().project() {
                StateProjection::Running { response, fallback } => {
                    let error = match ready!(response.poll(context)) {
                        Ok(answer) => return Poll::Ready(Ok(answer)),
                        Err(error) => error,
                    };
                    let fallback = fallback.clone();
                    let answer = Box::pin(async move { fallback.execute(|| ready(Err(error))).await });
                    state.set(State::FallingBack { answer });
                }
                StateProjection::FallingBack { answer } => return answer.as_mut().poll(context),
            }
        }
    }
}
