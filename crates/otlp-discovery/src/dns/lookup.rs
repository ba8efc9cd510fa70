//! One question to the name servers, and what its answer means.

use std::{net::IpAddr, time::Duration};

use hickory_resolver::{
    TokioResolver,
    config::{ConnectionConfig, NameServerConfig, ResolverConfig},
    lookup::Lookup,
    net::{DnsError, NetError, runtime::TokioRuntimeProvider},
    proto::{
        op::ResponseCode,
        rr::{Name, RData, RecordType},
    },
};
use parking_lot::Mutex;
use tokio::{task::JoinSet, time::Instant};

use super::{
    DnsConfig, Question,
    last_told::{ASK_AGAIN, LastTold},
    schedule::Answer,
};
use crate::Endpoint;

/// How many endpoints are taken from an answer: more would be no list of instances but a mistake or an attack.
const MOST_ENDPOINTS: usize = 1024;

/// How many targets of SRV records are looked for.
const MOST_TARGETS: usize = 64;

/// How long an answer that there is nothing holds, where it does not say so.
const NEGATIVE_TTL: Duration = Duration::from_secs(30);

/// Asks one question, as often as wanted. Nothing is cached: who asks knows when. What is remembered of a service's targets
/// serves only where nobody answers.
///
/// After a failure the configuration of the system is read again: the name servers of a machine that moved to another
/// network are others, and those of one that has just started may not be known yet.
pub(super) struct Lookups<'a, M> {
    question: &'a Question,
    make: M,
    resolver: Mutex<Option<TokioResolver>>,
    last_told: Mutex<LastTold>,
}

/// Records of one type, or none.
struct Records {
    records: Vec<RData>,
    ttl: Duration,
}

impl<'a, M: Fn() -> Result<TokioResolver, String>> Lookups<'a, M> {
    /// Asks by what `make` makes.
    pub(super) fn new(question: &'a Question, make: M) -> Self {
        Lookups { question, make, resolver: Mutex::new(None), last_told: Mutex::default() }
    }

    pub(super) async fn ask(&self) -> Result<Answer, String> {
        let known = self.resolver.lock().take();
        let resolver = known.map_or_else(&self.make, Ok)?;
        let answer = self.ask_by(&resolver).await;
        if answer.is_ok() {
            *self.resolver.lock() = Some(resolver);
        }
        answer
    }

    async fn ask_by(&self, resolver: &TokioResolver) -> Result<Answer, String> {
        match self.question {
            Question::Addresses(name, port) => {
                let (addresses, ttl) = addresses(resolver, name).await?;
                let endpoint = |address: IpAddr| named(Endpoint::new(address.to_string(), *port), name);
                Ok(Answer { endpoints: addresses.into_iter().map(endpoint).take(MOST_ENDPOINTS).collect(), ttl })
            }
            Question::Services(name) => services(resolver, name, &self.last_told).await,
        }
    }
}

/// Asks the name servers of `config`, or those that the system has now.
pub(super) fn resolver(config: &DnsConfig) -> Result<TokioResolver, String> {
    build(config).map_err(|error| error.to_string())
}

fn build(config: &DnsConfig) -> Result<TokioResolver, NetError> {
    let mut builder = if config.name_servers.is_empty() {
        TokioResolver::builder_tokio()?
    } else {
        let server = |address: &std::net::SocketAddr| {
            let mut connections = vec![ConnectionConfig::udp(), ConnectionConfig::tcp()];
            connections.iter_mut().for_each(|connection| connection.port = address.port());
            NameServerConfig::new(address.ip(), true, connections)
        };
        let servers = config.name_servers.iter().map(server).collect();
        TokioResolver::builder_with_config(ResolverConfig::from_name_servers(servers), TokioRuntimeProvider::default())
    };
    let options = builder.options_mut();
    options.cache_size = 0;
    options.timeout = config.timeout;
    builder.build()
}

