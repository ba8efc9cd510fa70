//! [`ProviderState`]: what a provider, its meters and their instruments share.

use std::{
    cell::RefCell,
    hash::{BuildHasher, RandomState},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use otlp_core::data::Resource;
use parking_lot::ReentrantMutex;

use super::{MetricsConfig, aggregation::Distribution, series::thread_cache};
use crate::clock::Clock;

/// What a provider, its meters and their instruments share.
pub(super) struct ProviderState {
    pub(super) resource: Arc<Resource>,
    pub(super) clock: Arc<Clock>,
    pub(super) config: MetricsConfig,
    /// Of the hashes of attributes.
    pub(super) seed: u64,
    /// Measurements that no instrument could take.
    pub(super) ignored: AtomicU64,
    /// Held by whoever collects or reads. Reentrant, so that a callback that asks for a collection finds the buffers
    /// in use instead of waiting for itself.
    collection: ReentrantMutex<RefCell<CollectionBuffers>>,
}

/// What collections reuse.
pub(super) struct CollectionBuffers {
    pub(super) points: Vec<u8>,
    pub(super) distribution: Distribution,
}

impl ProviderState {
    pub(super) fn new(resource: Arc<Resource>, clock: Arc<Clock>, config: MetricsConfig) -> Self {
        let buffers = CollectionBuffers { points: Vec::new(), distribution: Distribution::new(0) };
        ProviderState {
            resource,
            clock,
            config: config.checked(),
            seed: RandomState::new().hash_one(0),
            ignored: AtomicU64::new(0),
            collection: ReentrantMutex::new(RefCell::new(buffers)),
        }
    }

    /// Runs `collect` with the time of the collection and no other collection beside it; not at all if this thread is
    /// within one already, which is to say within a callback.
    pub(super) fn collection<R>(&self, collect: impl FnOnce(u64, &mut CollectionBuffers) -> R) -> Option<R> {
        let collection = self.collection.lock();
        let mut buffers = collection.try_borrow_mut().ok()?;
        Some(collect(self.clock.now().unix_nanos, &mut buffers))
    }

    /// A number that no other instrument of the process has.
    pub(super) fn next_instrument() -> u64 {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        NEXT.fetch_add(1, Ordering::Relaxed)
    }
}

impl Drop for ProviderState {
    fn drop(&mut self) {
        thread_cache::release_everywhere();
    }
}
