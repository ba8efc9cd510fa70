//! Which instances of a service there are now, and which of them takes this request.
//!
//! A [`Resolve`] watches a service: a static list, DNS, Consul. It knows nothing of requests. What balances knows nothing
//! of where the instances came from.

#[cfg(feature = "consul")]
mod consul;
mod endpoint;
mod resolve;

#[cfg(feature = "consul")]
pub use self::consul::{
    ConsulConfig, ConsulError, ConsulRegistration, ConsulResolver, RegistrationStatus, ServiceInstance,
};
pub use self::{
    endpoint::Endpoint,
    resolve::{Found, Publisher, Resolve, ResolveError, Watching},
};
