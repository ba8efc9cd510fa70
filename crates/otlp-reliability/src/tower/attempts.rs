//! The attempts of one call, for the policies that make several.

use std::future::{Future, poll_fn};

use tower_service::Service;

/// Calls a service with one request again and again.
pub(super) struct Attempts<S, Req> {
    /// For the first attempt: the service that the caller has made ready, and that may hold something since.
    ready: Option<S>,
    spare: S,
    request: Req,
}

impl<S, Req> Attempts<S, Req>
where
    S: Service<Req> + Clone,
    Req: Clone,
{
    /// The attempts of a call of `service`, which is ready; afterwards it is not.
    pub(super) fn of(service: &mut S, request: Req) -> Self {
        let spare = service.clone();
        Attempts { ready: Some(std::mem::replace(service, spare.clone())), spare, request }
    }

    /// Begins another attempt. All but the first wait until their service is ready.
    pub(super) fn next(&mut self) -> impl Future<Output = Result<S::Response, S::Error>> + use<S, Req> {
        let request = self.request.clone();
        let (mut service, is_ready) = match self.ready.take() {
            Some(ready) => (ready, true),
            None => (self.spare.clone(), false),
        };
        async move {
            if !is_ready {
                poll_fn(|context| service.poll_ready(context)).await?;
            }
            service.call(request).await
        }
    }
}
