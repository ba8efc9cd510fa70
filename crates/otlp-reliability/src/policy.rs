//! One trait for all policies, and the two ways to put them together: nesting and leaving out.
//!
//! Why the trait has this form:
//!
//! - **The result type stands at the trait, not at the method.** What a policy asks of `T` and `E` differs: a retry
//!   must be able to classify the result but never rejects, a timeout must be able to make an `E` but never looks at
//!   one. With `Policy<T, E>` each policy says only what it needs (`C: Classify<Result<T, E>>`, `E: From<Rejection>`),
//!   and nobody pays for the sum of all needs.
//! - **The error type passes through.** A policy returns the `E` of the operation, with its own rejection converted
//!   into it. Five nested policies return `E`, not five wrappers around it.
//! - **The operation is `Fn`.** An operation that is called through `&self` can be lent to an inner policy once per
//!   attempt, so policies nest without boxing or cloning. Where only one policy is involved, its own `execute` takes
//!   `FnMut` or `FnOnce`.
//! - **The futures are `Send`.** Code that is generic over a policy cannot ask for it afterwards, and it is what a
//!   spawned task needs. The policies' own `execute` methods promise nothing, and so serve futures bound to a thread as
//!   well. Implementations repeat the `+ Send` and are not written as `async fn`: without it the compiler looks for
//!   `Send` inside the nested futures, and gives up on their lifetimes.

use std::{future::Future, sync::Arc};

/// Runs operations under some rule: again, not so long, not so many, not now.
///
/// An implementor guarantees that dropping the future drops the operation's future and gives back whatever the policy
/// holds for it.
///
/// ```
/// use std::io;
/// use otlp_reliability::{Error, Policy};
///
/// async fn fetch(policy: &impl Policy<String, Error<io::Error>>) -> Result<String, Error<io::Error>> {
///     policy.run(|| async { Ok("answer".to_owned()) }).await
/// }
/// ```
pub trait Policy<T, E>: Send + Sync {
    /// Runs `operation` as often as the policy says, and returns the operation's result or a rejection converted into
    /// `E`.
    fn run<F, Fut>(&self, operation: F) -> impl Future<Output = Result<T, E>> + Send
    where
        F: Fn() -> Fut + Send + Sync,
        Fut: Future<Output = Result<T, E>> + Send;
}

/// No policy: runs the operation as it is.
impl<T, E> Policy<T, E> for () {
    fn run<F, Fut>(&self, operation: F) -> impl Future<Output = Result<T, E>> + Send
    where
        F: Fn() -> Fut + Send + Sync,
        Fut: Future<Output = Result<T, E>> + Send,
    {
        operation()
    }
}

/// The left policy around the right one: `(retry, timeout)` gives each attempt its time, `(timeout, retry)` all
/// attempts together.
impl<T, E, Outer: Policy<T, E>, Inner: Policy<T, E>> Policy<T, E> for (Outer, Inner) {
    fn run<F, Fut>(&self, operation: F) -> impl Future<Output = Result<T, E>> + Send
    where
        F: Fn() -> Fut + Send + Sync,
        Fut: Future<Output = Result<T, E>> + Send,
    {
        let (outer, inner) = self;
        async move { outer.run(|| inner.run(&operation)).await }
    }
}

/// `None` runs the operation as it is: a policy that the configuration left out.
impl<T, E, P: Policy<T, E>> Policy<T, E> for Option<P> {
    fn run<F, Fut>(&self, operation: F) -> impl Future<Output = Result<T, E>> + Send
    where
        F: Fn() -> Fut + Send + Sync,
        Fut: Future<Output = Result<T, E>> + Send,
    {
        let policy = self.as_ref();
        async move {
            match policy {
                Some(policy) => policy.run(operation).await,
                None => operation().await,
            }
        }
    }
}

impl<T, E, P: Policy<T, E>> Policy<T, E> for &P {
    fn run<F, Fut>(&self, operation: F) -> impl Future<Output = Result<T, E>> + Send
    where
        F: Fn() -> Fut + Send + Sync,
        Fut: Future<Output = Result<T, E>> + Send,
    {
        (**self).run(operation)
    }
}

impl<T, E, P: Policy<T, E>> Policy<T, E> for Arc<P> {
    fn run<F, Fut>(&self, operation: F) -> impl Future<Output = Result<T, E>> + Send
    where
        F: Fn() -> Fut + Send + Sync,
        Fut: Future<Output = Result<T, E>> + Send,
    {
        (**self).run(operation)
    }
}

/// The same without futures: runs a closure on the calling thread and may block it.
///
/// There is none for [`Timeout`](crate::Timeout) and [`Hedge`](crate::Hedge): a thread that runs a closure cannot be
/// cancelled, so a time limit would be a promise that nobody keeps.
///
/// An implementor guarantees that a panic of the operation gives back whatever the policy holds for it.
pub trait BlockingPolicy<T, E>: Send + Sync {
    /// Runs `operation` as often as the policy says, and returns its result or a rejection converted into `E`.
    fn call<F: Fn() -> Result<T, E>>(&self, operation: F) -> Result<T, E>;
}

impl<T, E> BlockingPolicy<T, E> for () {
    fn call<F: Fn() -> Result<T, E>>(&self, operation: F) -> Result<T, E> {
        operation()
    }
}

impl<T, E, Outer: BlockingPolicy<T, E>, Inner: BlockingPolicy<T, E>> BlockingPolicy<T, E> for (Outer, Inner) {
    fn call<F: Fn() -> Result<T, E>>(&self, operation: F) -> Result<T, E> {
        let (outer, inner) = self;
        outer.call(|| inner.call(&operation))
    }
}

impl<T, E, P: BlockingPolicy<T, E>> BlockingPolicy<T, E> for Option<P> {
    fn call<F: Fn() -> Result<T, E>>(&self, operation: F) -> Result<T, E> {
        match self {
            Some(policy) => policy.call(operation),
            None => operation(),
        }
    }
}

impl<T, E, P: BlockingPolicy<T, E>> BlockingPolicy<T, E> for &P {
    fn call<F: Fn() -> Result<T, E>>(&self, operation: F) -> Result<T, E> {
        (**self).call(operation)
    }
}

impl<T, E, P: BlockingPolicy<T, E>> BlockingPolicy<T, E> for Arc<P> {
    fn call<F: Fn() -> Result<T, E>>(&self, operation: F) -> Result<T, E> {
        (**self).call(operation)
    }
}
