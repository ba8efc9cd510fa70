//! The pipeline from the outside: records in, batches at an exporter that the test scripts, ledgers at the end.

mod accounting;
mod batching;
mod directory;
mod disk;
mod limits;
mod memory;
mod model;
mod outage;
mod request;
mod scripted;
mod strategies;
mod threads;
