//! Who we are: a bearer token, a file with one, or a hook that gets credentials from anywhere.
//!
//! - [`Auth`] is the `setting`. Its clones share what was granted, so that transports of one client renew together.
//! - `session` holds what is granted and renews it, one renewal at a time.
//! - `attempt` is what an attempt asks: what to send, and what after a refusal.
//!
//! # What failures mean
//!
//! Without credentials nothing is sent: the attempt is retryable, so a hook that fails, hangs or panics loses nothing. A
//! receiver that answers 401 or `UNAUTHENTICATED` refuses the credentials: they are renewed, and if others come, the
//! request is sent again with them, once, within the same attempt. If that is refused, too, or there are no others, the
//! outcome is `Refused`. If they cannot be renewed, it is `Retry`. A receiver that refuses everything is no reason to ask
//! for credentials with each request: between two renewals for a refusal, and after one that failed, requests wait.

mod attempt;
mod caught;
mod credentials;
mod session;
mod setting;
mod source;

pub(crate) use self::{
    attempt::{Answered, Authentication},
    session::Granted,
};
pub use self::{
    credentials::{AuthError, Authenticate, Credentials},
    setting::Auth,
};
