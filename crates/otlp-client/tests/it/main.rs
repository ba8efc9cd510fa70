//! The client as an application has it, against a real receiver or none at all.

mod backends;
mod content;
mod runtimes;
mod setup;
mod signals;
