//! What the policies do, told to whoever listens: the log, a test, an operator's screen.

use std::fmt;

use otlp_reliability::{Event, Observer};
use tokio::sync::broadcast;

/// How many notices a listener may be behind before it misses the oldest.
const BACKLOG: usize = 256;

/// One thing that a policy did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Notice {
    /// The stage or the check that did it.
    pub source: &'static str,
    /// What it did.
    pub event: Event,
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.event {
            Event::StateChanged { from, to } => write!(f, "{}: {from:?} -> {to:?}", self.source),
            Event::HealthChanged { from, to } => write!(f, "{}: {from:?} -> {to:?}", self.source),
            event => write!(f, "{}: {event:?}", self.source),
        }
    }
}

/// The end at which notices are put in.
#[derive(Debug, Clone)]
pub struct Events {
    notices: broadcast::Sender<Notice>,
}

impl Default for Events {
    fn default() -> Self {
        Events { notices: broadcast::Sender::new(BACKLOG) }
    }
}

impl Events {
    /// The notices from now on.
    pub fn subscribe(&self) -> broadcast::Receiver<Notice> {
        self.notices.subscribe()
    }

    /// An observer for the policy named `source`.
    ///
    /// It passes on changes and leaves out what happens with every call: the snapshots have that as figures.
    pub fn of(&self, source: &'static str) -> Changes {
        Changes { source, events: self.clone() }
    }

    /// Passes on one event.
    pub(crate) fn send(&self, source: &'static str, event: Event) {
        // An error says that nobody listens.
        let _ = self.notices.send(Notice { source, event });
    }
}

/// Observes one policy for [`Events`].
#[derive(Debug, Clone)]
pub struct Changes {
    source: &'static str,
    events: Events,
}

impl Observer for Changes {
    fn on_event(&self, event: Event) {
        if matches!(event, Event::StateChanged { .. } | Event::HealthChanged { .. } | Event::Reloaded) {
            self.events.send(self.source, event);
        }
    }
}
