//! The receiver from outside: plain hyper clients and sockets on one side, the handles on the other.

mod client;
mod concurrency;
mod exports;
mod faults;
mod lifecycle;
mod messages;
mod protocol;
mod robustness;
mod tls;
