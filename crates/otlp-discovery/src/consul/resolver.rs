//! Finds the instances of services by watching them in Consul.

use std::time::Duration;

use otlp_reliability::ConfigError;

use super::{
    ConsulConfig,
    access::{Access, checked_name, checked_range},
    watch::{Query, Watch},
};
use crate::{Publisher, Resolve, ResolveError, Watching};

/// The longest delay between attempts while an agent fails.
const MAX_DELAY: Duration = Duration::from_secs(30);

/// Watches services at a Consul agent.
///
/// Each watch is one blocking query at a time, over one connection. An agent that cannot be reached, refuses, or answers
/// what is no answer of Consul is reported through [`Publisher::failed`] and asked again, after half a second at first
/// and half a minute at most, with jitter.
///
/// The metadata of an endpoint are the service's own, and beside them `consul.id`, `consul.node`, `consul.datacenter`
/// and `consul.tags`, with commas between the tags.
///
/// ```no_run
/// use otlp_discovery::{ConsulConfig, ConsulResolver, Publisher, Resolve};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let resolver = ConsulResolver::new(&ConsulConfig::new("http://127.0.0.1:8500"))?;
/// let (publisher, mut found) = Publisher::new();
/// tokio::spawn(async move { resolver.watch("checkout", &publisher).await });
/// while found.changed().await.is_ok() {
///     let found = found.borrow_and_update();
///     println!("{:?}, last failure: {:?}", found.endpoints, found.failure);
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct ConsulResolver {
    access: Access,
    query: Query,
}

impl ConsulResolver {
    /// A resolver that asks as `config` says. Nothing is sent yet; files with a token or certificates are read.
    ///
    /// # Errors
    ///
    /// A setting cannot work; the error names it.
    pub fn new(config: &ConsulConfig) -> Result<Self, ConfigError> {
        checked_range("consul_wait", config.wait, 1..=600, "1 second to 10 minutes")?;
        checked_range("consul_max_staleness", config.max_staleness, 0..=86_400, "up to a day")?;
        if let Some(datacenter) = &config.datacenter {
            checked_name("consul_datacenter", datacenter)?;
        }
        for tag in &config.tags {
            if tag.is_empty() || tag.len() > 255 {
                return Err(ConfigError::new(
                    "consul_tag",
                    tag.chars().take(255).collect::<String>(),
                    "1 to 255 bytes",
                ));
            }
        }
        let query = Query {
            datacenter: config.datacenter.clone(),
            tags: config.tags.clone(),
            only_passing: config.only_passing,
            max_staleness: config.stale_reads.then_some(config.max_staleness),
            wait: config.wait,
        };
        Ok(ConsulResolver { access: Access::new(config, MAX_DELAY)?, query })
    }
}

impl Resolve for ConsulResolver {
    fn name(&self) -> String {
        format!("Consul at {}", self.access.urls.shown())
    }

    /// Ends at once if `service` is no name of a service, after saying so.
    fn watch<'a>(&'a self, service: &'a str, publisher: &'a Publisher) -> Watching<'a> {
        Box::pin(async move {
            if let Err(error) = checked_name("service", service) {
                publisher.failed(ResolveError { source_name: self.name(), message: error.to_string() });
                return;
            }
            let watch = Watch {
                agent: &self.access.agent,
                urls: &self.access.urls,
                query: &self.query,
                service,
                source_name: self.name(),
                publisher,
                retry: &self.access.retry,
            };
            watch.run().await;
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_that_cannot_work_are_refused_by_name() {
        let config = || ConsulConfig::new("http://127.0.0.1:8500");
        let rows = [
            (ConsulConfig::new("nonsense"), "consul_endpoint"),
            (config().with_wait(Duration::from_millis(999)), "consul_wait"),
            (config().with_wait(Duration::MAX), "consul_wait"),
            (config().with_max_staleness(Duration::MAX), "consul_max_staleness"),
            (config().with_datacenter("a b"), "consul_datacenter"),
            (config().with_partition(""), "consul_partition"),
            (config().with_tag("a").with_tag(""), "consul_tag"),
            (config().with_token(""), "consul_token"),
            (config().with_token_file("/nowhere/token"), "consul_token_file"),
            (config().with_ca_file("/nowhere/ca.pem"), "consul_ca_file"),
            (config().with_client_certificate("/nowhere/chain.pem", "/nowhere/key.pem"), "consul_client_certificate"),
        ];
        for (config, field) in rows {
            let error = ConsulResolver::new(&config).unwrap_err();
            assert_eq!(error.field(), field, "{error}");
        }
    }

    #[tokio::test]
    async fn a_bad_name_of_a_service_is_said_and_never_asked_for() {
        let resolver = ConsulResolver::new(&ConsulConfig::new("http://127.0.0.1:1")).unwrap();
        let (publisher, found) = Publisher::new();
        resolver.watch("../kv/secret", &publisher).await;
        let failure = found.borrow().failure.clone().unwrap();
        assert_eq!(failure.source_name, "Consul at http://127.0.0.1:1");
        assert!(failure.message.starts_with("service = \"../kv/secret\" is not accepted"), "{failure}");
    }
}
