//! Where batches end: [`OtlpExporter`], [`ConsoleExporter`], the user's own [`Exporter`], and with the feature `kafka` a
//! Kafka cluster.
//!
//! A destination that can fail in passing implements [`Attempt`], one try at a time; [`Retrying`] repeats it, and asks the
//! circuit breaker of the endpoint before each try; [`BalancedExporter`] does so over several endpoints, and goes on to
//! another. There is no other retry in the client, so that attempts never multiply.

mod balanced;
mod console;
mod custom;
mod endpoint;
mod hurry;
#[cfg(feature = "kafka")]
pub mod kafka;
mod otlp;
pub mod owned;
mod repeat;
mod retryable;
mod retrying;
mod route;

pub use async_trait::async_trait;

pub use self::{
    balanced::BalancedExporter,
    console::ConsoleExporter,
    custom::{ExportResult, Exporter, OwnedDataExporter},
    endpoint::{EndpointBreaker, JudgeEndpoint},
    hurry::Hurry,
    otlp::OtlpExporter,
    repeat::{AttemptObserver, Governed},
    retryable::{RetryOutcomes, RetryableKinds},
    retrying::{Attempt, Retrying},
};
