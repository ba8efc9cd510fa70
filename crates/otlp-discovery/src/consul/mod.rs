//! Services in Consul: which instances a service has, and the entry of our own instance.
//!
//! [`ConsulResolver`] watches a service with blocking queries, so a change is known as soon as the agent knows it, and a
//! service that does not change costs one request in five minutes. [`ConsulRegistration`] enters an instance with a check
//! that the agent lets expire unless we confirm it: an instance that crashes is left out by itself.
//!
//! Everything that an agent answers is bounded in size and time, and judged before it is believed. What is wrong with it
//! is said, and what was known stays in use.
//!
//! ```no_run
//! use std::time::Duration;
//! use otlp_discovery::{
//!     ConsulConfig, ConsulRegistration, ConsulResolver, Endpoint, Publisher, Resolve, ServiceInstance,
//! };
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let consul = ConsulConfig::new("http://127.0.0.1:8500");
//!
//! let instance = ServiceInstance::new("checkout", Endpoint::new("10.0.0.7", 8080));
//! let registration = ConsulRegistration::new(&consul, instance)?;
//! tokio::spawn({ let registration = registration.clone(); async move { registration.run().await } });
//!
//! let (publisher, mut found) = Publisher::new();
//! let resolver = ConsulResolver::new(&consul)?;
//! tokio::spawn(async move { resolver.watch("checkout", &publisher).await });
//! found.changed().await?;
//! println!("{:?}", found.borrow().endpoints);
//!
//! registration.deregister(Duration::from_secs(2)).await?;
//! # Ok(())
//! # }
//! ```

mod access;
mod agent;
mod config;
mod entry;
mod error;
mod health;
mod http;
mod index;
mod instance;
mod registration;
mod resolver;
mod tls;
mod token;
mod watch;

pub use self::{
    config::ConsulConfig,
    error::ConsulError,
    instance::ServiceInstance,
    registration::{ConsulRegistration, RegistrationStatus},
    resolver::ConsulResolver,
};
