//! The parts of a request that are the same for many records, encoded once: resource and scope.

use std::sync::Arc;

use otlp_core::{
    data::{Resource, Scope},
    wire::encode,
};

/// A resource with its encoding.
#[derive(Debug)]
pub(crate) struct ResourceEnvelope {
    pub(crate) resource: Arc<Resource>,
    /// Field 1 of `ResourceSpans`, `ResourceMetrics` and `ResourceLogs` alike.
    pub(crate) prefix: Vec<u8>,
    /// Their field 3, the schema URL.
    pub(crate) suffix: Vec<u8>,
}

/// A scope with its encoding.
#[derive(Debug)]
pub(crate) struct ScopeEnvelope {
    pub(crate) scope: Arc<Scope>,
    /// Dense within a pipeline.
    pub(crate) index: usize,
    /// Field 1 of `ScopeSpans`, `ScopeMetrics` and `ScopeLogs` alike.
    pub(crate) prefix: Vec<u8>,
    /// Their field 3, the schema URL.
    pub(crate) suffix: Vec<u8>,
}

impl ResourceEnvelope {
    pub(crate) fn new(resource: Resource) -> Self {
        let mut content = Vec::new();
        encode::resource(&resource, &mut content);
        let (prefix, suffix) = wrap(&content, &resource.schema_url);
        ResourceEnvelope { resource: Arc::new(resource), prefix, suffix }
    }
}

impl ScopeEnvelope {
    pub(crate) fn new(index: usize, scope: Scope) -> Self {
        let mut content = Vec::new();
        encode::scope(&scope, &mut content);
        let (prefix, suffix) = wrap(&content, &scope.schema_url);
        ScopeEnvelope { scope: Arc::new(scope), index, prefix, suffix }
    }
}

fn wrap(content: &[u8], schema_url: &str) -> (Vec<u8>, Vec<u8>) {
    let (mut prefix, mut suffix) = (Vec::new(), Vec::new());
    encode::put_bytes(&mut prefix, 1, content);
    encode::put_string(&mut suffix, 3, schema_url);
    (prefix, suffix)
}
