//! Credentials, and the hook of the user that gets them.

use std::{error::Error, time::Duration};

use async_trait::async_trait;

use crate::config::Headers;

/// Why there are no credentials. Its text is shown in errors: it must hold no secret.
pub type AuthError = Box<dyn Error + Send + Sync>;

/// Gets credentials, for instance from a token service.
///
/// It is called when there are none, before those that there are expire, and after a receiver refused them; one call at a
/// time. Between calls for credentials that were refused, and after one that failed, there are 1 to 1.5 s, whatever number of
/// requests wait. A call may take 10 s, and not longer than the attempt that waits for it. One that fails, takes longer or
/// panics makes the attempt retryable; a renewal that is merely early leaves the credentials of before in use. It must not
/// block the thread.
///
/// ```
/// use std::time::Duration;
/// use otlp_transport::{AuthError, Authenticate, Credentials, async_trait};
///
/// struct TokenService;
///
/// #[async_trait]
/// impl Authenticate for TokenService {
///     async fn authenticate(&self) -> Result<Credentials, AuthError> {
///         let token = "from a request to the service";
///         Ok(Credentials::bearer(token).expires_after(Duration::from_secs(3600)))
///     }
/// }
/// ```
#[async_trait]
pub trait Authenticate: Send + Sync {
    /// Gets credentials, fresher ones than before if there are any.
    ///
    /// # Cancellation
    ///
    /// The future is dropped when its time is over.
    async fn authenticate(&self) -> Result<Credentials, AuthError>;
}

/// Headers that say who we are, and for how long. The values are secret: `Debug` shows none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credentials {
    pub(super) headers: Headers,
    pub(super) expires_after: Option<Duration>,
}

impl Credentials {
    /// These headers, for as long as receivers accept them.
    pub fn new(headers: Headers) -> Self {
        Credentials { headers, expires_after: None }
    }

    /// The header `authorization: Bearer <token>`.
    pub fn bearer(token: impl AsRef<str>) -> Self {
        let mut headers = Headers::new();
        headers.append("authorization", format!("Bearer {}", token.as_ref()));
        Credentials::new(headers)
    }

    /// They are not used after that time. They are renewed before: when a tenth of it is left, at most a minute.
    #[must_use]
    pub fn expires_after(self, lifetime: Duration) -> Self {
        Credentials { expires_after: Some(lifetime), ..self }
    }
}
