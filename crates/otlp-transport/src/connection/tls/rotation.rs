//! The certificates in force: those that were read last and could be used.
//!
//! Before each new connection the files are read again and compared. What changed is taken if it can be used as a whole;
//! if not, what is in force stays so, and the reason is said once. A rotation that replaces certificate and key one after
//! the other is such a moment: the next connection finds both. Connections that are opened together read together.

use std::{sync::Arc, time::Duration};

use parking_lot::Mutex;
use rustls::{ClientConfig, RootCertStore, pki_types::CertificateDer};

use super::{
    Offer,
    material::{Material, files},
};
use crate::{
    config::{ConfigError, EventHook, Reading, TlsOptions, TransportEvent},
    connection::DialError,
};

/// How long files may take to be read: a network file system that hangs must not keep connections from being opened with
/// what is in force.
const READING_TIME: Duration = Duration::from_secs(2);

/// The same for the system's authorities, without which there is nothing to go on with.
const SYSTEM_TIME: Duration = Duration::from_secs(20);

/// Certificates that may change while they are used.
pub(super) struct Rotation {
    options: TlsOptions,
    offer: Offer,
    events: EventHook,
    state: Mutex<State>,
    files: Reading<Result<Material, String>>,
    authorities: Reading<Vec<CertificateDer<'static>>>,
}

struct State {
    material: Material,
    /// Made of `material`; absent until the system's authorities have been read, if they are trusted.
    client: Option<Arc<ClientConfig>>,
    /// The system's authorities, once they have been read; empty if they are not trusted.
    system_roots: Option<RootCertStore>,
    /// Why the files could not be used last time.
    failed: Option<String>,
}

impl Rotation {
    /// # Errors
    ///
    /// A file cannot be read, or what was given cannot be used.
    pub(super) fn new(options: TlsOptions, offer: Offer, events: EventHook) -> Result<Self, ConfigError> {
        let material = Material::read(&options)?;
        // The system's authorities are files, and read at the first handshake. All else is found out now.
        let client = material.client_config(&options, offer, RootCertStore::empty())?;
        let trusts_system = options.ca.is_none() || options.with_system_roots;
        let state = State {
            material,
            client: (!trusts_system).then_some(client),
            system_roots: (!trusts_system).then(RootCertStore::empty),
            failed: None,
        };
        Ok(Rotation {
            options,
            offer,
            events,
            state: Mutex::new(state),
            files: Reading::new(READING_TIME),
            authorities: Reading::new(SYSTEM_TIME),
        })
    }

    /// What the next connection uses.
    ///
    /// # Errors
    ///
    /// Nothing is trusted: neither were authorities given nor has the system any.
    pub(super) async fn client(&self) -> Result<Arc<ClientConfig>, DialError> {
        if self.state.lock().system_roots.is_none() {
            let found = self.system_roots().await?;
            self.state.lock().system_roots = Some(found);
        }
        if !files(&self.options).is_empty() {
            self.look().await;
        }
        let mut state = self.state.lock();
        if let Some(client) = &state.client {
            return Ok(client.clone());
        }
        let roots = state.system_roots.clone().unwrap_or_else(RootCertStore::empty);
        let client = state.material.client_config(&self.options, self.offer, roots);
        let client = client.map_err(|error| DialError::tls(error.to_string()))?;
        state.client = Some(client.clone());
        Ok(client)
    }

    /// Reads the files again, and takes what changed if it can be used.
    async fn look(&self) {
        let options = self.options.clone();
        let read = self.files.read(move || Material::read(&options).map_err(|error| error.to_string())).await;
        let read = read.unwrap_or_else(|unread| Err(format!("the files {unread}")));
        if let Some(event) = self.take(read) {
            self.events.say(&event);
        }
    }

    fn take(&self, read: Result<Material, String>) -> Option<TransportEvent> {
        let mut state = self.state.lock();
        let taken = read.and_then(|material| {
            if material == state.material {
                return Ok(false);
            }
            let roots = state.system_roots.clone().unwrap_or_else(RootCertStore::empty);
            let client = material.client_config(&self.options, self.offer, roots).map_err(|error| error.to_string())?;
            (state.material, state.client) = (material, Some(client));
            Ok(true)
        });
        match taken {
            Ok(changed) => {
                state.failed = None;
                changed.then(|| TransportEvent::TlsReloaded { files: files(&self.options) })
            }
            Err(reason) if state.failed.as_ref() == Some(&reason) => None,
            Err(reason) => {
                state.failed = Some(reason.clone());
                Some(TransportEvent::TlsReloadFailed { reason })
            }
        }
    }

    async fn system_roots(&self) -> Result<RootCertStore, DialError> {
        let found = self.authorities.read(|| rustls_native_certs::load_native_certs().certs).await;
        let found = found.map_err(|unread| DialError::tls(format!("the system's certificate authorities {unread}")))?;
        let mut roots = RootCertStore::empty();
        // Systems carry a few certificates that webpki does not parse; the others serve.
        let (added, _) = roots.add_parsable_certificates(found);
        if added == 0 && self.options.ca.is_none() {
            return Err(DialError::tls(
                "the system has no certificate authorities: install its ca-certificates, or give a CA certificate",
            ));
        }
        Ok(roots)
    }
}
