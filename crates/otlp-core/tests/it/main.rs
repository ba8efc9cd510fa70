//! What crosses modules: the encodings against the official message types, and against bytes of any kind.
#![allow(clippy::unwrap_used, reason = "a test may panic, and so may what tests share")]

mod fuzz;
mod json;
mod official;
mod split;
mod strategy;
mod targets;
mod wire;
