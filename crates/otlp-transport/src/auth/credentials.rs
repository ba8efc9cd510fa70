//! Credentials, where they come from, and the hook of the user.

use std::{error::Error, fmt, path::PathBuf, sync::Arc, time::Duration};

use async_trait::async_trait;
use parking_lot::Mutex;

use super::{session::Session, source::Source};
use crate::config::{ConfigError, Headers};

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

/// Who we are to the receiver. Clones share what was granted.
#[derive(Clone)]
pub struct Auth {
    pub(super) session: Arc<Session>,
}

impl Auth {
    /// A bearer token that changes only by [`Auth::exchange_bearer`]: `authorization: Bearer <token>`.
    pub fn bearer(token: impl Into<String>) -> Self {
        Auth::of(Source::Token(Mutex::new(token.into())))
    }

    /// A bearer token in a file of at most 64 KiB, without the white space around it. The file is read when the transport
    /// is built, looked at again at most once a second when there is something to send, and read at once when the
    /// receiver refuses the token, but then at most once a second. If it is gone or broken, the last token is used, and the transport says so.
    pub fn bearer_file(path: impl Into<PathBuf>) -> Self {
        Auth::of(Source::file(path.into()))
    }

    /// Credentials from a hook.
    pub fn hook(hook: Arc<dyn Authenticate>) -> Self {
        Auth::of(Source::Hook(hook))
    }

    /// Sends another bearer token from the next request on, on all transports that have a clone of this.
    ///
    /// # Errors
    ///
    /// This was not made by [`Auth::bearer`], or the token cannot be sent. The old one stays.
    pub fn exchange_bearer(&self, token: impl Into<String>) -> Result<(), ConfigError> {
        self.session.exchange(token.into())
    }

    fn of(source: Source) -> Self {
        Auth { session: Arc::new(Session::new(source)) }
    }

    /// Whether a header `authorization` is sure to be set.
    pub(crate) fn is_bearer(&self) -> bool {
        !matches!(self.session.source(), Source::Hook(_))
    }

    /// Finds out what can be known without asking a hook.
    ///
    /// # Errors
    ///
    /// The token cannot be sent, or its file cannot be read.
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        self.session.check()
    }
}

/// Whether both share what was granted.
impl PartialEq for Auth {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.session, &other.session)
    }
}

/// Shows the kind, and the name of a file.
impl fmt::Debug for Auth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Auth").field(self.session.source()).finish()
    }
}
