//! A retry inside of a breaker, in one call: the breaker sees one call, however many attempts it took.

use std::future::Future;

use super::CircuitBreaker;
use crate::{Clock, Judge, Observer, Rejection, RetryPolicy, retry::retry_errors};

impl<J, K: Clock, O: Observer> CircuitBreaker<J, K, O> {
    /// Runs `operation` as `policy` says, again after each `Err` until a limit is reached, and takes the last result
    /// into account once. An open breaker rejects the call before the first attempt; attempts under way are not
    /// interrupted when it opens. Waits between attempts are on the breaker's clock.
    ///
    /// To have the breaker see each attempt, and a retry give up on an open one, put it inside:
    /// `(retry, breaker)` as a [`Policy`](crate::Policy).
    ///
    /// ```
    /// use std::time::Duration;
    /// use otlp_reliability::{CircuitBreaker, Error, RetryPolicy};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let breaker = CircuitBreaker::new(5, Duration::from_secs(10));
    /// let policy = RetryPolicy::new().with_max_attempts(3).with_initial_delay(Duration::from_millis(1));
    /// let mut attempts = 0;
    /// let result: Result<u32, Error<&str>> = breaker
    ///     .execute_with_retry(&policy, || {
    ///         attempts += 1;
    ///         let attempt = attempts;
    ///         async move { if attempt < 3 { Err(Error::Inner("busy")) } else { Ok(attempt) } }
    ///     })
    ///     .await;
    /// assert_eq!(result, Ok(3));
    /// assert_eq!(breaker.snapshot().failures, 0);
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// The operation's last error; [`Rejection::Open`], or [`Rejection::Misconfigured`] if `policy` cannot work,
    /// converted into its type.
    pub async fn execute_with_retry<T, E, F, Fut>(&self, policy: &RetryPolicy, operation: F) -> Result<T, E>
    where
        F: FnMut() -> Fut,
        Fut: Future<Output = Result<T, E>>,
        E: From<Rejection>,
        J: Judge<Result<T, E>>,
    {
        if let Err(error) = policy.validate() {
            return Err(Rejection::Misconfigured { field: error.field(), accepted: error.accepted() }.into());
        }
        self.execute(|| retry_errors(policy, &self.core.clock, operation)).await
    }
}
