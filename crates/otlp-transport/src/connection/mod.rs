//! Connections: opened when a request needs one, reused while they live, replaced when they break.
//!
//! `route` leads the requests of a signal to an `origin`, which is the way of a request to one scheme, host and port:
//! what goes that way is `outgoing`, what comes of it an `exchange`. The modules beneath each do one thing: `connections`
//! finds the request a connection, `pool` knows which there are and how many there may be, `keeper` opens them ahead and
//! closes idle ones, `dial` opens, `tls` shakes hands, `observed` remembers what came, `diagnosis` explains what went
//! wrong, `tasks` ends everything with its owner.

mod connections;
mod deadline;
mod diagnosis;
mod dial;
mod exchange;
mod keeper;
mod observed;
mod origin;
mod outgoing;
mod pool;
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
