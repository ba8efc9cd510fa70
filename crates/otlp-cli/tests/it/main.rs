//! The command as its users run it: the real program, its processes, its output and its exit code.

#![allow(clippy::unwrap_used, reason = "a test may panic, and so may what tests share")]

mod demo;
mod program;
mod queue;
mod stranded;
