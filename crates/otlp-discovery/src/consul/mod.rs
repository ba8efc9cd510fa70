//! Services in Consul: which instances a service has, and the entry of our own instance.
//!
//! [`ConsulResolver`] watches a service with blocking queries, so a change is known as soon as the agent knows it, and a
//! service that does not change costs one request in five minutes. [`ConsulRegistration`] enters an instance with a check
//! that the agent lets expire unless we confirm it: an instance that crashes is left out by itself.
//!
//! Everything that an agent answers is bounded in size and time, and judged before it is believed. What is wrong with it
//! is said, and what was known stays in use.

mod access;
mod agent;
mod config;
mod entry;
mod error;
mod file;
mod health;
mod http;
mod index;
mod instance;
mod reading;
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
