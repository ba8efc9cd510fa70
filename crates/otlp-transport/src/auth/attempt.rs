//! What the attempts of a transport ask about credentials: which to send, and which after a refusal.

use std::sync::Arc;

use otlp_core::{ErrorKind, ExportError, Outcome, RetryableFailure};

use super::{Auth, session::Granted};
use crate::{
    config::{EventHook, Target, TransportConfig},
    connection::Deadline,
};

/// The credentials of a transport, if it has any.
pub(crate) struct Authentication {
    auth: Option<Auth>,
    events: EventHook,
}

/// What came of a request that was answered.
pub(crate) struct Answered {
    pub(crate) outcome: Outcome,
    /// Whether the receiver refused the credentials: 401, `UNAUTHENTICATED`.
    pub(crate) is_unauthenticated: bool,
}

impl Authentication {
    pub(crate) fn new(config: &TransportConfig) -> Self {
        Authentication { auth: config.auth.clone(), events: config.events.clone() }
    }

    /// What to send; `None` if nobody asked for credentials.
    ///
    /// # Errors
    ///
    /// The outcome of an attempt for which there are none.
    pub(crate) async fn granted(&self, target: &Target, deadline: Deadline) -> Result<Option<Arc<Granted>>, Outcome> {
        let Some(auth) = &self.auth else { return Ok(None) };
        let granted = deadline.bound(auth.session.credentials(&self.events)).await.unwrap_or_else(|_| Err(late()));
        granted.map(Some).map_err(|reason| without(target, "there are no credentials", &reason))
    }

    /// What to send after `granted` was answered: `None` if that was no refusal, or there is nothing else to send.
    ///
    /// # Errors
    ///
    /// The outcome of an attempt whose credentials were refused and could not be renewed.
    pub(crate) async fn after(
        &self,
        answered: &Answered,
        granted: Option<Arc<Granted>>,
        target: &Target,
        deadline: Deadline,
    ) -> Result<Option<Arc<Granted>>, Outcome> {
        let (Some(auth), Some(refused), true) = (&self.auth, granted, answered.is_unauthenticated) else {
            return Ok(None);
        };
        let others = deadline.bound(auth.session.instead_of(&refused, &self.events)).await;
        let what = "the receiver refused the credentials, and there are no others";
        others.unwrap_or_else(|_| Err(late())).map_err(|reason| without(target, what, &reason))
    }
}

fn late() -> String {
    "the attempt ran out of time before they came".to_owned()
}

/// Nothing was sent for want of credentials, or what was sent is refused: another attempt may have others.
fn without(target: &Target, what: &str, reason: &str) -> Outcome {
    Outcome::Retry(RetryableFailure {
        error: ExportError::new(ErrorKind::Unauthorized, format!("{target}: {what}: {reason}")),
        after: None,
        acknowledgement_lost: false,
    })
}
