//! Reading protobuf: the bounded [`Reader`], and owned data from encoded bytes.
//!
//! [`spans`], [`logs`] and [`metrics`] are for those who want structures; whoever only looks at some fields is better
//! served by the [views](super::view), which copy nothing.
//!
//! Owned data takes more memory than its encoding (an empty span is two bytes encoded, and hundreds owned), so bound
//! what comes from outside before it is decoded.

mod error;
mod reader;

use std::sync::Arc;

pub use self::{
    error::{DecodeError, DecodeErrorKind},
    reader::{Content, Field, MAX_DEPTH, Reader, WireValue},
};
use super::view::{self, LogView, MetricView, RequestView, SpanView, View};
use crate::data::{LogData, MetricData, Resource, Scope, SpanData};

/// The spans of an `ExportTraceServiceRequest`, in order.
///
/// # Errors
/// The first thing that is wrong with the bytes; nothing is decoded in part.
pub fn spans(request: &[u8]) -> Result<Vec<SpanData>, DecodeError> {
    owned(request, SpanView::to_data)
}

/// The log records of an `ExportLogsServiceRequest`, in order.
///
/// # Errors
/// As [`spans`].
pub fn logs(request: &[u8]) -> Result<Vec<LogData>, DecodeError> {
    owned(request, LogView::to_data)
}

/// The metrics of an `ExportMetricsServiceRequest`, in order.
///
/// # Errors
/// As [`spans`].
pub fn metrics(request: &[u8]) -> Result<Vec<MetricData>, DecodeError> {
    owned(request, MetricView::to_data)
}

/// The spans of encoded entries (see [`view::records`]) that `resource` and `scope` produced.
///
/// # Errors
/// As [`spans`].
pub fn span_entries(
    resource: &Arc<Resource>,
    scope: &Arc<Scope>,
    entries: &[u8],
) -> Result<Vec<SpanData>, DecodeError> {
    view::records::<SpanView<'_>>(entries).iter().map(|span| span?.to_data(resource, scope)).collect()
}

/// The log records of encoded entries (see [`view::records`]) that `resource` and `scope` produced.
///
/// # Errors
/// As [`spans`].
pub fn log_entries(resource: &Arc<Resource>, scope: &Arc<Scope>, entries: &[u8]) -> Result<Vec<LogData>, DecodeError> {
    view::records::<LogView<'_>>(entries).iter().map(|log| log?.to_data(resource, scope)).collect()
}

/// The metrics of encoded entries (see [`view::records`]) that `resource` and `scope` produced.
///
/// # Errors
/// As [`spans`].
pub fn metric_entries(
    resource: &Arc<Resource>,
    scope: &Arc<Scope>,
    entries: &[u8],
) -> Result<Vec<MetricData>, DecodeError> {
    view::records::<MetricView<'_>>(entries).iter().map(|metric| metric?.to_data(resource, scope)).collect()
}

fn owned<'a, R: View<'a>, D>(
    request: &'a [u8],
    to_data: impl Fn(&R, &Arc<Resource>, &Arc<Scope>) -> Result<D, DecodeError>,
) -> Result<Vec<D>, DecodeError> {
    let mut all = Vec::new();
    for of_resource in RequestView::<R>::parse(request)?.resources {
        let of_resource = of_resource?;
        let resource = Arc::new(of_resource.to_resource()?);
        for of_scope in of_resource.scopes {
            let of_scope = of_scope?;
            let scope = Arc::new(of_scope.to_scope()?);
            for record in of_scope.records {
                all.push(to_data(&record?, &resource, &scope)?);
            }
        }
    }
    Ok(all)
}
