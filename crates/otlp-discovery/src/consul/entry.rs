//! The loop that keeps an entry: registers, confirms, and begins again when the agent has forgotten it.
//!
//! Whoever tells the agent something holds a lock while it does, and looks first whether the entry is to be taken out.
//! So after the request that takes it out there is none that could enter it again.

use std::time::Duration;

use bytes::Bytes;
use http::{Method, StatusCode};
use otlp_reliability::{ConfigError, Retry};
use tokio::{
    sync::{Mutex, watch},
    time::{Instant, timeout},
};
use url::Url;

use super::{
    ConsulError, RegistrationStatus, ServiceInstance,
    access::Urls,
    agent::{Answer, Ask, Request},
};

/// The least and the most that a request may take.
const REQUEST_TIME: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(10));

/// One instance at one agent.
pub(super) struct Entry<A> {
    agent: A,
    urls: Urls,
    instance: ServiceInstance,
    /// The body of the registration, which never changes.
    registration: Bytes,
    retry: Retry,
    at_agent: Mutex<AtAgent>,
    /// Whether it is to be taken out, or was.
    is_closed: watch::Sender<bool>,
    status: watch::Sender<RegistrationStatus>,
}

/// What the agent has of us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum AtAgent {
    Nothing,
    /// A registration was sent and not confirmed, or what was there may be gone.
    Perhaps,
    Entry,
}

impl<A: Ask> Entry<A> {
    pub(super) fn new(agent: A, urls: Urls, instance: ServiceInstance, retry: Retry) -> Result<Self, ConfigError> {
        let registration = instance
            .to_json()
            .map_err(|error| ConfigError::new("service", error, "settings that can be written as JSON"))?
            .into();
        let (is_closed, status) = (watch::Sender::new(false), watch::Sender::default());
        let at_agent = Mutex::new(AtAgent::Nothing);
        Ok(Entry { agent, urls, instance, registration, retry, at_agent, is_closed, status })
    }

    pub(super) fn instance(&self) -> &ServiceInstance {
        &self.instance
    }

    pub(super) fn status(&self) -> watch::Receiver<RegistrationStatus> {
        self.status.subscribe()
    }

    pub(super) async fn run(&self) {
        let mut is_closed = self.is_closed.subscribe();
        let mut delays = self.retry.backoff();
        loop {
            let started = Instant::now();
            let pause = match self.keep().await {
                None => return,
                Some(Ok(())) => {
                    delays = self.retry.backoff();
                    (self.instance.ttl / 3).saturating_sub(started.elapsed())
                }
                Some(Err(_)) => delays.next_delay(Duration::ZERO),
            };
            if timeout(pause, is_closed.wait_for(|is_closed| *is_closed)).await.is_ok() {
                return;
            }
        }
    }

    /// Gives a sign of life, or registers where there is no entry. `None` if it is to be taken out.
    async fn keep(&self) -> Option<Result<(), ConsulError>> {
        let mut at_agent = self.at_agent.lock().await;
        if *self.is_closed.borrow() {
            return None;
        }
        let kept = match *at_agent {
            AtAgent::Entry => match self.confirm().await {
                Ok(true) => Ok(()),
                Ok(false) => self.register(&mut at_agent).await,
                Err(error) => Err(error),
            },
            AtAgent::Nothing | AtAgent::Perhaps => self.register(&mut at_agent).await,
        };
        let status = match &kept {
            Ok(()) => RegistrationStatus::Registered,
            Err(error) => RegistrationStatus::Failing { reason: error.to_string() },
        };
        self.enter(status);
        Some(kept)
    }

    async fn register(&self, at_agent: &mut AtAgent) -> Result<(), ConsulError> {
        // Until it is answered, and if this is dropped meanwhile, nobody knows.
        *at_agent = AtAgent::Perhaps;
        let mut url = self.urls.of(&["v1", "agent", "service", "register"]);
        url.query_pairs_mut().append_pair("replace-existing-checks", "true");
        self.put(url, self.registration.clone()).await?.success(&self.needs())?;
        *at_agent = AtAgent::Entry;
        Ok(())
    }

    /// Whether the agent has the entry and took the sign of life.
    async fn confirm(&self) -> Result<bool, ConsulError> {
        let url = self.urls.of(&["v1", "agent", "check", "pass", &self.instance.check_id()]);
        let answer = self.put(url, Bytes::new()).await?;
        // Agents before Consul 1.12 say 500 of a check that they do not know. Should it be another failure, the
        // registration finds that out.
        if [StatusCode::NOT_FOUND, StatusCode::INTERNAL_SERVER_ERROR].contains(&answer.status) {
            return Ok(false);
        }
        answer.success(&self.needs()).map(|_| true)
    }

    /// Takes the entry out; see [`ConsulRegistration::deregister`](super::ConsulRegistration::deregister).
    pub(super) async fn deregister(&self, after: Duration) -> Result<(), ConsulError> {
        self.is_closed.send_replace(true);
        let told = async {
            let mut at_agent = self.at_agent.lock().await;
            if *at_agent != AtAgent::Nothing {
                let answer =
                    self.put(self.urls.of(&["v1", "agent", "service", "deregister", &self.instance.id]), Bytes::new());
                let answer = answer.await?;
                if answer.status != StatusCode::NOT_FOUND {
                    answer.success(&self.needs())?;
                }
                *at_agent = AtAgent::Nothing;
            }
            self.enter(RegistrationStatus::Deregistered);
            Ok(())
        };
        timeout(after, told).await.unwrap_or(Err(ConsulError::TimedOut { after }))
    }

    async fn put(&self, url: Url, body: Bytes) -> Result<Answer, ConsulError> {
        let timeout = (self.instance.ttl / 3).clamp(REQUEST_TIME.0, REQUEST_TIME.1);
        self.agent.ask(Request { method: Method::PUT, url, body, timeout }).await
    }

    fn needs(&self) -> String {
        format!("a token with `service:write` for {:?}", self.instance.service())
    }

    fn enter(&self, status: RegistrationStatus) {
        self.status.send_if_modified(|known| {
            let is_news = *known != status;
            *known = status;
            is_news
        });
    }
}

#[cfg(test)]
mod tests;
