//! Lanes that lag behind others: what finds no room there must not keep others from what they could deliver.
//!
//! All signals and destinations share the memory budget, and destinations share batches. Without a rule, a receiver that
//! takes nothing of one signal would fill the budget, and nothing new could be recorded for anybody. So with
//! [`OnFull::DropNewest`](crate::OnFull::DropNewest) a lane that lags goes without what would fill the last part of the
//! budget, which is for those that deliver. Where all are down none lags, and each keeps what memory can hold.

use otlp_core::Signal;

use crate::{
    DropReason,
    destination::{Destination, Lane},
    pool::BufferPool,
};

/// The part of the memory budget, one in so many, that who lags leaves to the others.
const LEFT_TO_OTHERS: usize = 8;

/// Why a batch of `items` items is not for `lane`: it lags, and there is no room for what waits there.
pub(crate) fn refuses(
    lane: &Lane,
    items: u64,
    destinations: &[Destination],
    max_queue_size: u64,
    pool: &BufferPool,
) -> Option<DropReason> {
    let waiting = lane.waiting();
    let is_ahead = |other: &Lane| other.waiting() < waiting / 2;
    let budget = pool.unreserved();
    if lane.queue().is_durable() {
        // What can be kept elsewhere leaves the memory by itself.
        None
    } else if waiting + items > max_queue_size && takers(destinations, lane.signal()).any(is_ahead) {
        Some(DropReason::QueueFull)
    } else if pool.granted() > budget - budget / LEFT_TO_OTHERS && delivering(destinations).any(is_ahead) {
        Some(DropReason::MemoryFull)
    } else {
        None
    }
}

/// Items that wait where fewest do: what all destinations lack room for, nobody can take.
pub(crate) fn least_waiting(destinations: &[Destination], signal: Signal) -> u64 {
    takers(destinations, signal).map(Lane::waiting).min().unwrap_or(0)
}

fn takers(destinations: &[Destination], signal: Signal) -> impl Iterator<Item = &Lane> {
    destinations.iter().filter(move |one| one.takes(signal)).map(move |one| &**one.lane(signal))
}

/// The lanes that are in use and not known to be down, of all signals.
fn delivering(destinations: &[Destination]) -> impl Iterator<Item = &Lane> {
    let of = |one| Signal::ALL.map(|signal| (one, signal));
    let is_up = |(one, signal): &(&Destination, Signal)| {
        one.lane(*signal).counters.has_delivered() && one.exporter.unready(*signal).is_none()
    };
    destinations.iter().flat_map(of).filter(is_up).map(|(one, signal)| &**one.lane(signal))
}
