//! What is granted now, and its renewal.
//!
//! - One renewal runs at a time. Those who need it wait and share what comes of it, also its failure; those who can go
//!   on with what is granted do so.
//! - What has expired or was refused is never sent again.
//! - The source is asked for what a receiver refused, or what it failed to give, no more than once an interval, however
//!   many batches want it: requests wait for the interval to be over.

use std::{sync::Arc, time::Duration};

use http::HeaderMap;
use parking_lot::Mutex;
use tokio::time::Instant;

use super::source::{Got, Source};
use crate::config::{ConfigError, EventHook, TransportEvent};

/// How long a source is left alone that has failed, or was asked because of a refusal; up to half as long again is added at
/// random, so that the clients of a fleet do not ask in step.
const INTERVAL: Duration = Duration::from_secs(1);

/// Headers that were granted.
pub(crate) struct Granted {
    headers: HeaderMap,
    generation: u64,
    expires_at: Option<Instant>,
}

impl Granted {
    fn is_expired(&self) -> bool {
        self.expires_at.is_some_and(|expires_at| Instant::now() >= expires_at)
    }

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
    /// How often the source was asked, and why it gave nothing the last time, if so: tells those who waited that the answer
    /// is theirs, too.
    asked: u64,
    last_failure: Option<String>,
    /// Whether what was granted last was refused, and nothing else was got since.
    is_refused: bool,
    /// The source is not to be asked before, because of a failure or a refusal.
    pause_until: Option<Instant>,
}

/// What there is without asking.
enum Stock {
    Fresh(Arc<Granted>),
    /// Good, but about to be renewed.
    Due(Arc<Granted>),
    /// Nothing, after having asked so often.
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
        let since = self.generation();
        match self.source.ask_now() {
            Some(Ok(got)) => drop(self.state.lock().grant(got, since, Instant::now())),
            Some(Err(reason)) => return Err(ConfigError::Auth { field, reason }),
            None => {}
        }
        Ok(())
    }

    /// Grants another token, if the source is one.
    pub(super) fn exchange(&self, token: String) -> Result<(), ConfigError> {
        let refused = |reason| ConfigError::Auth { field: "bearer token", reason };
        // Of two exchanges at once the source and what is granted have the same one.
        let mut state = self.state.lock();
        let got = self.source.exchange(token);
        let got = got.ok_or_else(|| refused("there is none that could be exchanged: give one at first".to_owned()))?;
        let got = got.map_err(refused)?;
        let since = state.generation;
        state.grant(got, since, Instant::now());
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
            Stock::Nothing(asked_before) => {
                let _renewing = self.renewing.lock().await;
                match self.stock() {
                    Stock::Fresh(granted) | Stock::Due(granted) => return Ok(granted),
                    Stock::Nothing(asked) if asked != asked_before => {
                        if let Some(reason) = self.state.lock().last_failure.clone() {
                            return Err(reason);
                        }
                    }
                    Stock::Nothing(_) => {}
                }
                self.pause().await;
                self.renew(events).await
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
        let asked_before = self.state.lock().asked;
        let _renewing = self.renewing.lock().await;
        {
            let mut state = self.state.lock();
            let is_same = state.granted.as_ref().is_some_and(|granted| granted.generation == refused.generation);
            if let Some(granted) = state.granted.as_ref().filter(|granted| !is_same && !granted.is_expired()) {
                // The first of those who were refused renews, for all of them.
                return Ok((granted.headers != refused.headers).then(|| granted.clone()));
            }
            if state.asked != asked_before {
                match &state.last_failure {
                    Some(reason) => return Err(reason.clone()),
                    None if is_same => return Ok(None),
                    None => {}
                }
            }
            if let Source::Token(_) = self.source {
                return Ok(None);
            }
            state.granted = None;
            state.is_refused = true;
        }
        self.pause().await;
        let fresher = self.renew(events).await?;
        Ok((fresher.headers != refused.headers).then_some(fresher))
    }

    /// Waits until the source may be asked again. The caller holds `renewing`.
    async fn pause(&self) {
        let until = self.state.lock().pause_until;
        if let Some(until) = until {
            tokio::time::sleep_until(until).await;
        }
    }

    fn stock(&self) -> Stock {
        let state = self.state.lock();
        let Some(granted) = &state.granted else { return Stock::Nothing(state.asked) };
        if granted.expires_at.is_none() && state.refresh_at.is_none() {
            return Stock::Fresh(granted.clone());
        }
        if granted.is_expired() {
            Stock::Nothing(state.asked)
        } else if state.refresh_at.is_some_and(|refresh_at| Instant::now() >= refresh_at) {
            Stock::Due(granted.clone())
        } else {
            Stock::Fresh(granted.clone())
        }
    }

    fn generation(&self) -> u64 {
        self.state.lock().generation
    }

    /// Asks the source. The caller holds `renewing`.
    async fn renew(&self, events: &EventHook) -> Result<Arc<Granted>, String> {
        let since = self.generation();
        let answer = self.source.ask().await;
        self.answered(answer, since, events)
    }

    /// Takes the answer of a source that was asked when `since` was the generation.
    fn answered(&self, answer: Result<Got, String>, since: u64, events: &EventHook) -> Result<Arc<Granted>, String> {
        match answer {
            Ok(got) => {
                let mut state = self.state.lock();
                state.asked += 1;
                state.last_failure = None;
                if std::mem::take(&mut state.is_refused) {
                    state.pause_until = Some(pause_end());
                }
                Ok(state.grant(got, since, Instant::now()))
            }
            Err(reason) => {
                {
                    let mut state = self.state.lock();
                    state.asked += 1;
                    state.last_failure = Some(reason.clone());
                    state.refresh_at = Some(pause_end());
                    state.pause_until = state.refresh_at;
                }
                events.say(&TransportEvent::CredentialsNotRenewed { reason: reason.clone() });
                Err(reason)
            }
        }
    }
}

