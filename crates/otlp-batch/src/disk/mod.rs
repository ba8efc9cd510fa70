//! The disk queue.

mod aside;
mod cipher;
mod config;
mod examine;
mod file_system;
mod format;
mod index;
mod lock;
mod log;
mod recovery;
mod runs;
mod scan;
mod segment;
mod spool;
mod stored_batch;

#[cfg(test)]
mod simulated_disk;
#[cfg(test)]
mod tests;
