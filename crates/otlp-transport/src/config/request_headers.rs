//! What every request of a transport carries: the headers of the protocol, the user agent, and the user's headers, which
//! can be exchanged while requests are sent.

use std::sync::Arc;

use http::header::{AUTHORIZATION, HeaderMap, HeaderValue, USER_AGENT};
use parking_lot::RwLock;

use super::{ConfigError, Headers, TransportConfig};

pub(crate) struct RequestHeaders {
    /// Of the protocol, and the user agent unless the user's headers replace it.
    own: HeaderMap,
    has_bearer: bool,
    current: RwLock<Arc<HeaderMap>>,
}

impl RequestHeaders {
    /// Those of `config`, with `protocol` among them.
    pub(crate) fn new(config: &TransportConfig, protocol: HeaderMap) -> Result<Self, ConfigError> {
        if let Some(auth) = &config.auth {
            auth.check()?;
        }
        let mut own = protocol;
        own.insert(USER_AGENT, user_agent(config.user_agent_prefix.as_deref())?);
        let has_bearer = config.auth.as_ref().is_some_and(|auth| auth.is_bearer());
        let headers = RequestHeaders { own, has_bearer, current: RwLock::default() };
        headers.replace(&config.headers)?;
        Ok(headers)
    }

    /// Those of a request that begins now.
    pub(crate) fn current(&self) -> Arc<HeaderMap> {
        Arc::clone(&self.current.read())
    }

    /// What requests carry with these headers of the user.
    pub(crate) fn with(&self, user: &Headers) -> Result<HeaderMap, ConfigError> {
        let mut headers = user.to_map()?;
        if self.has_bearer && headers.contains_key(AUTHORIZATION) {
            let reason = "set beside a bearer token, which is sent in it: remove one of them";
            return Err(ConfigError::Header { name: AUTHORIZATION.to_string(), reason });
        }
        for (name, value) in &self.own {
            // Those of the protocol are refused in the user's headers: this is the user agent.
            headers.entry(name).or_insert_with(|| value.clone());
        }
        Ok(headers)
    }

    /// Takes these for the headers of the user from now on.
    pub(crate) fn replace(&self, user: &Headers) -> Result<(), ConfigError> {
        *self.current.write() = Arc::new(self.with(user)?);
        Ok(())
    }
}

fn user_agent(prefix: Option<&str>) -> Result<HeaderValue, ConfigError> {
    const OURS: &str = concat!("OTel-OTLP-Exporter-Rust/", env!("CARGO_PKG_VERSION"));
    let Some(prefix) = prefix else { return Ok(HeaderValue::from_static(OURS)) };
    HeaderValue::try_from(format!("{prefix} {OURS}"))
        .map_err(|_| ConfigError::value("the user agent prefix", prefix, "visible ASCII, for instance my-agent/1.2"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Endpoints;

    fn headers(config: &TransportConfig) -> Result<RequestHeaders, ConfigError> {
        RequestHeaders::new(config, HeaderMap::new())
    }

    #[test]
    fn the_user_agent_is_ours_behind_the_prefix_unless_a_header_replaces_it() {
        let mut config = TransportConfig::new(Endpoints::base("http://h"));
        let sent = |config: &TransportConfig| headers(config).unwrap().current()[USER_AGENT].clone();
        let ours = concat!("OTel-OTLP-Exporter-Rust/", env!("CARGO_PKG_VERSION"));
        assert_eq!(sent(&config), ours);
        config.user_agent_prefix = Some("agent/1".to_owned());
        assert_eq!(sent(&config), format!("agent/1 {ours}"));
        config.headers.append("User-Agent", "mine");
        assert_eq!(sent(&config), "mine");
        config.headers = Headers::new();
        config.user_agent_prefix = Some("a\nb".to_owned());
        assert!(headers(&config).is_err());
    }

    #[test]
    fn other_headers_take_the_place_of_the_users_and_of_no_others() {
        let mut config = TransportConfig::new(Endpoints::base("http://h"));
        config.headers.append("x-old", "1");
        let headers = headers(&config).unwrap();
        let new: Headers = [("x-new", "2")].into_iter().collect();
        headers.replace(&new).unwrap();
        let refused: Headers = [("x-newer", "3"), ("host", "h")].into_iter().collect();
        assert!(headers.replace(&refused).is_err());
        let current = headers.current();
        assert_eq!((current.get("x-old"), current.get("x-newer")), (None, None));
        assert_eq!(current["x-new"], "2");
        assert!(current.contains_key(USER_AGENT) && current["x-new"].is_sensitive());
    }
}
