//! The agent of Consul that is asked for services, and that knows of this one.

use std::{fmt, time::Duration};

use otlp_discovery::ConsulConfig;
use serde::{Deserialize, Serialize};

use crate::config::{Check, FieldError, check, formats, in_range, production::shown, reference::Follow};

/// The agent of Consul that is asked for services, and that knows of this one: what [`ConsulConfig`] says in code.
/// `Debug` shows no token.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConsulAgent {
    /// The agent, an `http` or `https` URL: usually that of the same machine, `http://127.0.0.1:8500`.
    pub endpoint: String,
    /// The ACL token; may be a reference. Default: none.
    #[serde(default)]
    pub token: Option<String>,
    /// A file with the ACL token, read for every request. Default: none.
    #[serde(default)]
    pub token_file: Option<String>,
    /// The datacenter whose services are found. Default: the agent's own.
    #[serde(default)]
    pub datacenter: Option<String>,
    /// The namespace, of Consul Enterprise. Default: none.
    #[serde(default)]
    pub namespace: Option<String>,
    /// The admin partition, of Consul Enterprise. Default: none.
    #[serde(default)]
    pub partition: Option<String>,
    /// Whether any server may answer, not the leader alone. Default false.
    #[serde(default)]
    pub stale_reads: bool,
    /// How old the answer to a stale read may be. 0 to 1 day; default 30 s.
    #[serde(default = "max_staleness", with = "formats::duration")]
    pub max_staleness: Duration,
    /// Whether only instances count whose checks all pass. Default true.
    #[serde(default = "only_passing")]
    pub only_passing: bool,
    /// The tags that an instance must have. Default: none.
    #[serde(default)]
    pub tags: Vec<String>,
    /// How long the agent may keep a query while nothing changes. 1 s to 10 min; default 5 min.
    #[serde(default = "wait", with = "formats::duration")]
    pub wait: Duration,
    /// A PEM file with the certificates to trust, for `https`. Default: the system's.
    #[serde(default)]
    pub ca_file: Option<String>,
    /// A PEM file with our certificate, for agents that ask for one. It needs `key_file`. Default: none.
    #[serde(default)]
    pub cert_file: Option<String>,
    /// A PEM file with the key of the certificate. Default: none.
    #[serde(default)]
    pub key_file: Option<String>,
}

fn max_staleness() -> Duration {
    Duration::from_secs(30)
}

fn only_passing() -> bool {
    true
}

fn wait() -> Duration {
    Duration::from_secs(300)
}

impl ConsulAgent {
    /// The agent at `endpoint`, and the defaults.
    pub fn new(endpoint: impl Into<String>) -> Self {
        ConsulAgent {
            endpoint: endpoint.into(),
            token: None,
            token_file: None,
            datacenter: None,
            namespace: None,
            partition: None,
            stale_reads: false,
            max_staleness: max_staleness(),
            only_passing: only_passing(),
            tags: Vec::new(),
            wait: wait(),
            ca_file: None,
            cert_file: None,
            key_file: None,
        }
    }

    pub(super) fn follow(&mut self, path: &str, follow: &mut Follow<'_>) -> Result<(), FieldError> {
        follow(&format!("{path}.endpoint"), &mut self.endpoint)?;
        for (name, text) in [
            ("token", &mut self.token),
            ("token_file", &mut self.token_file),
            ("datacenter", &mut self.datacenter),
            ("namespace", &mut self.namespace),
            ("partition", &mut self.partition),
            ("ca_file", &mut self.ca_file),
            ("cert_file", &mut self.cert_file),
            ("key_file", &mut self.key_file),
        ] {
            if let Some(text) = text {
                follow(&format!("{path}.{name}"), text)?;
            }
        }
        let mut tags = self.tags.iter_mut().enumerate();
        tags.try_for_each(|(index, tag)| follow(&format!("{path}.tags[{index}]"), tag))
    }

    /// The same, in code.
    pub(super) fn config(&self) -> ConsulConfig {
        let mut config = ConsulConfig::new(&self.endpoint)
            .with_stale_reads(self.stale_reads)
            .with_max_staleness(self.max_staleness)
            .with_only_passing(self.only_passing)
            .with_wait(self.wait);
        type Set = fn(ConsulConfig, &str) -> ConsulConfig;
        let settings: [(&Option<String>, Set); 6] = [
            (&self.token, |config, token| config.with_token(token)),
            (&self.token_file, |config, path| config.with_token_file(path)),
            (&self.datacenter, |config, name| config.with_datacenter(name)),
            (&self.namespace, |config, name| config.with_namespace(name)),
            (&self.partition, |config, name| config.with_partition(name)),
            (&self.ca_file, |config, path| config.with_ca_file(path)),
        ];
        for (text, set) in settings {
            if let Some(text) = text {
                config = set(config, text);
            }
        }
        if let (Some(chain), Some(key)) = (&self.cert_file, &self.key_file) {
            config = config.with_client_certificate(chain, key);
        }
        self.tags.iter().fold(config, |config, tag| config.with_tag(tag))
    }
}

impl Check for ConsulAgent {
    fn check(&self, path: &str) -> Result<(), FieldError> {
        check(!self.endpoint.trim().is_empty(), || {
            FieldError::value(format!("{path}.endpoint"), "empty", "a URL, like http://127.0.0.1:8500")
        })?;
        check(self.token.is_none() || self.token_file.is_none(), || {
            FieldError::contradiction(format!("{path}.token_file"), "token is set as well: leave one of them out")
        })?;
        let half = |set: &str, missing: &str| {
            let reason =
                format!("{set} is set and {missing} is not: a client certificate needs both, or leave both out");
            Err(FieldError::contradiction(format!("{path}.{set}"), reason))
        };
        match (&self.cert_file, &self.key_file) {
            (Some(_), None) => half("cert_file", "key_file"),
            (None, Some(_)) => half("key_file", "cert_file"),
            _ => Ok(()),
        }?;
        let is_default = self.max_staleness == max_staleness();
        check(self.stale_reads || is_default, || {
            let reason = "it does nothing without stale_reads: set that as well, or leave it out";
            FieldError::contradiction(format!("{path}.max_staleness"), reason)
        })?;
        let seconds = Duration::from_secs;
        in_range(path, "max_staleness", self.max_staleness, Duration::ZERO..=seconds(86_400), "0 s to 1 day")?;
        in_range(path, "wait", self.wait, seconds(1)..=seconds(600), "1 s to 10 min")
    }
}

impl fmt::Debug for ConsulAgent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ConsulAgent { endpoint, token, token_file, datacenter, namespace, partition, stale_reads, .. } = self;
        let ConsulAgent { max_staleness, only_passing, tags, wait, ca_file, cert_file, key_file, .. } = self;
        f.debug_struct("ConsulAgent")
            .field("endpoint", &shown(endpoint))
            .field("token", &token.as_ref().map(|_| "(hidden)"))
            .field("token_file", token_file)
            .field("datacenter", datacenter)
            .field("namespace", namespace)
            .field("partition", partition)
            .field("stale_reads", stale_reads)
            .field("max_staleness", max_staleness)
            .field("only_passing", only_passing)
            .field("tags", tags)
            .field("wait", wait)
            .field("ca_file", ca_file)
            .field("cert_file", cert_file)
            .field("key_file", key_file)
            .finish()
    }
}
