//! Which agent is asked, as whom, and how: plain settings, checked by the constructors of what uses them.

use std::{fmt, path::PathBuf, time::Duration};

use super::{access::shown, token::TokenSource};

/// A Consul agent, and how it is asked. `Debug` shows no token, and nothing of an endpoint that could be a password.
///
/// ```
/// use otlp_discovery::{ConsulConfig, ConsulResolver};
///
/// let consul = ConsulConfig::new("http://127.0.0.1:8500").with_datacenter("dc1").with_tag("otlp");
/// assert!(ConsulResolver::new(&consul).is_ok());
///
/// let error = ConsulResolver::new(&ConsulConfig::new("127.0.0.1:8500")).err().map(|error| error.to_string());
/// assert!(error.is_some_and(|error| error.starts_with("consul_endpoint = \"127.0.0.1:8500\" is not accepted")));
/// ```
#[derive(Clone)]
pub struct ConsulConfig {
    pub(super) endpoint: String,
    pub(super) token: TokenSource,
    pub(super) datacenter: Option<String>,
    pub(super) namespace: Option<String>,
    pub(super) partition: Option<String>,
    pub(super) stale_reads: bool,
    pub(super) max_staleness: Duration,
    pub(super) only_passing: bool,
    pub(super) tags: Vec<String>,
    pub(super) wait: Duration,
    pub(super) ca_file: Option<PathBuf>,
    pub(super) identity: Option<(PathBuf, PathBuf)>,
}

impl ConsulConfig {
    /// The agent at `endpoint`, an `http` or `https` URL; its path, if it has one, comes before the paths of the API.
    ///
    /// Usually the agent of the same machine, `http://127.0.0.1:8500`: what an agent registers lives and dies with it.
    pub fn new(endpoint: impl Into<String>) -> Self {
        ConsulConfig {
            endpoint: endpoint.into(),
            token: TokenSource::None,
            datacenter: None,
            namespace: None,
            partition: None,
            stale_reads: false,
            max_staleness: Duration::from_secs(30),
            only_passing: true,
            tags: Vec::new(),
            wait: Duration::from_secs(300),
            ca_file: None,
            identity: None,
        }
    }

    /// Sends this ACL token. Its policy needs `service:read` and `node:read` to find a service, `service:write` to
    /// register one. Replaces [`with_token_file`](Self::with_token_file).
    #[must_use]
    pub fn with_token(mut self, token: impl Into<String>) -> Self {
        self.token = TokenSource::Text(token.into());
        self
    }

    /// Sends the ACL token that this file holds, read again for every request, so that a new token takes effect by
    /// itself. While the file cannot be read, the token that was read last is used. Replaces
    /// [`with_token`](Self::with_token).
    #[must_use]
    pub fn with_token_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.token = TokenSource::File(path.into());
        self
    }

    /// Finds services of this datacenter. Default: the agent's own. What is registered is always of the agent's own.
    #[must_use]
    pub fn with_datacenter(mut self, datacenter: impl Into<String>) -> Self {
        self.datacenter = Some(datacenter.into());
        self
    }

    /// Finds and registers in this namespace. Consul Enterprise alone has namespaces; other agents refuse the request.
    #[must_use]
    pub fn with_namespace(mut self, namespace: impl Into<String>) -> Self {
        self.namespace = Some(namespace.into());
        self
    }

    /// Finds and registers in this admin partition. Consul Enterprise alone has partitions; other agents refuse the
    /// request.
    #[must_use]
    pub fn with_partition(mut self, partition: impl Into<String>) -> Self {
        self.partition = Some(partition.into());
        self
    }

    /// Lets any server answer, not the leader alone: spreads the load, and works while there is no leader. Answers that
    /// are older than [`with_max_staleness`](Self::with_max_staleness) allows are asked for again, of the leader.
    /// Default: off.
    #[must_use]
    pub fn with_stale_reads(mut self, stale_reads: bool) -> Self {
        self.stale_reads = stale_reads;
        self
    }

    /// How long ago the server that answers a stale read may have heard of the leader: up to a day, default 30 seconds.
    /// Answers that an agent takes from its stream of changes name no age, and are not judged by it.
    #[must_use]
    pub fn with_max_staleness(mut self, max_staleness: Duration) -> Self {
        self.max_staleness = max_staleness;
        self
    }

    /// Whether only instances count whose checks all pass (default). Otherwise all count: those with a warning have the
    /// weight that Consul keeps for that, those in a critical state have weight 0.
    #[must_use]
    pub fn with_only_passing(mut self, only_passing: bool) -> Self {
        self.only_passing = only_passing;
        self
    }

    /// Only instances with this tag; called again, only those with all of the tags.
    #[must_use]
    pub fn with_tag(mut self, tag: impl Into<String>) -> Self {
        self.tags.push(tag.into());
        self
    }

    /// How long the agent may keep a query when nothing changes: 1 second to 10 minutes, default 5 minutes. Shorter
    /// where something on the way closes connections that are silent. Each query takes up to a tenth less, by chance.
    #[must_use]
    pub fn with_wait(mut self, wait: Duration) -> Self {
        self.wait = wait;
        self
    }

    /// Trusts the certificate authorities of this PEM file instead of the system's, for `https`. Read once.
    #[must_use]
    pub fn with_ca_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.ca_file = Some(path.into());
        self
    }

    /// Shows this certificate to agents that verify their callers, for `https`: PEM files with the chain and its key.
    /// Read once.
    #[must_use]
    pub fn with_client_certificate(mut self, chain: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        self.identity = Some((chain.into(), key.into()));
        self
    }
}

impl fmt::Debug for ConsulConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ConsulConfig { endpoint, token, datacenter, namespace, partition, .. } = self;
        let ConsulConfig { stale_reads, max_staleness, only_passing, tags, wait, ca_file, identity, .. } = self;
        f.debug_struct("ConsulConfig")
            .field("endpoint", &shown(endpoint))
            .field("token", token)
            .field("datacenter", datacenter)
            .field("namespace", namespace)
            .field("partition", partition)
            .field("stale_reads", stale_reads)
            .field("max_staleness", max_staleness)
            .field("only_passing", only_passing)
            .field("tags", tags)
            .field("wait", wait)
            .field("ca_file", ca_file)
            .field("client_certificate", identity)
            .finish()
    }
}
