//! What transports say beside the outcomes of attempts, as diagnostics of the client.

use std::sync::Arc;

use otlp_transport::{EventHook, TransportEvent};

use crate::diagnostics::{DiagnosticSeverity, Diagnostics, Recent};

/// Passes events on; what repeats itself at a limited rate.
pub(crate) fn hook(diagnostics: Arc<Diagnostics>) -> EventHook {
    let (tls, credentials) = (Recent::default(), Recent::default());
    EventHook::new(move |event| match event {
        TransportEvent::TlsReloadFailed { .. } => {
            diagnostics.limited_by(&tls, DiagnosticSeverity::Warning, || event.to_string());
        }
        TransportEvent::CredentialsNotRenewed { .. } => {
            diagnostics.limited_by(&credentials, DiagnosticSeverity::Warning, || event.to_string());
        }
        event if event.is_warning() => diagnostics.say(DiagnosticSeverity::Warning, event),
        event => diagnostics.say(DiagnosticSeverity::Info, event),
    })
}
