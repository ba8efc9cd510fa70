//! The source of one service, as the settings say it and as it runs.

use std::{fmt, sync::Arc};

use otlp_reliability::ConfigError;

use super::ServiceDiscovery;
#[cfg(feature = "dns")]
use crate::DnsResolver;
use crate::{Endpoint, Resolve};

/// What settings say of a service.
#[derive(Clone)]
pub(super) enum Source {
    /// Endpoints that are not read yet.
    Texts(Vec<String>),
    Fixed(Vec<Endpoint>),
    #[cfg(feature = "dns")]
    Addresses(String, u16),
    #[cfg(feature = "dns")]
    Services(String),
    Watched(Arc<dyn Resolve>),
}

/// A source that can be used.
#[derive(Clone)]
pub(super) enum Ready {
    Fixed(Arc<[Endpoint]>),
    Watched(Arc<dyn Resolve>),
}

impl Source {
    pub(super) fn ready(&self, settings: &ServiceDiscovery) -> Result<Ready, ConfigError> {
        #[cfg(not(feature = "dns"))]
        let _ = settings;
        Ok(match self {
            Source::Texts(texts) => {
                let read: Result<Vec<Endpoint>, _> = texts.iter().map(|text| text.parse()).collect();
                Ready::Fixed(distinct(read?).into())
            }
            Source::Fixed(endpoints) => Ready::Fixed(distinct(endpoints.clone()).into()),
            #[cfg(feature = "dns")]
            Source::Addresses(name, port) => {
                Ready::Watched(Arc::new(DnsResolver::addresses(name, *port)?.with_config(settings.dns.clone())?))
            }
            #[cfg(feature = "dns")]
            Source::Services(name) => {
                Ready::Watched(Arc::new(DnsResolver::srv(name)?.with_config(settings.dns.clone())?))
            }
            Source::Watched(resolver) => Ready::Watched(Arc::clone(resolver)),
        })
    }
}

/// By host and port, each once.
pub(super) fn distinct(mut endpoints: Vec<Endpoint>) -> Vec<Endpoint> {
    endpoints.sort_by(|a, b| (&a.host, a.port).cmp(&(&b.host, b.port)));
    endpoints.dedup_by(|a, b| a.is_same_instance(b));
    endpoints
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::Texts(texts) => texts.fmt(f),
            Source::Fixed(endpoints) => endpoints.fmt(f),
            #[cfg(feature = "dns")]
            Source::Addresses(name, port) => write!(f, "{name}:{port}"),
            #[cfg(feature = "dns")]
            Source::Services(name) => f.write_str(name),
            Source::Watched(resolver) => f.write_str(&resolver.name()),
        }
    }
}
