//! The other side: a payment provider that misbehaves as it is told, and keeps count of what reaches it.
//!
//! What must hold: it charges an idempotency key once, however often it is asked; it counts a call from the moment that
//! it arrives to the moment that it is answered or its caller has gone.

mod mode;
mod traffic;

use std::{
    collections::{HashMap, HashSet},
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use axum::{
    Json, Router,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
    routing::{get, post, put},
};
use tokio::sync::watch;

pub use self::{
    mode::Mode,
    traffic::{Kind, Traffic},
};
use crate::{
    payment::{IDEMPOTENCY_KEY, Payment, Receipt},
    server::Server,
};

/// What the provider lends to nobody: amounts above it are declined.
pub const CREDIT_LIMIT_CENTS: u64 = 1_000_000;

/// A running provider.
#[derive(Debug)]
pub struct Upstream {
    server: Server,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    mode: watch::Sender<Mode>,
    traffic: watch::Sender<Traffic>,
    /// The money that was taken, by idempotency key.
    charges: Mutex<HashMap<String, Receipt>>,
}

impl Upstream {
    /// Starts a provider that works, on `listen`.
    ///
    /// # Errors
    ///
    /// The address cannot be listened on.
    pub async fn start(listen: SocketAddr) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            mode: watch::Sender::new(Mode::Ok),
            traffic: watch::Sender::new(Traffic::default()),
            charges: Mutex::default(),
        });
        let router = Router::new()
            .route("/charges", post(charge))
            .route("/health", get(health))
            .route("/mode", put(set_mode).get(show_mode))
            .route("/traffic", get(show_traffic))
            .with_state(Arc::clone(&shared));
        Ok(Upstream { server: Server::start(listen, router).await?, shared })
    }

    /// Where it is reached.
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// Behaves like this from the next call on. Calls that hang go on hanging.
    pub fn set_mode(&self, mode: Mode) {
        self.shared.mode.send_replace(mode);
    }

    /// How it behaves now.
    pub fn mode(&self) -> Mode {
        *self.shared.mode.borrow()
    }

    /// What has reached it so far.
    pub fn traffic(&self) -> Traffic {
        *self.shared.traffic.borrow()
    }

    /// Waits until `condition` holds of what has reached it.
    pub async fn wait_for(&self, condition: impl FnMut(&Traffic) -> bool) -> Traffic {
        let mut traffic = self.shared.traffic.subscribe();
        // The sender lives as long as `self`, so the wait ends by the condition alone.
        let reached = traffic.wait_for(condition).await.map(|traffic| *traffic);
        reached.unwrap_or_else(|_| self.traffic())
    }

    /// How often money was taken for `order`: more than once is what idempotency keys are there to prevent.
    pub fn times_charged(&self, order: &str) -> usize {
        self.shared.charges().values().filter(|receipt| receipt.order == order).count()
    }

    /// How many orders were charged more than once.
    pub fn orders_charged_twice(&self) -> usize {
        let charges = self.shared.charges();
        let orders: HashSet<&str> = charges.values().map(|receipt| receipt.order.as_str()).collect();
        charges.len() - orders.len()
    }
}

impl Shared {
    /// Takes the money, unless it was taken before: then the receipt of that time is given again.
    fn charge(&self, key: &str, payment: Payment) -> Receipt {
        let mut charges = self.charges();
        let number = charges.len() + 1;
        let receipt = charges
            .entry(key.to_owned())
            .or_insert(Receipt { order: payment.order, charge: format!("charge-{number}") });
        receipt.clone()
    }

    fn charges(&self) -> MutexGuard<'_, HashMap<String, Receipt>> {
        self.charges.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn charge(State(shared): State<Arc<Shared>>, headers: HeaderMap, Json(payment): Json<Payment>) -> Response {
    let call = traffic::Call::begin(&shared.traffic, Kind::Charge);
    let Some(key) = headers.get(IDEMPOTENCY_KEY).and_then(|key| key.to_str().ok()) else {
        return (StatusCode::BAD_REQUEST, format!("the header {IDEMPOTENCY_KEY} is missing")).into_response();
    };
    if payment.amount_cents > CREDIT_LIMIT_CENTS {
        return (StatusCode::PAYMENT_REQUIRED, "above the credit limit").into_response();
    }
    let mode = *shared.mode.borrow();
    if mode.fails(call.number()) {
        return (StatusCode::INTERNAL_SERVER_ERROR, "out of order").into_response();
    }
    // The money moves before the answer does: a caller that gave up waiting may have paid all the same.
    let receipt = shared.charge(key, payment);
    mode.hold_back().await;
    Json(receipt).into_response()
}

async fn health(State(shared): State<Arc<Shared>>) -> Response {
    let call = traffic::Call::begin(&shared.traffic, Kind::Ping);
    let mode = *shared.mode.borrow();
    if mode.fails(call.number()) {
        return (StatusCode::INTERNAL_SERVER_ERROR, "out of order").into_response();
    }
    mode.hold_back().await;
    "in order".into_response()
}

async fn set_mode(State(shared): State<Arc<Shared>>, Json(mode): Json<Mode>) -> Json<Mode> {
    shared.mode.send_replace(mode);
    Json(mode)
}

async fn show_mode(State(shared): State<Arc<Shared>>) -> Json<Mode> {
    Json(*shared.mode.borrow())
}

async fn show_traffic(State(shared): State<Arc<Shared>>) -> Json<Traffic> {
    Json(*shared.traffic.borrow())
}
