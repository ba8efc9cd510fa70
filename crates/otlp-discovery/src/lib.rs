//! Which instances of a service there are now, and which of them takes this request.
//!
//! A [`Resolve`] watches a service: a static list, DNS, Consul. It knows nothing of requests. What balances knows nothing
//! of where the instances came from: a [`ServicePool`] has the endpoints of one service, leaves those that are not well,
//! and lets a [`Balance`] choose among the others. [`ServiceDiscovery`] and [`LoadBalancer`] are the settings of both.

mod balance;
#[cfg(feature = "consul")]
mod consul;
#[cfg(feature = "dns")]
mod dns;
mod endpoint;
mod health;
mod load_balancer;
mod pool;
mod resolve;
mod service_discovery;
mod static_list;

pub use otlp_reliability::{ConfigError, Verdict};

#[cfg(feature = "consul")]
pub use self::consul::{
    ConsulConfig, ConsulError, ConsulRegistration, ConsulResolver, RegistrationStatus, ServiceInstance,
};
#[cfg(feature = "dns")]
pub use self::dns::{DnsConfig, DnsResolver};
pub use self::{
    balance::{Balance, Candidate, LeastLoaded, LoadBalancingStrategy, Random, Rendezvous, RoundRobin, Weighted},
    endpoint::Endpoint,
    health::{CheckHealth, Checking, HttpCheck, TcpCheck},
    load_balancer::LoadBalancer,
    pool::{Breaker, EndpointStatus, NoEndpoint, PickRequest, Picked, PoolSnapshot, ServicePool},
    resolve::{Found, Publisher, Resolve, ResolveError, Watching},
    service_discovery::{Discovery, DiscoveryError, ServiceDiscovery},
    static_list::StaticResolver,
};
