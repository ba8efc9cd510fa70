//! A checkout service that takes payments through a payment provider, and keeps answering while the provider does not.
//!
//! - [`policies`]: which policies stand around a call of the provider, in what order, with what settings.
//! - [`provider`]: the call.
//! - [`payment`]: how a call can fail, and what that means to each policy and to the client.
//! - [`checkout`]: the service: `POST /pay` for clients; `/health`, `/ready`, `/metrics` and `/policies` for operators.
//! - [`upstream`]: a provider that is slow, fails, or hangs when told to.
//! - [`load`], [`play`]: clients, and an outage for them.

pub mod checkout;
pub mod events;
pub mod load;
mod outcomes;
pub mod payment;
pub mod play;
pub mod policies;
pub mod provider;
mod readiness;
pub mod server;
pub mod upstream;
