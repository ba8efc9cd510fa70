//! The source for endpoints that never change.

use crate::{Endpoint, Publisher, Resolve, Watching};

/// Knows the endpoints of a service from the beginning.
#[derive(Debug, Clone)]
pub struct StaticResolver {
    endpoints: Vec<Endpoint>,
}

impl StaticResolver {
    /// Always these, whatever the service is called.
    pub fn new(endpoints: impl IntoIterator<Item = Endpoint>) -> Self {
        StaticResolver { endpoints: endpoints.into_iter().collect() }
    }
}

impl Resolve for StaticResolver {
    fn name(&self) -> String {
        "static list".to_owned()
    }

    fn watch<'a>(&'a self, _service: &'a str, publisher: &'a Publisher) -> Watching<'a> {
        publisher.found(self.endpoints.clone());
        Box::pin(std::future::ready(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn it_publishes_its_list_and_ends() {
        let (publisher, found) = Publisher::new();
        StaticResolver::new([Endpoint::new("b", 2), Endpoint::new("a", 1)]).watch("any", &publisher).await;
        let found = found.borrow().endpoints.clone().unwrap();
        assert_eq!(found.iter().map(Endpoint::to_string).collect::<Vec<_>>(), ["a:1", "b:2"]);
    }
}
