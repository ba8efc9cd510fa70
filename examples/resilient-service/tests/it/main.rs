//! The service through an outage and back: what its clients and its operators see, and what reaches the provider.
//!
//! Real sockets and real time, so nothing here asserts on how long something took. Where it matters that something is
//! quick, the other way would take a minute.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod operators;
mod outage;
mod payments;
mod program;

use std::time::Duration;

use otlp_reliability::{
    BulkheadConfig, CircuitBreakerConfig, Event, Health, PipelineConfig, RetryPolicy, TimeoutConfig, Window,
};
use reqwest::{StatusCode, header::RETRY_AFTER};
use resilient_service::{
    checkout::{CLIENT, Checkout, Settings},
    events::Notice,
    payment::Payment,
    upstream::Upstream,
};
use serde_json::Value;
use tokio::{sync::broadcast, task::JoinSet, time::timeout};

const MINUTE: Duration = Duration::from_secs(60);
const MILLI: Duration = Duration::from_millis(1);

/// A service and its provider.
struct Shop {
    upstream: Upstream,
    checkout: Checkout,
    http: reqwest::Client,
}

/// What a client saw.
#[derive(Debug)]
struct Answer {
    status: StatusCode,
    retry_after: Option<u64>,
    body: Value,
}

/// Policies for tests, of endless patience: places for four calls and a line for four more; two attempts; a breaker
/// that opens for a minute when half of at least four calls have failed.
fn patient() -> PipelineConfig {
    PipelineConfig::new()
        .with("deadline", TimeoutConfig::new(MINUTE))
        .with("retry", RetryPolicy::constant(MILLI).with_max_attempts(2))
        .with("places", BulkheadConfig::new(4).with_max_waiting(4).with_max_wait(50 * MILLI))
        .with("breaker", breaker().with_break_duration(MINUTE))
        .with("attempt", TimeoutConfig::new(MINUTE))
}

fn breaker() -> CircuitBreakerConfig {
    CircuitBreakerConfig::new()
        .with_window(Window::Count(8))
        .with_minimum_calls(4)
        .with_slow_call_duration(MINUTE)
        .with_half_open_probes(2)
}

/// The same, but for attempts that are given up after a tenth of a second: for providers that hang.
fn impatient() -> PipelineConfig {
    patient().with("attempt", TimeoutConfig::new(100 * MILLI))
}

impl Shop {
    /// A shop that is ready, and in which the provider is asked how it is at the start and never again.
    async fn open(policies: PipelineConfig) -> Self {
        Shop::open_checking(policies, 60 * MINUTE).await
    }

    async fn open_checking(policies: PipelineConfig, check_interval: Duration) -> Self {
        let any = "127.0.0.1:0".parse().unwrap();
        let upstream = Upstream::start(any).await.unwrap();
        let provider = upstream.url();
        let settings = Settings { listen: any, admin: any, provider, check_interval, policies: patient() };
        let checkout = Checkout::start(settings).await.unwrap();
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let shop = Shop { upstream, checkout, http };
        shop.until_ready().await;
        shop.checkout.policies().reload(&policies).unwrap();
        shop
    }

    async fn until_ready(&self) {
        let mut notices = self.checkout.subscribe();
        if !self.checkout.is_ready() {
            heard(&mut notices, |event| matches!(event, Event::HealthChanged { to: Health::Healthy, .. })).await;
        }
    }

    fn paying(&self, order: &str, amount_cents: u64) -> impl Future<Output = Answer> + use<> {
        let payment = Payment { order: order.to_owned(), amount_cents };
        let url = format!("{}/pay", self.checkout.url());
        let request = self.http.post(url).header(CLIENT, "shop").json(&payment);
        async move { answer(request).await }
    }

    async fn pay(&self, order: &str) -> Answer {
        self.paying(order, 4_200).await
    }

    /// That many payments at once.
    fn rush(&self, payments: usize) -> JoinSet<Answer> {
        (0..payments).map(|number| self.paying(&format!("rush-{number}"), 4_200)).collect()
    }

    async fn look(&self, path: &str) -> Answer {
        answer(self.http.get(format!("{}{path}", self.checkout.admin_url()))).await
    }

    async fn reload(&self, settings: &Value) -> Answer {
        answer(self.http.put(format!("{}/policies", self.checkout.admin_url())).json(settings)).await
    }

    async fn order_breaker(&self, order: &str) -> Answer {
        answer(self.http.post(format!("{}/breaker/{order}", self.checkout.admin_url()))).await
    }

    /// How the stage called `name` stands.
    async fn stage(&self, name: &str) -> Value {
        let mut policies = self.look("/policies").await.body;
        let stages = policies["states"]["stages"].take();
        let found = stages.as_array().unwrap().iter().find(|stage| stage["name"] == name);
        found.unwrap()["snapshot"].clone()
    }
}

async fn answer(request: reqwest::RequestBuilder) -> Answer {
    let response = timeout(MINUTE / 2, request.send()).await.expect("an answer in half a minute").unwrap();
    let retry_after = response.headers().get(RETRY_AFTER).map(|seconds| seconds.to_str().unwrap().parse().unwrap());
    let status = response.status();
    let text = response.text().await.unwrap();
    let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
    Answer { status, retry_after, body }
}

/// Waits for an event, for so long that only one that never comes is missed.
async fn heard(notices: &mut broadcast::Receiver<Notice>, wanted: impl Fn(&Event) -> bool) -> Notice {
    let hear = async {
        loop {
            let notice = notices.recv().await.unwrap();
            if wanted(&notice.event) {
                return notice;
            }
        }
    };
    timeout(MINUTE / 2, hear).await.expect("the event in half a minute")
}
