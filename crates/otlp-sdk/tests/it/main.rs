//! What leaves the SDK, read back by the official message types after its way through a pipeline.

#![allow(clippy::unwrap_used, reason = "a test may panic, and so may what tests share")]

mod collected;
mod context;
mod folding;
mod hostile;
mod logs;
mod sampling;
mod spans;
mod values;
