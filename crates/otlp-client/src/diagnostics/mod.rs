//! What the client says of itself: settings it could not use, attempts that fail, items that are lost.
//!
//! One message per kind and signal, then silence for a while with a count of what was left out: a dead backend must not
//! fill the log of the program it observes.

mod disk;
mod fate;
mod kind;
mod recent;

use std::{fmt, time::Instant};

use otlp_core::Signal;

use self::kind::Kind;
pub(crate) use self::recent::Recent;
pub(crate) use crate::logging::DiagnosticSeverity;
use crate::logging::{Message, Output};

/// Gives messages to the output, at a limited rate.
///
/// With a dead backend this is called for every record, on the thread that made it: a message that is held back costs a
/// reading of the clock and a count.
pub(crate) struct Diagnostics {
    output: Output,
    started: Instant,
    /// By [`Kind::index`].
    recent: [Recent; Kind::COUNT],
}

impl Diagnostics {
    pub(crate) fn new(output: Output) -> Self {
        Diagnostics { output, started: Instant::now(), recent: std::array::from_fn(|_| Recent::default()) }
    }

    /// Where messages go, and which.
    pub(crate) fn output(&self) -> &Output {
        &self.output
    }

    /// Gives a message that is not held back.
    pub(crate) fn say(&self, severity: DiagnosticSeverity, message: impl fmt::Display) {
        self.say_with(severity, || message.to_string());
    }

    /// Gives a message that is not held back, and is made only if it is wanted.
    pub(crate) fn say_with<M: Into<Message>>(&self, severity: DiagnosticSeverity, message: impl FnOnce() -> M) {
        if self.output.says(severity) {
            self.output.say(severity, message().into(), 0);
        }
    }

    fn limited<M: Into<Message>>(&self, kind: Kind, severity: DiagnosticSeverity, message: impl FnOnce() -> M) {
        self.limited_by(&self.recent[kind.index()], severity, message);
    }

    /// Gives a message of a kind that is counted elsewhere, for instance by endpoint.
    pub(crate) fn limited_by<M: Into<Message>>(
        &self,
        recent: &Recent,
        severity: DiagnosticSeverity,
        message: impl FnOnce() -> M,
    ) {
        if !self.output.says(severity) {
            return;
        }
        if let Some(suppressed) = recent.due(self.started.elapsed()) {
            self.output.say(severity, message().into(), suppressed);
        }
    }
}

/// A message about items; they may have been lost before they were meant for a destination.
fn about(text: String, destination: &str, signal: Signal, items: u64) -> Message {
    let message = Message::from(text).field("signal", signal.name()).field("items", items);
    if destination.is_empty() { message } else { message.field("destination", destination) }
}
