//! The client's own messages: what one is, how it is written, and which are written at all.
//!
//! What must hold: a message is never a secret, writing one never fails the program, and one that is not wanted costs a
//! comparison. Who says what, and how often, is in [`crate::diagnostics`].

mod diagnostic;
mod json;
mod output;

pub(crate) use self::diagnostic::Message;
pub use self::diagnostic::{Diagnostic, DiagnosticSeverity};
pub(crate) use self::output::{Output, Sink};
