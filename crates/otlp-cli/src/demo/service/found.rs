//! The receivers as a service finds them: the demo says which there are, and the client is told by a resolver.

use otlp::discovery::{Endpoint, LoadBalancer, Publisher, Resolve, ServiceDiscovery, Watching};
use tokio::sync::watch;

/// Under which name the receivers are looked for.
const SERVICE: &str = "otel-collector";

/// Learns where the receivers are. Clones are the same.
#[derive(Clone)]
pub(super) struct FoundReceivers(watch::Sender<Vec<Endpoint>>);

impl FoundReceivers {
    /// These, each as `host:port`.
    pub(super) fn new(addresses: &[String]) -> Self {
        FoundReceivers(watch::Sender::new(endpoints(addresses)))
    }

    /// From now on these.
    pub(super) fn are(&self, addresses: &[String]) {
        self.0.send_replace(endpoints(addresses));
    }

    /// How the client finds them, and spreads batches over them.
    pub(super) fn settings(&self) -> (ServiceDiscovery, LoadBalancer) {
        let discovery = ServiceDiscovery::new().with_resolver(SERVICE, self.clone()).with_receiver_service(SERVICE);
        (discovery, LoadBalancer::new())
    }
}

impl Resolve for FoundReceivers {
    fn name(&self) -> String {
        "the demo".to_owned()
    }

    fn watch<'a>(&'a self, _service: &'a str, publisher: &'a Publisher) -> Watching<'a> {
        Box::pin(async move {
            let mut known = self.0.subscribe();
            loop {
                let now = known.borrow_and_update().clone();
                publisher.found(now);
                if known.changed().await.is_err() {
                    return;
                }
            }
        })
    }
}

/// What is no address is left out: the demo sends none.
fn endpoints(addresses: &[String]) -> Vec<Endpoint> {
    addresses.iter().filter_map(|address| address.parse().ok()).collect()
}
