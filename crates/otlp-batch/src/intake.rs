//! Where records enter: the side of the pipeline that the application's threads see.
//!
//! Appending a record takes the calling thread's own lock and copies the record once. It never waits for the
//! destination, unless [`OnFull::Block`] asks for that, and never fails: what cannot be taken is counted.

use std::{fmt, sync::Arc};

use otlp_core::{
    Signal,
    data::{Resource, Scope},
};

use crate::{
    DeliveryObserver,
    config::Settings,
    destination::Destination,
    envelope::ScopeEnvelope,
    pool::BufferPool,
    shared::{Record, Shared},
};

/// Where the SDK hands in encoded records. Clones are cheap and mean the same pipeline.
#[derive(Clone)]
pub struct Intake {
    shared: Arc<Shared>,
}

/// A scope that an [`Intake`] knows. Clones are cheap.
#[derive(Clone, Debug)]
pub struct ScopeHandle(Arc<ScopeEnvelope>);

/// What makes records when asked: metrics are collected this way, and held-back log records handed on. All of it is called
/// on the background thread and must not block.
pub trait Producer: Send + Sync {
    /// Appends all that there is to report now. Called at each metric interval, each flush and each persist.
    fn produce(&self, intake: &Intake);

    /// Appends what was held back for long enough. Called about once per batch timeout, and at least once a second.
    fn tick(&self, intake: &Intake) {
        let _ = intake;
    }

    /// Appends all that is held back. Called at each flush and each persist.
    fn release(&self, intake: &Intake) {
        let _ = intake;
    }

    /// Appends all that is held back, and holds nothing back from now on: a shutdown takes no more records.
    fn close(&self, intake: &Intake) {
        self.release(intake);
    }
}

impl ScopeHandle {
    /// A number that within the pipeline only handles of equal scopes share.
    pub fn index(&self) -> usize {
        self.0.index
    }
}

impl Intake {
    pub(crate) fn new(
        resource: Resource,
        settings: Settings,
        pool: Arc<BufferPool>,
        destinations: Vec<Destination>,
        observer: Option<Arc<dyn DeliveryObserver>>,
    ) -> Self {
        Intake { shared: Arc::new(Shared::new(resource, settings, pool, destinations, observer)) }
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.shared
    }

    /// The handle of `scope`; equal scopes share one, so that their records travel under one header.
    pub fn scope(&self, scope: &Scope) -> ScopeHandle {
        ScopeHandle(self.shared.scope(scope))
    }

    /// The resource of all records.
    pub fn resource(&self) -> &Arc<Resource> {
        self.shared.resource()
    }

    /// The largest record that can be delivered, in encoded bytes.
    pub fn max_record_bytes(&self) -> usize {
        self.shared.max_record_bytes()
    }

    /// Lets `producer` make records at each metric interval and each flush from now on.
    pub fn register(&self, producer: Arc<dyn Producer>) {
        self.shared.register(producer);
    }

    /// Appends a record of `items` items.
    ///
    /// `write` is given the calling thread's open chunk and appends exactly `len` bytes to it: whole entries of field 2
    /// of `ScopeSpans`, `ScopeMetrics` or `ScopeLogs`, with tag and length. It must not touch what is there already, and
    /// must not append records itself. It is not called if there is no room and nobody observes what is dropped.
    pub fn append(
        &self,
        signal: Signal,
        scope: &ScopeHandle,
        items: u32,
        len: usize,
        write: impl FnOnce(&mut Vec<u8>),
    ) {
        let record = Record { signal, scope: &scope.0, items: u64::from(items), len };
        self.shared.append(&record, write);
    }
}

impl fmt::Debug for Intake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Intake").field("resource", self.resource()).finish_non_exhaustive()
    }
}
