//! Every policy as a layer for services built on `tower`.
//!
//! Each layer is made from a policy and shares it: the calls of all services behind it, and calls by `execute` beside
//! them, meet one bulkhead, one breaker, one budget.
//!
//! **Errors pass through.** As everywhere in this crate, a service behind a layer answers the error type of the service
//! itself, into which rejections are converted once, where they arise: `S::Error: From<Rejection>`. So ten layers are as
//! good as one, and the layers of tower go between them: its `BoxError` is such a type, and whoever wants to know finds
//! the [`Rejection`](crate::Rejection) in it by `downcast_ref`. A service whose error cannot hold a rejection gets one
//! that can right around it, by `map_err`: [`Error::Inner`](crate::Error::Inner) makes an
//! [`Error<E>`](crate::Error) of it, `BoxError::from` a boxed one (also of the `Infallible` of an axum route).
//!
//! **Being ready holds nothing.** `poll_ready` asks the inner service and no policy. A policy lets a call in when it is
//! called, and a call that has to wait waits in its response future; so a clone that is ready and idle has no place that
//! another needs.
//!
//! **Boxes.** A call that need not wait is not boxed by the layers of the breaker, the bulkhead, the adaptive limit, the
//! rate limiter, the timeout and the fallback; one that waits (in line, or for a response that has a time limit) boxes
//! the wait. Retry and hedge box each call: their attempts have a type that stable Rust cannot name.
//!
//! ```
//! use std::{convert::Infallible, time::Duration};
//! use otlp_reliability::{Error, Rejection, Timeout, tower::TimeoutLayer};
//! use tower::{ServiceBuilder, ServiceExt, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let service = ServiceBuilder::new()
//!     .layer(TimeoutLayer::new(Timeout::new(Duration::from_millis(5))))
//!     .map_err(Error::Inner)
//!     .service(service_fn(|name: &'static str| async move {
//!         if name == "slow" {
//!             std::future::pending::<()>().await;
//!         }
//!         Ok::<_, Infallible>(format!("hello {name}"))
//!     }));
//!
//! assert_eq!(service.clone().oneshot("world").await.unwrap(), "hello world");
//! let error = service.oneshot("slow").await.unwrap_err();
//! assert_eq!(error, Error::Rejected(Rejection::Timeout { after: Duration::from_millis(5) }));
//! # }
//! ```

mod adaptive_limit;
mod admitted;
mod attempts;
mod bulkhead;
mod circuit_breaker;
mod fallback;
mod hedge;
mod rate_limiter;
mod retry;
mod timeout;

use std::{future::Future, pin::Pin};

pub use self::{
    adaptive_limit::{AdaptiveLimitLayer, AdaptiveLimitService, Measured},
    admitted::{Admitted, Held},
    bulkhead::{BulkheadLayer, BulkheadService},
    circuit_breaker::{CircuitBreakerLayer, CircuitBreakerService},
    fallback::{FallbackFuture, FallbackLayer, FallbackService},
    hedge::{HedgeLayer, HedgeService},
    rate_limiter::{RateLimiterLayer, RateLimiterService},
    retry::{RetryLayer, RetryService},
    timeout::{TimeoutFuture, TimeoutLayer, TimeoutService},
};

/// The response of a service behind a policy whose own future cannot be named.
pub type BoxedResponse<T, E> = Pin<Box<dyn Future<Output = Result<T, E>> + Send>>;

/// The service, which is ready, for a call that begins later; a clone, which is not, stays.
fn take_ready<S: Clone>(service: &mut S) -> S {
    let clone = service.clone();
    std::mem::replace(service, clone)
}
