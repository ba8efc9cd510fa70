//! The way of each signal: its URL, and the connections that it shares with the signals of the same origin.

use std::{fmt, sync::Arc};

use bytes::Bytes;
use http::HeaderMap;
use otlp_core::{ErrorKind, ExportError, Outcome, Signal};

use super::{
    deadline::Deadline,
    diagnosis::Failure,
    dial::Dialer,
    exchange::Exchange,
    origin::Origin,
    outgoing::{Destination, Outgoing},
    socket::HttpVersion,
    tls::{Offer, Tls},
};
use crate::config::{ConfigError, Target, TransportConfig, TransportEvent};

/// Where the requests of one signal go.
pub(crate) struct Route {
    /// Displayed in errors.
    pub(crate) target: Target,
    destination: Destination,
    origin: Arc<Origin>,
}

/// The routes of the signals that have an endpoint.
pub(crate) struct Routes([Option<Route>; 3]);

impl Routes {
    /// HTTP: each signal has its URL.
    pub(crate) fn http(config: &TransportConfig) -> Result<Self, ConfigError> {
        Routes::build(config, HttpVersion::Http1, Offer::AnyHttp, |signal| {
            let target = config.endpoints.http(signal)?;
            Ok(target.map(|target| (target.path_and_query(), target)))
        })
    }

    /// gRPC: each signal has its method, which `method` names as a path.
    pub(crate) fn grpc(config: &TransportConfig, method: fn(Signal) -> &'static str) -> Result<Self, ConfigError> {
        Routes::build(config, HttpVersion::Http2, Offer::Http2Only, |signal| {
            let target = config.endpoints.grpc(signal, config.insecure)?;
            Ok(target.map(|target| (method(signal).to_owned(), target)))
        })
    }

    fn build(
        config: &TransportConfig,
        plaintext: HttpVersion,
        offer: Offer,
        resolve: impl Fn(Signal) -> Result<Option<(String, Target)>, ConfigError>,
    ) -> Result<Self, ConfigError> {
        let mut routes = Routes([None, None, None]);
        for signal in Signal::ALL {
            let Some((path, target)) = resolve(signal)? else { continue };
            if config.require_tls && !target.https {
                return Err(ConfigError::PlaintextRefused { value: target.to_string() });
            }
            let shared = routes.0.iter().flatten().find(|route| route.target.same_origin(&target));
            let origin = match shared {
                Some(route) => route.origin.clone(),
                None => {
                    let tls = || Tls::new(&target, config.tls.as_ref(), offer, config.events.clone());
                    let tls = target.https.then(tls).transpose()?;
                    let timeout = config.pool.connection_timeout;
                    let probes = config.pool.keep_alive;
                    let dialer = Dialer { target: target.clone(), timeout, probes, tls, plaintext };
                    Arc::new(Origin::new(dialer, config))
                }
            };
            let destination = Destination::new(&target, &path)?;
            routes.0[signal.index()] = Some(Route { target, destination, origin });
        }
        let plaintext_only = routes.0.iter().flatten().all(|route| !route.target.https);
        if config.tls.is_some() && plaintext_only {
            let reason = "set for endpoints that are all http://, where it has no effect: use https://, or remove it";
            return Err(ConfigError::Tls { field: "tls", reason: reason.to_owned() });
        }
        if config.auth.is_some() {
            for (at, route) in routes.0.iter().enumerate().filter_map(|(at, route)| Some((at, route.as_ref()?))) {
                // Once for each receiver.
                let is_said = routes.0[..at].iter().flatten().any(|before| Arc::ptr_eq(&before.origin, &route.origin));
                if route.target.is_exposed() && !is_said {
                    config.events.say(&TransportEvent::PlaintextCredentials { endpoint: route.target.to_string() });
                }
            }
        }
        Ok(routes)
    }

    /// Lets connections be opened ahead, on the current runtime.
    pub(crate) fn start(&self) {
        self.0.iter().flatten().for_each(|route| route.origin.start());
    }

    /// The route of `signal`.
    ///
    /// # Errors
    ///
    /// The signal has no endpoint: no attempt can deliver its requests.
    pub(crate) fn of(&self, signal: Signal) -> Result<&Route, Outcome> {
        self.0[signal.index()].as_ref().ok_or_else(|| {
            let message = format!("no endpoint is configured for {signal}: give a base endpoint, or one for {signal}");
            Outcome::Refused(ExportError::new(ErrorKind::Refused, message))
        })
    }
}

impl Route {
    /// Sends a request and waits for the head of its response, as [`Origin::exchange`] says.
    pub(crate) async fn exchange(
        &self,
        headers: &HeaderMap,
        segments: &[Bytes],
        deadline: Deadline,
    ) -> Result<Exchange<'_>, Failure> {
        let outgoing = Outgoing { destination: &self.destination, headers, segments };
        self.origin.exchange(&outgoing, deadline).await
    }
}

/// The endpoint of each signal.
impl fmt::Debug for Routes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let routes =
            Signal::ALL.iter().filter_map(|signal| self.0[signal.index()].as_ref().map(|route| (signal, route)));
        f.debug_map().entries(routes.map(|(signal, route)| (signal.name(), route.target.to_string()))).finish()
    }
}
