//! What a person should know of receivers that are looked for.

use std::sync::Arc;

use otlp_discovery::{RegistrationStatus, ServicePool};
use tokio::sync::watch;

use crate::diagnostics::{DiagnosticSeverity, Diagnostics, Recent};

/// Says when receivers cannot be found, and when there are others.
pub(crate) async fn report(pool: ServicePool, diagnostics: Arc<Diagnostics>) {
    let (failed, found) = (Recent::default(), Recent::default());
    let mut known = Vec::new();
    loop {
        let seen = pool.changes();
        let now = pool.snapshot();
        let service = &now.service;
        if let Some(failure) = &now.failure {
            diagnostics.limited_by(&failed, DiagnosticSeverity::Warning, || match now.endpoints.len() {
                0 => format!("the receivers {service:?} cannot be found, and batches wait in the queue: {failure}"),
                count => format!("the receivers {service:?} cannot be looked up, the {count} known stay: {failure}"),
            });
        }
        let names: Vec<String> = now.endpoints.iter().map(|one| one.endpoint.to_string()).collect();
        if names != known && now.failure.is_none() {
            diagnostics.limited_by(&found, DiagnosticSeverity::Info, || match names.as_slice() {
                [] => format!("there are no receivers {service:?} now, and batches wait in the queue"),
                // There may be thousands.
                [first, .., last] if names.len() > 20 => {
                    format!("batches go to the {} receivers {service:?}: {first} ... {last}", names.len())
                }
                names => format!("batches go to the receivers {service:?}: {}", names.join(", ")),
            });
            known = names;
        }
        pool.changed_since(seen).await;
    }
}

/// Says when this service is registered, and why it is not.
pub(crate) async fn report_registration(
    mut status: watch::Receiver<RegistrationStatus>,
    diagnostics: Arc<Diagnostics>,
) {
    let (failing, well) = (Recent::default(), Recent::default());
    loop {
        match &*status.borrow_and_update() {
            RegistrationStatus::Registered => {
                diagnostics.limited_by(&well, DiagnosticSeverity::Info, || "this service is registered".to_owned());
            }
            RegistrationStatus::Failing { reason } => {
                diagnostics.limited_by(&failing, DiagnosticSeverity::Warning, || {
                    format!("this service is not registered, which is tried again: {reason}")
                })
            }
            _ => {}
        }
        if status.changed().await.is_err() {
            return;
        }
    }
}
