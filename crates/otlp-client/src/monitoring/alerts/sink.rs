//! Where notices go.

use std::{fmt, sync::Arc};

use super::{AlertNotice, Webhook};

/// Where the notices of alerts go.
#[derive(Clone)]
pub struct AlertSink {
    pub(super) kind: SinkKind,
}

#[derive(Clone)]
pub(super) enum SinkKind {
    Log,
    Callback(Arc<dyn Fn(&AlertNotice) + Send + Sync>),
    Webhook(Webhook),
}

impl AlertSink {
    /// Among the messages of the client about itself
    /// ([`with_diagnostics`](crate::ClientBuilder::with_diagnostics)): the default.
    pub fn log() -> Self {
        AlertSink { kind: SinkKind::Log }
    }

    /// To a function. It is called on the client's background thread, which delivers telemetry: it must be quick and must
    /// not block. A panic in it is contained.
    pub fn callback(act: impl Fn(&AlertNotice) + Send + Sync + 'static) -> Self {
        AlertSink { kind: SinkKind::Callback(Arc::new(act)) }
    }

    /// To an HTTP server.
    pub fn webhook(webhook: Webhook) -> Self {
        AlertSink { kind: SinkKind::Webhook(webhook) }
    }
}

impl fmt::Debug for AlertSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            SinkKind::Log => f.write_str("AlertSink::Log"),
            SinkKind::Callback(_) => f.write_str("AlertSink::Callback"),
            SinkKind::Webhook(webhook) => f.debug_tuple("AlertSink::Webhook").field(webhook).finish(),
        }
    }
}
