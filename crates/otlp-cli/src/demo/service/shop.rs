//! What the handlers of all services share, and what they say to each other.

use std::{collections::BTreeMap, sync::OnceLock, time::Duration};

use axum::{
    Json,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};

use super::telemetry::Telemetry;
use crate::demo::topology::Service;

/// A service's own side of the shop.
pub(super) struct Shop {
    pub(super) telemetry: Telemetry,
    pub(super) http: reqwest::Client,
    peers: OnceLock<BTreeMap<Service, String>>,
    seed: u64,
}

/// Somebody buys something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Purchase {
    pub(crate) number: u64,
    pub(crate) user: u64,
    pub(crate) item: String,
    pub(crate) quantity: u32,
}

/// What became of a purchase, or of a part of one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Answer {
    pub(crate) message: String,
    /// The trace that tells more; set by the gateway.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) trace: Option<String>,
}

impl Shop {
    pub(super) fn new(service: Service, telemetry: Telemetry, seed: u64) -> Result<Self, reqwest::Error> {
        let http = reqwest::Client::builder().timeout(Duration::from_secs(5)).no_proxy().build()?;
        // Services that draw from the same seed must not draw the same numbers.
        let seed = seed.wrapping_add((service as u64) << 56);
        Ok(Shop { telemetry, http, peers: OnceLock::new(), seed })
    }

    /// Learns where the others are. Only the first time counts.
    pub(super) fn meet(&self, peers: BTreeMap<Service, String>) {
        let _ = self.peers.set(peers);
    }

    /// Where a service is; nowhere before the services have met.
    pub(super) fn address_of(&self, service: Service) -> String {
        self.peers.get().and_then(|peers| peers.get(&service)).cloned().unwrap_or_default()
    }

    /// The chance of a purchase: the same for the same seed, whatever else is going on.
    pub(super) fn chance(&self, purchase: u64) -> fastrand::Rng {
        fastrand::Rng::with_seed(self.seed ^ purchase.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }
}

/// Some milliseconds of work.
pub(super) async fn work(chance: &mut fastrand::Rng, longest_ms: u64) {
    tokio::time::sleep(Duration::from_micros(chance.u64(500..longest_ms * 1000))).await;
}

pub(super) fn answer(status: StatusCode, message: impl Into<String>) -> Response {
    (status, Json(Answer { message: message.into(), trace: None })).into_response()
}
