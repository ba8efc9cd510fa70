//! Our own instance's entry at an agent, from its registration to its end.

use std::{fmt, future::Future, sync::Arc, time::Duration};

use otlp_reliability::ConfigError;
use tokio::sync::watch;

use super::{ConsulConfig, ConsulError, ServiceInstance, access::Access, entry::Entry, http::HttpAgent};

/// The longest delay between attempts while an agent fails.
const MAX_DELAY: Duration = Duration::from_secs(30);

/// Registers an instance of a service, keeps it registered while [`run`](Self::run) runs, and takes it out.
///
/// The entry has a check with a time to live. After each third of it the check is confirmed; should the process crash
/// or hang, the agent takes the instance for dead when the time has run out, and forgets it a while later. An agent that
/// has lost the entry, for instance after a restart, is given it again. Clones are the same registration.
///
/// ```no_run
/// use std::time::Duration;
/// use otlp_discovery::{ConsulConfig, ConsulRegistration, Endpoint, ServiceInstance};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let consul = ConsulConfig::new("http://127.0.0.1:8500");
/// let instance = ServiceInstance::new("checkout", Endpoint::new("10.0.0.7", 8080));
/// let registration = ConsulRegistration::new(&consul, instance)?;
/// let kept = registration.clone();
/// tokio::spawn(async move { kept.run().await });
/// // ... until the service ends:
/// registration.deregister(Duration::from_secs(2)).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct ConsulRegistration {
    entry: Arc<Entry<HttpAgent>>,
}

/// How a registration stands.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum RegistrationStatus {
    /// Nothing was tried yet.
    #[default]
    Pending,
    /// The agent has the entry, and has taken the last sign of life.
    Registered,
    /// The last attempt to register or to give a sign of life failed. It is tried again.
    Failing {
        /// Why, without secrets.
        reason: String,
    },
    /// It was taken out, and stays out.
    Deregistered,
}

impl ConsulRegistration {
    /// A registration of `instance` at the agent that `config` names. Nothing is sent yet.
    ///
    /// # Errors
    ///
    /// A setting cannot work; the error names it. An instance is registered at the agent itself, so a datacenter, tags
    /// to look for, and all else that is about reading plays no part.
    pub fn new(config: &ConsulConfig, instance: ServiceInstance) -> Result<Self, ConfigError> {
        instance.validate()?;
        let Access { agent, urls, retry } = Access::new(config, MAX_DELAY.min(instance.ttl / 3))?;
        let entry = Entry::new(agent, urls, instance, retry)?;
        Ok(ConsulRegistration { entry: Arc::new(entry) })
    }

    /// Registers the instance and keeps it registered, until [`deregister`](Self::deregister) is called. While the agent
    /// fails it goes on trying, with growing delays up to a third of the time to live or half a minute.
    ///
    /// Dropping the future ends the signs of life and leaves the entry to the agent, as a crash does.
    pub fn run(&self) -> impl Future<Output = ()> + Send + '_ {
        self.entry.run()
    }

    /// Takes the instance out, and ends [`run`](Self::run). A request that is under way is waited for first, so that
    /// none comes after. Without an entry, and the second time, there is nothing to do.
    ///
    /// # Errors
    ///
    /// The agent could not be told within `timeout`. It will find out by itself when the time to live has run out. This
    /// can be called again.
    pub async fn deregister(&self, timeout: Duration) -> Result<(), ConsulError> {
        self.entry.deregister(timeout).await
    }

    /// How it stands, now and whenever that changes.
    pub fn status(&self) -> watch::Receiver<RegistrationStatus> {
        self.entry.status()
    }

    /// What is registered.
    pub fn instance(&self) -> &ServiceInstance {
        self.entry.instance()
    }
}

impl fmt::Debug for ConsulRegistration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConsulRegistration")
            .field("instance", self.instance())
            .field("status", &*self.entry.status().borrow())
            .finish_non_exhaustive()
    }
}
