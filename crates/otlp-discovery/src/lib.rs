//! Which instances of a service there are now, and which of them takes this request.
//!
//! A [`Resolve`] watches a service: a static list, DNS, Consul. It knows nothing of requests. What balances knows nothing
//! of where the instances came from.

mod consul;
mod endpoint;
mod resolve;

pub use self::{
    endpoint::Endpoint,
    resolve::{Found, Publisher, Resolve, ResolveError, Watching},
};
