//! What is granted now, and its renewal.
//!
//! - One renewal runs at a time. Those who need it wait and share what comes of it, also its failure; those who can go
//!   on with what is granted do so.
//! - What has expired or was refused is never sent again.

use std::{sync::Arc, time::Duration};

use http::HeaderMap;
use parking_lot::Mutex;
use tokio::time::Instant;

use super::source::{Got, Source};
use crate::config::{ConfigError, EventHook, TransportEvent};

/// How long an early renewal that failed is left alone.
const AFTER_FAILURE: Duration = Duration::from_secs(1);

/// Headers that were granted.
pub(crate) struct Granted {
    headers: HeaderMap,
    generation: u64,
    expires_at: Option<Instant>,
}

impl Granted {
    /// Puts the headers in, in place of those of the same name.
    pub(crate) fn add_to(&self, headers: &mut HeaderMap) {
        for name in self.headers.keys() {
            headers.remove(name);
        }
        for (name, value) in &self.headers {
            headers.append(name.clone(), value.clone());
        }
    }
}

pub(super) struct Session {
    source: Source,
    state: Mutex<State>,
    /// Held while the source is asked.
    renewing: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct State {
    granted: Option<Arc<Granted>>,
    /// When to ask again, though what is granted is still good.
    refresh_at: Option<Instant>,
    generation: u64,
    /// How many renewals have failed, and why the last did: tells those who waited that the failure is theirs, too.
    failures: u64,
    last_failure: String,
}

/// What there is without asking.
enum Stock {
    Fresh(Arc<Granted>),
    /// Good, but about to be renewed.
    Due(Arc<Granted>),
    /// Nothing, after so many failures.
    Nothing(u64),
}

impl Session {
    pub(super) fn new(source: Source) -> Self {
        Session { source, state: Mutex::default(), renewing: tokio::sync::Mutex::default() }
    }

    pub(super) fn source(&self) -> &Source {
        &self.source
    }

    /// Finds out what can be known without asking a hook.
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let field = "bearer token";
        match self.source.ask_now() {
            Some(Ok(got)) => drop(self.grant(got, Instant::now())),
            Some(Err(reason)) => return Err(ConfigError::Auth { field, reason }),
            None => {}
        }
        Ok(())
    }

    /// Grants another token, if the source is one.
    pub(super) fn exchange(&self, token: String) -> Result<(), ConfigError> {
        let refused = |reason| ConfigError::Auth { field: "bearer token", reason };
        let got = self.source.exchange(token);
        let got = got.ok_or_else(|| refused("there is none that could be exchanged: give one at first".to_owned()))?;
        self.grant(got.map_err(refused)?, Instant::now());
        Ok(())
    }

    /// What to send.
    ///
    /// # Errors
    ///
    /// Why there is nothing, without a secret.
    pub(super) async fn credentials(self: &Arc<Self>, events: &EventHook) -> Result<Arc<Granted>, String> {
        match self.stock() {
            Stock::Fresh(granted) => Ok(granted),
            Stock::Due(granted) if self.source.is_quick() => {
                let Ok(_renewing) = self.renewing.try_lock() else { return Ok(granted) };
                Ok(self.renew(events).await.unwrap_or(granted))
            }
            Stock::Due(granted) => {
                let (session, events) = (self.clone(), events.clone());
                tokio::spawn(async move {
                    if let Ok(_renewing) = session.renewing.try_lock()
                        && let Stock::Due(_) = session.stock()
                    {
                        // The failure was said; what is granted serves on.
                        let _ = session.renew(&events).await;
                    }
                });
                Ok(granted)
            }
            Stock::Nothing(failures_before) => {
                let _renewing = self.renewing.lock().await;
                match self.stock() {
                    Stock::Fresh(granted) | Stock::Due(granted) => Ok(granted),
                    Stock::Nothing(failures) if failures != failures_before => {
                        Err(self.state.lock().last_failure.clone())
                    }
                    Stock::Nothing(_) => self.renew(events).await,
                }
            }
        }
    }

    /// What to send instead of what was refused; `None` if there is nothing else.
    ///
    /// # Errors
    ///
    /// Why it could not be renewed, without a secret.
    pub(super) async fn instead_of(
        &self,
        refused: &Granted,
        events: &EventHook,
    ) -> Result<Option<Arc<Granted>>, String> {
        let failures_before = self.state.lock().failures;
        let _renewing = self.renewing.lock().await;
        let is_known = {
            let mut state = self.state.lock();
            if state.granted.is_none() && state.failures != failures_before {
                return Err(state.last_failure.clone());
            }
            // The first of those who were refused renews, for all of them.
            let is_known = state.granted.as_ref().is_none_or(|granted| granted.generation == refused.generation);
            if is_known && !matches!(self.source, Source::Token(_)) {
                state.granted = None;
            }
            is_known
        };
        let fresher = match self.stock() {
            Stock::Fresh(granted) | Stock::Due(granted) if !is_known => granted,
            _ => self.renew(events).await?,
        };
        Ok((fresher.headers != refused.headers).then_some(fresher))
    }

    fn stock(&self) -> Stock {
        let state = self.state.lock();
        let Some(granted) = &state.granted else { return Stock::Nothing(state.failures) };
        if granted.expires_at.is_none() && state.refresh_at.is_none() {
            return Stock::Fresh(granted.clone());
        }
        let now = Instant::now();
        if granted.expires_at.is_some_and(|expires_at| now >= expires_at) {
            Stock::Nothing(state.failures)
        } else if state.refresh_at.is_some_and(|refresh_at| now >= refresh_at) {
            Stock::Due(granted.clone())
        } else {
            Stock::Fresh(granted.clone())
        }
    }

    /// Asks the source. The caller holds `renewing`.
    async fn renew(&self, events: &EventHook) -> Result<Arc<Granted>, String> {
        match self.source.ask().await {
            Ok(got) => Ok(self.grant(got, Instant::now())),
            Err(reason) => {
                {
                    let mut state = self.state.lock();
                    state.failures += 1;
                    state.last_failure.clone_from(&reason);
                    state.refresh_at = Some(Instant::now() + AFTER_FAILURE);
                }
                events.say(&TransportEvent::CredentialsNotRenewed { reason: reason.clone() });
                Err(reason)
            }
        }
    }

    fn grant(&self, got: Got, now: Instant) -> Arc<Granted> {
        let mut state = self.state.lock();
        // What is the same as before keeps its generation: a refusal of it stays one.
        let is_same = state.granted.as_ref().is_some_and(|granted| granted.headers == got.headers);
        state.generation += u64::from(!is_same);
        let expires_at = got.expires_after.and_then(|after| now.checked_add(after));
        let granted = Arc::new(Granted { headers: got.headers, generation: state.generation, expires_at });
        state.refresh_at = got.refresh_after.and_then(|after| now.checked_add(after));
        state.granted = Some(granted.clone());
        granted
    }
}
