//! Lists of endpoints that are others now: those of named receivers, and those of single services.

use std::collections::BTreeMap;

use otlp_discovery::{Discovery, Endpoint};

use crate::{
    config::{ClientConfig, FieldError},
    receivers::{NAMED, named},
};

/// The field of the named receivers.
const RECEIVERS: &str = "receivers.endpoints";

/// The lists that a reload exchanges, read and checked.
pub(super) struct Lists<'a> {
    discovery: Option<&'a Discovery>,
    new: ClientConfig,
    /// By field: whose they are, and which.
    lists: BTreeMap<String, (String, Vec<Endpoint>)>,
}

impl<'a> Lists<'a> {
    /// The lists of `new` that are others than those of `old` and can take their place.
    ///
    /// # Errors
    ///
    /// An endpoint that cannot be.
    pub(super) fn new(
        old: &ClientConfig,
        new: &ClientConfig,
        discovery: Option<&'a Discovery>,
    ) -> Result<Self, FieldError> {
        let mut lists = BTreeMap::new();
        let is_listed = |service: &str| discovery.is_some_and(|discovery| discovery.is_listed(service));
        let (before, urls) = (&old.receivers.endpoints, &new.receivers.endpoints);
        if before != urls && !before.is_empty() && !urls.is_empty() && is_listed(NAMED) {
            let read =
                |urls| named(urls).map_err(|error| FieldError::value(RECEIVERS, error.value(), error.accepted()));
            let ((template, _), (new_template, endpoints)) = (read(before)?, read(urls)?);
            // How they are spoken to was settled when the client was built.
            if template == new_template {
                lists.insert(RECEIVERS.to_owned(), (NAMED.to_owned(), endpoints));
            }
        }
        let services = |config: &'_ ClientConfig| config.service_discovery.clone().map(|found| found.services);
        let before = services(old).unwrap_or_default();
        for (service, source) in services(new).unwrap_or_default() {
            let was_listed = before
                .get(&service)
                .is_some_and(|before| before.endpoints.is_some() && before.endpoints != source.endpoints);
            if was_listed && source.endpoints.is_some() && is_listed(&service) {
                let part = format!("service_discovery.services.{service}");
                let endpoints = source.listed(&part)?;
                lists.insert(format!("{part}.endpoints"), (service, endpoints));
            }
        }
        Ok(Lists { discovery, new: new.clone(), lists })
    }

    /// Whether the field is one of them.
    pub(super) fn has(&self, path: &str) -> bool {
        self.lists.contains_key(path)
    }

    /// Makes them those in force.
    pub(super) fn apply(self, in_force: &mut ClientConfig) {
        for (field, (service, endpoints)) in self.lists {
            // It is listed, as was found out.
            let _ = self.discovery.map(|discovery| discovery.replace_endpoints(&service, endpoints));
            if field == RECEIVERS {
                in_force.receivers.endpoints.clone_from(&self.new.receivers.endpoints);
                continue;
            }
            let new = self.new.service_discovery.as_ref().and_then(|found| found.services.get(&service));
            let old = in_force.service_discovery.as_mut().and_then(|found| found.services.get_mut(&service));
            if let (Some(old), Some(new)) = (old, new) {
                old.endpoints.clone_from(&new.endpoints);
            }
        }
    }
}
