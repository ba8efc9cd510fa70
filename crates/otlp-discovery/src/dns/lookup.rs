//! One question to the name servers, and what its answer means.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    time::Duration,
};

use hickory_resolver::{
    TokioResolver,
    config::{ConnectionConfig, NameServerConfig, ResolverConfig},
    lookup::Lookup,
    net::{DnsError, NetError, runtime::TokioRuntimeProvider},
    proto::{
        op::ResponseCode,
        rr::{Name, RData, RecordType, rdata::SRV},
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

/// How many endpoints are taken from an answer: more would be no list of instances but a mistake or an attack. They are
/// the first in an order of our own, for name servers turn their records around from answer to answer.
const MOST_ENDPOINTS: usize = 1024;

/// How many targets of SRV records are looked for.
const MOST_TARGETS: usize = 64;

/// How long an answer that there is nothing holds, where it does not say so.
const NEGATIVE_TTL: Duration = Duration::from_secs(30);

/// Asks one question, as often as wanted. Nothing is cached: who asks knows when. What is remembered of a name serves only
/// where nobody answers.
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
                let answers = both_families(resolver, name).await;
                let Told { addresses, ttl, is_told, failure } =
                    Told::of(name, answers, &mut self.last_told.lock(), Instant::now());
                match failure {
                    // What was found last stays as a whole.
                    Some(error) if !is_told || addresses.is_empty() => return Err(error),
                    _ => {}
                }
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

/// What the name servers say of each family of addresses.
type BothFamilies = [(RecordType, Result<Records, String>); 2];

async fn both_families(resolver: &TokioResolver, name: &Name) -> BothFamilies {
    let (v4, v6) = tokio::join!(records(resolver, name, RecordType::A), records(resolver, name, RecordType::AAAA));
    [(RecordType::A, v4), (RecordType::AAAA, v6)]
}

/// What is known of a name after it was asked for.
struct Told {
    /// In order, both families. Of one that nobody tells of, those that were told last.
    addresses: Vec<IpAddr>,
    /// How long they hold.
    ttl: Duration,
    /// Whether there was an answer for one of the families.
    is_told: bool,
    /// Why there was none for the other, or for both.
    failure: Option<String>,
}

impl Told {
    fn of(name: &Name, answers: BothFamilies, last_told: &mut LastTold, now: Instant) -> Self {
        let mut told = Told { addresses: Vec::new(), ttl: Duration::MAX, is_told: false, failure: None };
        let mut nothing_for = Duration::MAX;
        for (kind, answer) in answers {
            match answer {
                Ok(Records { records, ttl }) => {
                    let addresses: Vec<IpAddr> = records.into_iter().filter_map(address).collect();
                    last_told.told(name, kind, &addresses, now);
                    told.is_told = true;
                    match addresses.is_empty() {
                        // How long a family stays empty matters only if the other one is empty too.
                        true => nothing_for = nothing_for.min(ttl),
                        false => told.ttl = told.ttl.min(ttl),
                    }
                    told.addresses.extend(addresses);
                }
                Err(error) => {
                    told.addresses.extend(last_told.of(name, kind, now));
                    told.ttl = told.ttl.min(ASK_AGAIN);
                    told.failure.get_or_insert(error);
                }
            }
        }
        if told.addresses.is_empty() {
            told.ttl = told.ttl.min(nothing_for);
        }
        told.addresses.sort_unstable();
        told.addresses.dedup();
        told
    }
}

fn address(record: RData) -> Option<IpAddr> {
    match record {
        RData::A(address) => Some(IpAddr::V4(address.0)),
        RData::AAAA(address) => Some(IpAddr::V6(address.0)),
        _ => None,
    }
}

/// The addresses of the targets of a service. A target of which nobody tells anything has those that were told last.
async fn services(resolver: &TokioResolver, name: &Name, last_told: &Mutex<LastTold>) -> Result<Answer, String> {
    let Records { records, mut ttl } = records(resolver, name, RecordType::SRV).await?;
    let services = records.into_iter().filter_map(|record| match record {
        // A single dot: the service is decidedly not there (RFC 2782, "Target").
        RData::SRV(service) if !service.target.is_root() && service.port != 0 => Some(service),
        _ => None,
    });
    // The ones to try first come first, in the same order whatever that of the answer is.
    let mut services: Vec<SRV> = services.collect();
    services.sort_by(|a, b| {
        let a = (a.priority, &a.target, a.port, Reverse(a.weight));
        a.cmp(&(b.priority, &b.target, b.port, Reverse(b.weight)))
    });
    services.truncate(MOST_TARGETS);
    let targets: BTreeSet<&Name> = services.iter().map(|service| &service.target).collect();
    // All at a time: a target whose name servers are silent keeps nobody waiting for the others.
    let mut asked = JoinSet::new();
    for target in targets {
        let (resolver, target) = (resolver.clone(), target.clone());
        asked.spawn(async move {
            let answers = both_families(&resolver, &target).await;
            (target, answers)
        });
    }
    let mut answered = Vec::with_capacity(asked.len());
    while let Some(one) = asked.join_next().await {
        answered.extend(one);
    }
    let now = Instant::now();
    let mut last_told = last_told.lock();
    last_told.keep_only(|name| answered.iter().any(|(target, _)| target == name));
    let told = |(target, answers): (Name, BothFamilies)| {
        let told = Told::of(&target, answers, &mut last_told, now);
        (target, told)
    };
    let told: BTreeMap<Name, Told> = answered.into_iter().map(told).collect();
    let mut endpoints = Vec::new();
    for (service, told) in services.iter().filter_map(|service| Some((service, told.get(&service.target)?))) {
        endpoints.extend(told.addresses.iter().map(|address| {
            // A weight of 0 has a small chance of being chosen, and not none.
            let endpoint = Endpoint::new(address.to_string(), service.port)
                .with_weight(u32::from(service.weight).max(1))
                .with_priority(service.priority);
            named(endpoint, &service.target)
        }));
    }
    endpoints.truncate(MOST_ENDPOINTS);
    ttl = told.values().map(|told| told.ttl).fold(ttl, Duration::min);
    let is_told = told.values().any(|told| told.is_told);
    match told.into_values().find_map(|told| told.failure) {
        // What was found last stays as a whole.
        Some(error) if !is_told || endpoints.is_empty() => Err(error),
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
                if none.soa.is_none() && is_alias(resolver, none.query.name()).await {
                    return Err(format!("{kind} records of {name}: its aliases lead nowhere"));
                }
                let ttl = none.negative_ttl.map_or(NEGATIVE_TTL, |seconds| Duration::from_secs(seconds.into()));
                Ok(Records { records: Vec::new(), ttl })
            }
            _ => Err(format!("{kind} records of {name}: {error}")),
        },
    }
}

/// Whether a chain of aliases goes on here. It was followed for some steps and no further, which looks like the answer that
/// there is nothing, but for an authority that says so.
async fn is_alias(resolver: &TokioResolver, name: &Name) -> bool {
    let found = resolver.lookup(name.clone(), RecordType::CNAME).await;
    found.is_ok_and(|lookup| lookup.answers().iter().any(|record| record.record_type() == RecordType::CNAME))
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
