//! Active health: endpoints are asked how they are, beside the requests that they get.

mod http;
mod rounds;
mod tcp;
#[cfg(test)]
mod tests;

use std::{future::Future, pin::Pin};

pub(crate) use self::rounds::check_forever;
pub use self::{http::HttpCheck, tcp::TcpCheck};
use crate::Endpoint;

/// The future of [`CheckHealth::check`]: why the endpoint is not well, if it is not.
pub type Checking<'a> = Pin<Box<dyn Future<Output = Result<(), String>> + Send + 'a>>;

/// Asks an endpoint whether it is well.
///
/// An implementor needs not limit its time; what it reads it does limit. Dropping the future ends the check. One that
/// panics has failed.
pub trait CheckHealth: Send + Sync {
    /// Asks `endpoint` once.
    fn check<'a>(&'a self, endpoint: &'a Endpoint) -> Checking<'a>;
}
