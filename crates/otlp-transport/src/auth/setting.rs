//! The setting that says who we are, which a transport takes.

use std::{fmt, path::PathBuf, sync::Arc};

use parking_lot::Mutex;

use super::{Authenticate, session::Session, source::Source};
use crate::config::ConfigError;

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