impl State {
    /// Grants what the source gave after it was asked when `since` was the generation; unless something else was granted
    /// meanwhile, which is newer.
    fn grant(&mut self, got: Got, since: u64, now: Instant) -> Arc<Granted> {
        if let Some(newer) = self.granted.as_ref().filter(|newer| newer.generation != since && !newer.is_expired()) {
            return newer.clone();
        }
        // What is the same as before keeps its generation: a refusal of it stays one.
        let is_same = self.granted.as_ref().is_some_and(|granted| granted.headers == got.headers);
        self.generation += u64::from(!is_same);
        let expires_at = got.expires_after.and_then(|after| now.checked_add(after));
        let granted = Arc::new(Granted { headers: got.headers, generation: self.generation, expires_at });
        self.refresh_at = got.refresh_after.and_then(|after| now.checked_add(after));
        self.granted = Some(granted.clone());
        granted
    }
}

fn pause_end() -> Instant {
    Instant::now() + INTERVAL.mul_f64(1.0 + fastrand::f64() / 2.0)
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;
    use tokio::time::sleep;

    use super::*;
    use crate::{AuthError, Authenticate, Credentials};

    /// Notes when it is asked; gives a token of its own each time, the same one, or none.
    struct Service {
        asked: Mutex<Vec<Instant>>,
        token: fn(usize) -> Result<String, AuthError>,
    }

    #[async_trait]
    impl Authenticate for Service {
        async fn authenticate(&self) -> Result<Credentials, AuthError> {
            let number = {
                let mut asked = self.asked.lock();
                asked.push(Instant::now());
                asked.len()
            };
            // Somebody else always has the time to come and wait.
            sleep(Duration::from_millis(20)).await;
            (self.token)(number).map(Credentials::bearer)
        }
    }

    impl Service {
        fn session(token: fn(usize) -> Result<String, AuthError>) -> (Arc<Service>, Arc<Session>) {
            let service = Arc::new(Service { asked: Mutex::default(), token });
            (service.clone(), Arc::new(Session::new(Source::Hook(service))))
        }

        fn least_gap(&self) -> Duration {
            let asked = self.asked.lock();
            // Between the first credentials and their first refusal there is no pause: they may just have been rotated.
            asked.windows(2).skip(1).map(|pair| pair[1] - pair[0]).min().unwrap()
        }
    }

    #[tokio::test(start_paused = true)]
    async fn whatever_many_batches_are_refused_the_source_is_asked_once_an_interval() {
        let (service, session) = Service::session(|number| Ok(format!("token-{number}")));
        let batches = (0..8).map(|_| {
            let session = session.clone();
            tokio::spawn(async move {
                let began = Instant::now();
                let mut refusals = 0;
                while began.elapsed() < Duration::from_secs(60) {
                    let events = EventHook::default();
                    let granted = session.credentials(&events).await.unwrap();
                    let other = session.instead_of(&granted, &events).await.unwrap();
                    assert!(other.is_some_and(|other| other.generation > granted.generation));
                    refusals += 1;
                }
                refusals
            })
        });
        let mut refusals = 0;
        for batch in batches.collect::<Vec<_>>() {
            refusals += batch.await.unwrap();
        }
        let asked = service.asked.lock().len();
        assert!(refusals >= 8 * 40 / 2 && (40..=61).contains(&asked), "{refusals} refusals, asked {asked} times");
        assert!(service.least_gap() >= INTERVAL, "{:?}", service.least_gap());
    }

    #[tokio::test(start_paused = true)]
    async fn batches_that_are_refused_together_share_the_answer_that_there_is_nothing_else() {
        let (service, session) = Service::session(|_| Ok("always the same".to_owned()));
        let events = EventHook::default();
        let granted = session.credentials(&events).await.unwrap();
        let refused = || session.instead_of(&granted, &events);
        let (one, two, three) = tokio::join!(refused(), refused(), refused());
        assert!([one, two, three].iter().all(|answer| matches!(answer, Ok(None))));
        assert_eq!(service.asked.lock().len(), 2, "once at first, and once for all three");
    }

    #[tokio::test(start_paused = true)]
    async fn a_source_that_fails_is_left_alone_for_an_interval_and_then_serves_at_once() {
        let (service, session) = Service::session(|number| match number {
            1..=5 => Err("not yet".into()),
            _ => Ok("token".to_owned()),
        });
        let events = EventHook::default();
        for _ in 0..5 {
            assert!(session.credentials(&events).await.is_err_and(|reason| reason.contains("not yet")));
        }
        session.credentials(&events).await.unwrap();
        let asked = service.asked.lock().clone();
        assert_eq!(asked.len(), 6);
        let gaps = asked.windows(2).map(|pair| pair[1] - pair[0]);
        assert!(gaps.clone().all(|gap| (INTERVAL..INTERVAL * 2).contains(&gap)), "{:?}", gaps.collect::<Vec<_>>());
    }

    #[tokio::test]
    async fn a_token_that_is_exchanged_while_the_old_one_is_asked_for_stays() {
        let session = Session::new(Source::Token(Mutex::new("old".to_owned())));
        let since = session.generation();
        let old = session.source.ask().await;
        session.exchange("new".to_owned()).unwrap();
        let granted = session.answered(old, since, &EventHook::default()).unwrap();
        assert_eq!(granted.headers["authorization"], "Bearer new");
        let Stock::Fresh(granted) = session.stock() else { panic!("it is for ever") };
        assert_eq!(granted.headers["authorization"], "Bearer new");
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_that_gives_up_during_the_pause_leaves_it_to_the_next() {
        let (service, session) = Service::session(|number| Ok(format!("token-{number}")));
        let events = EventHook::default();
        for _ in 0..2 {
            let granted = session.credentials(&events).await.unwrap();
            session.instead_of(&granted, &events).await.unwrap();
        }
        let refused = session.credentials(&events).await.unwrap();
        let hasty = tokio::time::timeout(Duration::from_millis(10), session.instead_of(&refused, &events));
        assert!(hasty.await.is_err(), "it waits for the pause to be over");
        let next = session.credentials(&events).await.unwrap();
        assert!(next.generation > refused.generation, "what was refused is not sent again");
        session.instead_of(&next, &events).await.unwrap();
        assert!(service.least_gap() >= INTERVAL, "{:?}", service.least_gap());
    }
}
