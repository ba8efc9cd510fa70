//! Consul: always against recorded answers of a real agent, and against a real agent where there is one.

mod agent;
mod hostile;
mod real;
mod recorded;
mod replay;
#[cfg(feature = "tls")]
mod tls;

use std::{future::Future, time::Duration};

use otlp_discovery::{Found, Publisher, Resolve};
use tokio::sync::watch;

/// After this a test has failed. Nothing is waited for that long if it works.
const AT_MOST: Duration = Duration::from_secs(90);

/// Something that runs until the end of the test.
struct Running(tokio::task::JoinHandle<()>);

impl Running {
    fn new(future: impl Future<Output = ()> + Send + 'static) -> Self {
        Running(tokio::spawn(future))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Watches a service.
fn watched(resolver: impl Resolve + 'static, service: &'static str) -> (Running, watch::Receiver<Found>) {
    let (publisher, found) = Publisher::new();
    (Running::new(async move { resolver.watch(service, &publisher).await }), found)
}

/// Waits until what is known is as the test wants it.
async fn until<T: Clone + std::fmt::Debug>(
    receiver: &mut watch::Receiver<T>,
    what: &str,
    is_so: impl FnMut(&T) -> bool,
) -> T {
    let waited = tokio::time::timeout(AT_MOST, receiver.wait_for(is_so)).await;
    let found = waited.ok().and_then(Result::ok).map(|known| known.clone());
    found.unwrap_or_else(|| panic!("never {what}: {:?}", receiver.borrow()))
}

/// The instances, in order.
fn addresses(found: &Found) -> Vec<String> {
    found.endpoints.iter().flat_map(|endpoints| endpoints.iter()).map(ToString::to_string).collect()
}

/// Waits until there are exactly these instances and no failure.
async fn until_found(receiver: &mut watch::Receiver<Found>, expected: &[&str]) -> Found {
    let is_so = |found: &Found| found.failure.is_none() && found.endpoints.is_some() && addresses(found) == expected;
    until(receiver, &format!("{expected:?}"), is_so).await
}

/// Waits until there is a failure, and returns its text.
async fn until_failed(receiver: &mut watch::Receiver<Found>) -> String {
    let found = until(receiver, "a failure", |found| found.failure.is_some()).await;
    found.failure.map(|failure| failure.to_string()).unwrap_or_default()
}
