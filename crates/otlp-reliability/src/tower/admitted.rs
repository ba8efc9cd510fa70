//! The response of a service behind a policy that lets calls in: perhaps after a wait, perhaps not at all.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use pin_project_lite::pin_project;
use tower_service::Service;

use crate::Rejection;

/// What a policy gives a call that it lets in, for as long as the call runs. Dropped without a result, it takes the call
/// as cancelled, or as panicked while a panic unwinds.
pub trait Held<R> {
    /// Takes the result, and gives back what is held.
    fn settle(self, result: &R);
}

/// A wait for what the policy gives.
type Admission<H> = Pin<Box<dyn Future<Output = Result<H, Rejection>> + Send>>;

pin_project! {
    /// The response of a service behind a policy that lets calls in.
    ///
    /// Dropping it drops the call, or leaves the line; what the policy holds for the call is given back.
    pub struct Admitted<S, Req, H>
    where
        S: Service<Req>,
    {
        #[pin]
        state: State<S, Req, H>,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<S, Req, H>
    where
        S: Service<Req>,
    {
        Rejected { rejection: Rejection },
        Waiting { admission: Admission<H>, call: Option<(S, Req)> },
        Running { #[pin] response: S::Future, held: Option<H> },
    }
}

impl<S: Service<Req>, Req, H> Admitted<S, Req, H> {
    /// A call that the policy has let in.
    pub(super) fn running(response: S::Future, held: H) -> Self {
        Admitted { state: State::Running { response, held: Some(held) } }
    }

    /// A call that the policy has turned away.
    pub(super) fn rejected(rejection: Rejection) -> Self {
        Admitted { state: State::Rejected { rejection } }
    }

    /// A call that the policy may let in later. `service` is ready.
    pub(super) fn waiting(
        admission: impl Future<Output = Result<H, Rejection>> + Send + 'static,
        service: S,
        request: Req,
    ) -> Self {
        Admitted { state: State::Waiting { admission: Box::pin(admission), call: Some((service, request)) } }
    }
}

impl<S, Req, H> Future for Admitted<S, Req, H>
where
    S: Service<Req>,
    S::Error: From<Rejection>,
    H: Held<Result<S::Response, S::Error>>,
{
    type Output = Result<S::Response, S::Error>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        loop {
            match state.as_mut().project() {
                StateProjection::Rejected { rejection } => return Poll::Ready(Err((*rejection).into())),
                StateProjection::Waiting { admission, call } => {
                    let held = ready!(admission.as_mut().poll(context))?;
                    // Polled again after its end, it never ends again.
                    let Some((mut service, request)) = call.take() else { return Poll::Pending };
                    let response = service.call(request);
                    state.set(State::Running { response, held: Some(held) });
                }
                StateProjection::Running { response, held } => {
                    // Out of the future while the service runs: if it panics, the unwinding drops what is held, and it
                    // can tell a panic from a call that nobody wanted any longer.
                    let holding = held.take();
                    let Poll::Ready(result) = response.poll(context) else {
                        *held = holding;
                        return Poll::Pending;
                    };
                    if let Some(holding) = holding {
                        holding.settle(&result);
                    }
                    return Poll::Ready(result);
                }
            }
        }
    }
}
