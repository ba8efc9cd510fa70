//! Series: what an instrument keeps per attribute set, and how a measurement finds it.
//!
//! - [`attribute_hash`] hashes the attributes that a caller hands in, in any order, without copying them;
//! - [`identity`] keeps the attributes of a series, encoded once, and compares them with what a caller hands in;
//! - [`table`] finds a series by hash and comparison, so that equal hashes never merge two series;
//! - [`thread_cache`] remembers the series that a thread used, so that finding one takes no lock.

mod attribute_hash;
mod identity;
mod table;
pub(super) mod thread_cache;

use std::fmt;

pub(super) use self::{
    attribute_hash::hash_attributes,
    identity::{Identity, attributes_len, distinct, has_repeated_key},
    table::SeriesTable,
};
use super::aggregation::Aggregate;

/// One attribute set of one instrument, with what was measured of it.
pub(super) struct Series {
    /// The instrument that it belongs to; unique in the process.
    pub(super) instrument: u64,
    /// [`hash_attributes`] of its attributes, with the seed of the instrument.
    pub(super) hash: u64,
    pub(super) identity: Identity,
    pub(super) aggregate: Aggregate,
}

impl fmt::Debug for Series {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Series").field("attributes", &self.identity.to_attributes()).finish_non_exhaustive()
    }
}
