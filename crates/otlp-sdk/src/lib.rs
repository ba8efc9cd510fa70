//! Tracer, meter and logger: every record becomes OTLP protobuf once, on the thread that made it.
//!
//! - [`trace`]: providers, tracers and spans; samplers, ids and limits.
//! - [`logs`]: loggers and log records.
//! - [`metrics`]: instruments and their aggregation.
//! - [`context`]: the active span of a thread, and how it follows a future.
//! - [`clock`]: where times come from.
//!
//! What must hold: recording allocates nothing once its buffers have grown; it never blocks and never panics; what
//! does not fit is left out and counted, on the record itself or in the ledger of the pipeline behind [`Intake`].
//!
//! [`Intake`]: otlp_batch::Intake

pub mod clock;
pub mod context;
pub mod logs;
pub mod metrics;
mod record;
mod scope;
pub mod trace;

pub use self::scope::ScopeBuilder;