/// Every address of a name, and how long they hold.
async fn addresses(resolver: &TokioResolver, name: &Name) -> Result<(Vec<IpAddr>, Duration), String> {
    let (v4, v6) = tokio::join!(records(resolver, name, RecordType::A), records(resolver, name, RecordType::AAAA));
    // A family without an answer makes the other one no less true, unless that one is empty.
    let (found, ttl) = match (v4, v6) {
        (Ok(v4), Ok(v6)) => {
            let ttl = match (v4.records.is_empty(), v6.records.is_empty()) {
                (false, true) => v4.ttl,
                (true, false) => v6.ttl,
                _ => v4.ttl.min(v6.ttl),
            };
            (v4.records.into_iter().chain(v6.records).collect::<Vec<_>>(), ttl)
        }
        (Ok(one), Err(_)) | (Err(_), Ok(one)) if !one.records.is_empty() => (one.records, one.ttl),
        (Err(error), _) | (_, Err(error)) => return Err(error),
    };
    let address = |record| match record {
        RData::A(address) => Some(IpAddr::V4(address.0)),
        RData::AAAA(address) => Some(IpAddr::V6(address.0)),
        _ => None,
    };
    Ok((found.into_iter().filter_map(address).collect(), ttl))
}

/// The addresses of the targets of a service. A target of which nobody tells anything has those that were told last.
async fn services(resolver: &TokioResolver, name: &Name, last_told: &Mutex<LastTold>) -> Result<Answer, String> {
    let Records { records, mut ttl } = records(resolver, name, RecordType::SRV).await?;
    let services = records.into_iter().filter_map(|record| match record {
        // A single dot: the service is decidedly not there (RFC 2782, "Target").
        RData::SRV(service) if !service.target.is_root() && service.port != 0 => Some(service),
        _ => None,
    });
    // All at a time: a target whose name servers are silent keeps nobody waiting for the others.
    let mut asked = JoinSet::new();
    for service in services.take(MOST_TARGETS) {
        let resolver = resolver.clone();
        asked.spawn(async move {
            let found = addresses(&resolver, &service.target).await;
            (service, found)
        });
    }
    let mut answered = Vec::with_capacity(asked.len());
    while let Some(one) = asked.join_next().await {
        answered.extend(one);
    }
    let now = Instant::now();
    let mut last_told = last_told.lock();
    last_told.keep_only(|target| answered.iter().any(|(service, _)| service.target == *target));
    let mut endpoints = Vec::new();
    let (mut is_told, mut failure) = (false, None);
    for (service, found) in &answered {
        let addresses = match found {
            Ok((addresses, holds)) => {
                is_told = true;
                ttl = ttl.min(*holds);
                last_told.told(&service.target, addresses, now);
                addresses.as_slice()
            }
            Err(error) => {
                failure = Some(error);
                ttl = ttl.min(ASK_AGAIN);
                last_told.of(&service.target, now)
            }
        };
        endpoints.extend(addresses.iter().map(|address| {
            // A weight of 0 has a small chance of being chosen, and not none.
            let endpoint = Endpoint::new(address.to_string(), service.port)
                .with_weight(u32::from(service.weight).max(1))
                .with_priority(service.priority);
            named(endpoint, &service.target)
        }));
    }
    endpoints.truncate(MOST_ENDPOINTS);
    match failure {
        // What was found last stays as a whole.
        Some(error) if !is_told || endpoints.is_empty() => Err(error.clone()),
        _ => Ok(Answer { endpoints, ttl }),
    }
}

/// With the name under which it was found, which is in its certificate.
fn named(mut endpoint: Endpoint, name: &Name) -> Endpoint {
    endpoint.server_name = Some(name.to_ascii().trim_end_matches('.').to_owned());
    endpoint
}

async fn records(resolver: &TokioResolver, name: &Name, kind: RecordType) -> Result<Records, String> {
    match resolver.lookup(name.clone(), kind).await {
        Ok(lookup) => Ok(read(&lookup, kind)),
        Err(error) => match &error {
            NetError::Dns(DnsError::NoRecordsFound(none))
                if matches!(none.response_code, ResponseCode::NXDomain | ResponseCode::NoError) =>
            {
                let ttl = none.negative_ttl.map_or(NEGATIVE_TTL, |seconds| Duration::from_secs(seconds.into()));
                Ok(Records { records: Vec::new(), ttl })
            }
            _ => Err(format!("{kind} records of {name}: {error}")),
        },
    }
}

/// The records of the wanted type; those that led to them, such as aliases, count for how long they hold.
fn read(lookup: &Lookup, kind: RecordType) -> Records {
    let ttl = lookup.answers().iter().map(|record| record.ttl).min();
    let wanted = lookup.answers().iter().filter(|record| record.record_type() == kind);
    Records {
        records: wanted.map(|record| record.data.clone()).collect(),
        ttl: ttl.map_or(NEGATIVE_TTL, |seconds| Duration::from_secs(seconds.into())),
    }
}
