//! What a transport says beside the outcomes of attempts.

use std::{fmt, path::PathBuf, sync::Arc};

/// What happened, of which no outcome of an attempt tells. Displayed: what it means and what to do; never a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum TransportEvent {
    /// Certificates were read anew from their files; new connections use them.
    TlsReloaded {
        /// The files, of which at least one changed.
        files: Vec<PathBuf>,
    },
    /// The files changed, but cannot be used. What was read before stays in force.
    TlsReloadFailed {
        /// What is wrong, and with which file.
        reason: String,
    },
    /// Credentials could not be renewed. Those that are there are used as long as they are valid.
    CredentialsNotRenewed {
        /// Why not.
        reason: String,
    },
    /// Credentials are sent over a connection that everybody on the way can read.
    PlaintextCredentials {
        /// The endpoint.
        endpoint: String,
    },
}

impl TransportEvent {
    /// Whether somebody should do something about it.
    pub fn is_warning(&self) -> bool {
        !matches!(self, TransportEvent::TlsReloaded { .. })
    }
}

impl fmt::Display for TransportEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TransportEvent::TlsReloaded { files } => {
                write!(f, "new connections use the changed certificates of {files:?}")
            }
            TransportEvent::TlsReloadFailed { reason } => {
                write!(f, "changed certificates cannot be used, and those of before stay in force: {reason}")
            }
            TransportEvent::CredentialsNotRenewed { reason } => {
                write!(
                    f,
                    "credentials could not be renewed, and those of before are used while they are valid: {reason}"
                )
            }
            TransportEvent::PlaintextCredentials { endpoint } => {
                write!(
                    f,
                    "credentials are sent to {endpoint} in plaintext, where all on the way can read them: use https://"
                )
            }
        }
    }
}

/// Who hears of [`TransportEvent`]s; by default nobody. Called on the runtime of the transport: it must not block.
#[derive(Clone, Default)]
pub struct EventHook(Option<Arc<Hook>>);

type Hook = dyn Fn(&TransportEvent) + Send + Sync;

impl EventHook {
    /// Calls `hook` at each event.
    pub fn new(hook: impl Fn(&TransportEvent) + Send + Sync + 'static) -> Self {
        EventHook(Some(Arc::new(hook)))
    }

    pub(crate) fn say(&self, event: &TransportEvent) {
        if let Some(hook) = &self.0 {
            hook(event);
        }
    }
}

/// Whether both call the same hook.
impl PartialEq for EventHook {
    fn eq(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Some(one), Some(other)) => Arc::ptr_eq(one, other),
            (one, other) => one.is_none() && other.is_none(),
        }
    }
}

impl fmt::Debug for EventHook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("EventHook").field(&self.0.is_some()).finish()
    }
}
