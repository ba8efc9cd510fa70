//! What reaches the provider, counted where it cannot be argued with.

use serde::Serialize;
use tokio::sync::watch;

/// What has reached the provider so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Traffic {
    /// Calls that ask for money.
    pub charges: u64,
    /// Calls that ask how it is.
    pub pings: u64,
    /// Calls for money that it has taken and neither answered nor lost.
    pub in_flight: u64,
    /// The largest number of those at once.
    pub most_in_flight: u64,
}

/// What a call asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Money.
    Charge,
    /// How it is.
    Ping,
}

/// One call, from its arrival until it is answered or its caller has gone: the server then drops it.
#[derive(Debug)]
pub(super) struct Call<'a> {
    traffic: &'a watch::Sender<Traffic>,
    kind: Kind,
    number: u64,
}

impl<'a> Call<'a> {
    pub(super) fn begin(traffic: &'a watch::Sender<Traffic>, kind: Kind) -> Self {
        let mut number = 0;
        traffic.send_modify(|traffic| match kind {
            Kind::Charge => {
                traffic.charges += 1;
                traffic.in_flight += 1;
                traffic.most_in_flight = traffic.most_in_flight.max(traffic.in_flight);
                number = traffic.charges;
            }
            Kind::Ping => {
                traffic.pings += 1;
                number = traffic.pings;
            }
        });
        Call { traffic, kind, number }
    }

    /// Which one of its kind it is, counted from 1.
    pub(super) fn number(&self) -> u64 {
        self.number
    }
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        if self.kind == Kind::Charge {
            self.traffic.send_modify(|traffic| traffic.in_flight -= 1);
        }
    }
}
