//! Where records enter.

use std::sync::Arc;

use otlp_core::{
    Signal,
    data::{Resource, Scope},
};

/// Where the SDK hands in encoded records.
#[derive(Clone, Debug)]
pub struct Intake {
    resource: Arc<Resource>,
}

/// A scope that an [`Intake`] knows; clones are cheap.
#[derive(Clone, Debug)]
pub struct ScopeHandle(());

/// What makes records when asked: metrics are collected this way.
pub trait Producer: Send + Sync {
    /// Appends all that there is to report now.
    fn produce(&self, intake: &Intake);
}

impl Intake {
    /// The handle of `scope`; equal scopes share one.
    pub fn scope(&self, _scope: &Scope) -> ScopeHandle {
        todo!()
    }
    /// The resource of all records.
    pub fn resource(&self) -> &Arc<Resource> {
        &self.resource
    }
    /// The largest record that can be delivered, in encoded bytes.
    pub fn max_record_bytes(&self) -> usize {
        todo!()
    }
    /// Appends one record.
    pub fn append(&self, _signal: Signal, _scope: &ScopeHandle, _items: u32, _len: usize, _write: impl FnOnce(&mut Vec<u8>)) {
        todo!()
    }
}
