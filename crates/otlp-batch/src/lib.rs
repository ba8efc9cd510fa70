//! Batching.

mod intake;

pub use intake::{Intake, Producer, ScopeHandle};
