//! What a supervisor can be told, by the owner of the receiver or by a fault that concerns all of it.

use std::{io, time::Duration};

/// What is called with the result of a command.
pub(crate) type Done = Box<dyn FnOnce(io::Result<()>) + Send>;

/// What a supervisor can be told.
pub(crate) enum Command {
    /// Close the ports and reset all connections; open the ports again after that time, if one is given.
    Kill { back_after: Option<Duration>, done: Done },
    /// Close the ports; connections stay.
    Refuse { done: Done },
    /// Open the ports again.
    Restart { done: Done },
    /// Close the ports, let requests end, stop.
    Shutdown { done: Done },
    /// Reset everything and stop.
    Stop,
}
