//! The service: one server for clients, who pay, and one for operators, who look and change settings. Two, because what
//! is on the second is nobody else's business.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    Json, Router,
    extract::{Path, State, rejection::JsonRejection},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use otlp_reliability::{HealthChecker, PipelineConfig, PipelineSnapshot, Probe, Rendered, RetryBudgetSnapshot};
use serde::{Deserialize, Serialize};
use tokio::sync::broadcast;

use crate::{
    events::{Events, Notice},
    outcomes::Outcomes,
    payment::{self, Outcome, Payment},
    policies::Policies,
    provider::Provider,
    readiness,
    server::Server,
};

/// The header in which a client says who it is.
pub const CLIENT: &str = "x-client";

/// What the service needs to know before it starts.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where clients pay. Port 0 takes one from the kernel.
    pub listen: SocketAddr,
    /// Where operators look.
    pub admin: SocketAddr,
    /// The URL of the payment provider.
    pub provider: String,
    /// How often the provider is asked how it is.
    pub check_interval: Duration,
    /// Settings of policies that differ from the defaults.
    pub policies: PipelineConfig,
}

/// The running service.
#[derive(Debug)]
pub struct Checkout {
    clients: Server,
    admin: Server,
    service: Arc<Service>,
}

#[derive(Debug)]
struct Service {
    provider: Provider,
    policies: Arc<Policies>,
    health: HealthChecker,
    outcomes: Outcomes,
    events: Events,
}

impl Checkout {
    /// Starts to serve.
    ///
    /// # Errors
    ///
    /// An address that cannot be listened on, or settings that cannot work.
    pub async fn start(settings: Settings) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        let events = Events::default();
        let policies = Arc::new(Policies::new(&settings.policies, &events)?);
        let http = reqwest::Client::builder().no_proxy().build()?;
        let provider = Provider::new(http, &settings.provider, Arc::clone(&policies));
        let health = readiness::watch(provider.clone(), settings.check_interval, &events).await?;
        let service = Arc::new(Service { provider, policies, health, outcomes: Outcomes::default(), events });
        let clients = Router::new().route("/pay", post(pay)).with_state(Arc::clone(&service));
        let admin = Router::new()
            .route("/health", get(health_of_process))
            .route("/ready", get(ready))
            .route("/metrics", get(metrics))
            .route("/policies", get(show_policies).put(reload_policies))
            .route("/breaker/{order}", post(order_breaker))
            .with_state(Arc::clone(&service));
        let clients = Server::start(settings.listen, clients).await?;
        let admin = Server::start(settings.admin, admin).await?;
        Ok(Checkout { clients, admin, service })
    }

    /// Where clients pay.
    pub fn url(&self) -> String {
        self.clients.url()
    }

    /// Where operators look.
    pub fn admin_url(&self) -> String {
        self.admin.url()
    }

    /// What the policies do from now on.
    pub fn subscribe(&self) -> broadcast::Receiver<Notice> {
        self.service.events.subscribe()
    }

    /// The policies around the provider.
    pub fn policies(&self) -> &Policies {
        &self.service.policies
    }

    /// Whether the service says that it is ready.
    pub fn is_ready(&self) -> bool {
        self.service.readiness().status_code == StatusCode::OK.as_u16()
    }

    /// Takes no further payments and ends when those under way have ended, which their deadline sees to. Operators can
    /// look until then.
    ///
    /// # Errors
    ///
    /// A server had ended before.
    pub async fn stop(self) -> io::Result<()> {
        self.clients.stop().await?;
        self.service.health.stop();
        self.admin.stop().await
    }
}

impl Service {
    fn readiness(&self) -> Rendered {
        self.health.status().render(Probe::Readiness)
    }
}

async fn pay(
    State(service): State<Arc<Service>>,
    headers: HeaderMap,
    payment: Result<Json<Payment>, JsonRejection>,
) -> Response {
    let Json(payment) = match payment {
        Ok(payment) => payment,
        Err(rejection) => return refused(rejection.status(), &rejection.body_text()),
    };
    if !payment.is_sound() {
        return refused(StatusCode::BAD_REQUEST, payment::UNSOUND);
    }
    let client = headers.get(CLIENT).and_then(|name| name.to_str().ok()).unwrap_or("unknown");
    let result = service.provider.pay(&payment).await;
    service.outcomes.count(client, Outcome::of(&result));
    payment::respond(result)
}

async fn health_of_process(State(service): State<Arc<Service>>) -> Response {
    response(service.health.status().render(Probe::Liveness))
}

async fn ready(State(service): State<Arc<Service>>) -> Response {
    response(service.readiness())
}

async fn metrics(State(service): State<Arc<Service>>) -> Response {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], service.outcomes.render()).into_response()
}

/// What `/policies` shows.
#[derive(Debug, Serialize)]
struct Overview {
    /// The settings in force, in the form that `PUT` takes.
    settings: PipelineConfig,
    /// How each policy stands.
    states: PipelineSnapshot,
    /// What the retries of all payments together may still cost.
    retry_budget: RetryBudgetSnapshot,
}

async fn show_policies(State(service): State<Arc<Service>>) -> Json<Overview> {
    let policies = &service.policies;
    Json(Overview { settings: policies.settings(), states: policies.snapshot(), retry_budget: policies.budget() })
}

/// Takes settings for any of the stages. Calls under way end under the old ones; counters and states stay.
async fn reload_policies(
    State(service): State<Arc<Service>>,
    settings: Result<Json<PipelineConfig>, JsonRejection>,
) -> Response {
    let Json(settings) = match settings {
        Ok(settings) => settings,
        Err(rejection) => return refused(StatusCode::BAD_REQUEST, &rejection.body_text()),
    };
    match service.policies.reload(&settings) {
        Ok(()) => show_policies(State(service)).await.into_response(),
        Err(error) => refused(StatusCode::BAD_REQUEST, &error.to_string()),
    }
}

/// What an operator can tell the breaker.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Order {
    /// Let nothing through until it is reset: the provider has announced its maintenance.
    Isolate,
    /// End the break now: the provider says that it is back.
    HalfOpen,
    /// Forget everything and let all through.
    Reset,
}

async fn order_breaker(State(service): State<Arc<Service>>, Path(order): Path<Order>) -> Json<PipelineSnapshot> {
    let breaker = service.policies.breaker();
    match order {
        Order::Isolate => breaker.isolate(),
        Order::HalfOpen => breaker.half_open(),
        Order::Reset => breaker.reset(),
    }
    Json(service.policies.snapshot())
}

fn refused(status: StatusCode, why: &str) -> Response {
    (status, Json(serde_json::json!({ "error": why }))).into_response()
}

fn response(rendered: Rendered) -> Response {
    let status = StatusCode::from_u16(rendered.status_code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, [(header::CONTENT_TYPE, rendered.content_type)], rendered.body).into_response()
}
