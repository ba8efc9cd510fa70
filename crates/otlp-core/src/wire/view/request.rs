//! Whole requests. Those of the three signals have one shape: resources, in them scopes, in them records.

use super::{LogView, Messages, MetricView, ResourceView, ScopeView, SpanView, View};
use crate::{
    data::{Resource, Scope},
    wire::decode::{Content, DecodeError},
};

/// An `ExportTraceServiceRequest`.
pub type TracesView<'a> = RequestView<'a, SpanView<'a>>;
/// An `ExportMetricsServiceRequest`.
pub type MetricsView<'a> = RequestView<'a, MetricView<'a>>;
/// An `ExportLogsServiceRequest`.
pub type LogsView<'a> = RequestView<'a, LogView<'a>>;

/// The request of a signal whose records are `R`.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct RequestView<'a, R: View<'a>> {
    /// What it carries, by resource.
    pub resources: Messages<'a, ResourceRecords<'a, R>>,
}

/// The records of one resource (`ResourceSpans`, `ResourceMetrics`, `ResourceLogs`).
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct ResourceRecords<'a, R: View<'a>> {
    /// What produced them.
    pub resource: ResourceView<'a>,
    /// The records, by scope.
    pub scopes: Messages<'a, ScopeRecords<'a, R>>,
    /// The schema that the resource's attributes follow, or empty.
    pub schema_url: &'a str,
}

/// The records of one scope (`ScopeSpans`, `ScopeMetrics`, `ScopeLogs`).
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct ScopeRecords<'a, R: View<'a>> {
    /// Which part of the program produced them.
    pub scope: ScopeView<'a>,
    /// The records.
    pub records: Messages<'a, R>,
    /// The schema that the records follow, or empty.
    pub schema_url: &'a str,
}

/// The records of encoded entries: what stands in a `ScopeSpans`, `ScopeMetrics` or `ScopeLogs` message as field 2, one
/// entry after the other, without the envelope around them.
///
/// ```
/// use otlp_core::wire::{encode, view::{self, SpanView}};
/// let mut entries = Vec::new();
/// encode::put_len(&mut entries, 2, 7);
/// encode::put_string(&mut entries, 5, "query");
/// let names: Result<Vec<_>, _> = view::records::<SpanView>(&entries).iter().map(|span| span.map(|s| s.name)).collect();
/// assert_eq!(names?, ["query"]);
/// # Ok::<(), otlp_core::wire::decode::DecodeError>(())
/// ```
pub fn records<'a, R: View<'a>>(entries: &'a [u8]) -> Messages<'a, R> {
    Messages::within(Content::new(entries), 2)
}

impl<'a, R: View<'a>> View<'a> for RequestView<'a, R> {
    fn read(content: Content<'a>) -> Result<Self, DecodeError> {
        Ok(RequestView { resources: Messages::of(content, 1)? })
    }
}

impl<'a, R: View<'a>> View<'a> for ResourceRecords<'a, R> {
    fn read(content: Content<'a>) -> Result<Self, DecodeError> {
        let mut group =
            ResourceRecords { resource: ResourceView::default(), scopes: Messages::none(2), schema_url: "" };
        let mut reader = content.reader();
        while let Some(field) = reader.next_field()? {
            match field.number() {
                1 => group.resource = ResourceView::read(field.message()?)?,
                2 => group.scopes.include(&content, &field)?,
                3 => group.schema_url = field.string()?,
                _ => {}
            }
        }
        Ok(group)
    }
}

impl<'a, R: View<'a>> View<'a> for ScopeRecords<'a, R> {
    fn read(content: Content<'a>) -> Result<Self, DecodeError> {
        let mut group = ScopeRecords { scope: ScopeView::default(), records: Messages::none(2), schema_url: "" };
        let mut reader = content.reader();
        while let Some(field) = reader.next_field()? {
            match field.number() {
                1 => group.scope = ScopeView::read(field.message()?)?,
                2 => group.records.include(&content, &field)?,
                3 => group.schema_url = field.string()?,
                _ => {}
            }
        }
        Ok(group)
    }
}

impl<'a, R: View<'a>> ResourceRecords<'a, R> {
    /// Copies the resource, with its schema.
    ///
    /// # Errors
    /// If its attributes cannot be read.
    pub fn to_resource(&self) -> Result<Resource, DecodeError> {
        Ok(Resource {
            attributes: self.resource.attributes.to_attributes()?,
            dropped_attributes_count: self.resource.dropped_attributes_count,
            schema_url: self.schema_url.to_owned(),
        })
    }
}

impl<'a, R: View<'a>> ScopeRecords<'a, R> {
    /// Copies the scope, with its schema.
    ///
    /// # Errors
    /// If its attributes cannot be read.
    pub fn to_scope(&self) -> Result<Scope, DecodeError> {
        Ok(Scope {
            name: self.scope.name.to_owned(),
            version: self.scope.version.to_owned(),
            attributes: self.scope.attributes.to_attributes()?,
            dropped_attributes_count: self.scope.dropped_attributes_count,
            schema_url: self.schema_url.to_owned(),
        })
    }
}
