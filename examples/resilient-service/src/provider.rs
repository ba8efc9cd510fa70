//! The payment provider as the service sees it: two calls over HTTP, under the policies.

use std::sync::Arc;

use otlp_reliability::{Error, Policy};
use reqwest::{Client, Response, StatusCode};

use crate::{
    payment::{IDEMPOTENCY_KEY, Payment, PaymentError, ProviderError, Receipt},
    policies::Policies,
};

/// Asks the provider. Clones share connections and policies.
#[derive(Debug, Clone)]
pub struct Provider {
    http: Client,
    charges: Arc<str>,
    health: Arc<str>,
    policies: Arc<Policies>,
}

impl Provider {
    /// A provider at `url`, called under `policies`.
    ///
    /// `http` needs no time limits of its own: the policies have them.
    pub fn new(http: Client, url: &str, policies: Arc<Policies>) -> Self {
        Provider { http, charges: format!("{url}/charges").into(), health: format!("{url}/health").into(), policies }
    }

    /// The policies that calls run under.
    pub fn policies(&self) -> &Policies {
        &self.policies
    }

    /// Pays.
    ///
    /// # Errors
    ///
    /// The last failure of the provider, or the rejection of a policy. After a timeout the money may have been taken;
    /// paying the same order again does not take it twice.
    pub async fn pay(&self, payment: &Payment) -> Result<Receipt, PaymentError> {
        self.policies.pipeline().execute(|| self.attempt(payment)).await
    }

    async fn attempt(&self, payment: &Payment) -> Result<Receipt, PaymentError> {
        // The same key for every attempt: the provider takes the money for it once.
        let request = self.http.post(&*self.charges).header(IDEMPOTENCY_KEY, &payment.order).json(payment);
        let response = answered(request.send().await)?;
        // The body belongs to the attempt: a provider may well hang in the middle of it.
        response.json().await.map_err(unreachable)
    }

    /// Asks how the provider is.
    ///
    /// # Errors
    ///
    /// As with [`Provider::pay`]; in particular, nobody is asked while the breaker is open.
    pub async fn ping(&self) -> Result<(), PaymentError> {
        let ask = || async { answered(self.http.get(&*self.health).send().await).map(drop) };
        self.policies.ping().run(ask).await
    }
}

fn answered(response: reqwest::Result<Response>) -> Result<Response, PaymentError> {
    let response = response.map_err(unreachable)?;
    match response.status() {
        status if status.is_success() => Ok(response),
        StatusCode::PAYMENT_REQUIRED => Err(Error::Inner(ProviderError::Declined)),
        status => Err(Error::Inner(ProviderError::Failed(status.as_u16()))),
    }
}

/// Without the address, which clients need not know.
fn unreachable(error: reqwest::Error) -> PaymentError {
    Error::Inner(ProviderError::Unreachable(error.without_url().to_string()))
}
