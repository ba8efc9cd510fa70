//! Why there is no endpoint for a request.

use thiserror::Error;

use super::members::Members;
use crate::ResolveError;

/// Why there is no endpoint for a request.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum NoEndpoint {
    /// The source has not answered yet.
    #[error("the endpoints of {service:?} are not known yet{}", because(.failure.as_ref()))]
    NotFoundYet {
        /// The service.
        service: String,
        /// Why not, if it was tried.
        failure: Option<ResolveError>,
    },
    /// There is none.
    #[error("{service:?} has no endpoints{}", because(.failure.as_ref()))]
    Empty {
        /// The service.
        service: String,
        /// Why nothing newer is known, if so.
        failure: Option<ResolveError>,
    },
    /// All of them are left alone for their failures, or because they asked for it.
    #[error("none of the {endpoints} endpoints of {service:?} takes requests now")]
    AllRest {
        /// The service.
        service: String,
        /// How many there are.
        endpoints: usize,
    },
}

impl NoEndpoint {
    pub(super) fn of(members: &Members) -> Self {
        let service = members.service.clone();
        let endpoints = members.list().len();
        match members.failure() {
            (failure, _) if endpoints > 0 => {
                drop(failure);
                NoEndpoint::AllRest { service, endpoints }
            }
            (failure, true) => NoEndpoint::Empty { service, failure },
            (failure, false) => NoEndpoint::NotFoundYet { service, failure },
        }
    }
}

fn because(failure: Option<&ResolveError>) -> String {
    failure.map(|failure| format!(": {failure}")).unwrap_or_default()
}
