//! Connections: opened when a request needs one, reused while they live, replaced when they break.
//!
//! [`Origin`] owns the connections to one scheme, host and port. HTTP/2 uses one connection for all requests; HTTP/1.1
//! uses one per request in flight and keeps a bounded number of idle ones. The modules beneath it each do one thing:
//! `dial` opens, `tls` shakes hands, `observed` remembers what came, `diagnosis` explains what went wrong, `tasks`
//! ends everything with its owner.

mod deadline;
mod diagnosis;
mod dial;
mod exchange;
mod idle;
mod observed;
mod origin;
mod route;
mod socket;
mod tasks;
mod tls;

use self::dial::DialError;
pub(crate) use self::{
    deadline::Deadline,
    diagnosis::{Failure, causes},
    exchange::Received,
    route::{Route, Routes},
};
