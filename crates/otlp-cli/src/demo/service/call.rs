//! A call to another service: a client span, metrics, and the context in the headers.

use std::{error::Error, fmt, time::Instant};

use axum::{
    http::{HeaderMap, Method, StatusCode},
    response::Response,
};
use otlp::context::ContextFuture;
use otlp::{
    data::{self, Severity, SpanKind},
    propagation::{Baggage, CompositePropagator, Propagator},
    trace::Span,
};
use serde::{Serialize, de::DeserializeOwned};

use super::shop::{Shop, answer};
use crate::demo::topology::Service;

/// What is called.
pub(super) struct Call<'a> {
    pub(super) service: Service,
    pub(super) method: Method,
    /// The path with names for what varies, as in `/users/{id}`.
    pub(super) template: &'static str,
    pub(super) path: String,
    pub(super) baggage: &'a Baggage,
}

/// No answer, or one that cannot be read.
#[derive(Debug)]
pub(super) struct CallError {
    service: Service,
    cause: Box<dyn Error + Send + Sync>,
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot call {}: {}", self.service, self.cause)?;
        let mut cause = self.cause.source();
        while let Some(deeper) = cause {
            write!(f, ": {deeper}")?;
            cause = deeper.source();
        }
        Ok(())
    }
}

impl Error for CallError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.cause)
    }
}

impl CallError {
    /// Logs that the service cannot be reached.
    pub(super) fn log(&self, shop: &Shop) {
        shop.telemetry.log(Severity::Error, &self.to_string()).event_name("shop.call.failed").emit();
    }

    /// Logs that the service cannot be reached, and answers so.
    pub(super) fn bad_gateway(&self, shop: &Shop) -> Response {
        self.log(shop);
        answer(StatusCode::BAD_GATEWAY, self.to_string())
    }
}

impl Call<'_> {
    /// Sends `body` and reads the answer, whatever its status.
    pub(super) async fn send<A: DeserializeOwned>(
        self,
        shop: &Shop,
        body: &impl Serialize,
    ) -> Result<(StatusCode, A), CallError> {
        let telemetry = &shop.telemetry;
        let peer = shop.address_of(self.service);
        let (host, port) = peer.rsplit_once(':').unwrap_or((&peer, ""));
        let port: u16 = port.parse().unwrap_or_default();
        let url = format!("http://{peer}{}", self.path);
        let mut span = telemetry.tracer.start_with_kind(format!("{} {}", self.method, self.template), SpanKind::Client);
        span.set_attribute("http.request.method", self.method.as_str())
            .set_attribute("url.template", self.template)
            .set_attribute("url.full", &url)
            .set_attribute("server.address", host)
            .set_attribute("server.port", port)
            .set_attribute("service.peer.name", self.service.name());
        let mut headers = HeaderMap::new();
        CompositePropagator::default().inject(&span.context(), self.baggage, &mut headers);

        let started = Instant::now();
        let exchange = async {
            let response = shop.http.request(self.method.clone(), &url).headers(headers).json(body).send().await?;
            let status = response.status();
            Ok::<_, reqwest::Error>((status, response.json().await?))
        };
        let result = exchange.in_span(&span).await;

        let mut attributes = vec![
            ("http.request.method", otlp::Value::from(self.method.as_str())),
            ("server.address", host.into()),
            ("server.port", port.into()),
        ];
        let error_type = conclude(&mut span, result.as_ref().map(|(status, _)| *status));
        attributes.extend(error_type.map(|error_type| ("error.type", error_type.into())));
        if let Ok((status, _)) = &result {
            attributes.push(("http.response.status_code", status.as_u16().into()));
        }
        let _active = span.enter();
        telemetry.client_durations.record(started.elapsed().as_secs_f64(), &attributes);
        result.map_err(|error| CallError { service: self.service, cause: error.into() })
    }
}

/// Records how the call ended; the `error.type` if it failed.
fn conclude(span: &mut Span, result: Result<StatusCode, &reqwest::Error>) -> Option<String> {
    let error_type = match result {
        Ok(status) => {
            span.set_attribute("http.response.status_code", status.as_u16());
            // To a client, a refusal is an error as well.
            (status.is_client_error() || status.is_server_error()).then(|| status.as_u16().to_string())
        }
        Err(error) => {
            span.record_error(error);
            let what = if error.is_timeout() {
                "timeout"
            } else if error.is_connect() {
                "connect"
            } else {
                "_OTHER"
            };
            Some(what.to_owned())
        }
    };
    if let Some(error_type) = &error_type {
        span.set_attribute("error.type", error_type).set_status(data::StatusCode::Error, "");
    }
    error_type
}
