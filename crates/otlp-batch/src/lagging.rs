//! Destinations that lag behind others: with [`OnFull::DropNewest`](crate::OnFull::DropNewest) they go without what finds
//! no room, and the others get it all the same.
//!
//! All destinations share the batches and the memory budget. Without a rule, one that takes nothing would fill the budget,
//! and nothing new could be recorded for any of them. So a destination that lags leaves the last part of the budget to
//! those that do not; if all of them are down, none lags, and each keeps what memory can hold.

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
    // What can be kept elsewhere leaves the memory by itself.
    if lane.queue().is_durable() || !takers(destinations, lane.signal()).any(|other| other.waiting() < waiting / 2) {
        return None;
    }
    let budget = pool.unreserved();
    if waiting + items > max_queue_size {
        Some(DropReason::QueueFull)
    } else if pool.granted() > budget - budget / LEFT_TO_OTHERS {
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
