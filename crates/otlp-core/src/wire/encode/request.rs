//! Whole requests of owned data: records grouped by resource, and within by scope, in the order of their first record.

use std::{collections::HashMap, sync::Arc};

use super::{log, metric, origin, owned::put_message, put_string, span};
use crate::data::{LogData, MetricData, Resource, Scope, SpanData};

/// Appends an `ExportTraceServiceRequest`.
pub fn spans(spans: &[SpanData], out: &mut Vec<u8>) {
    put_request(out, spans, |span| (&span.resource, &span.scope), span::span);
}

/// Appends an `ExportLogsServiceRequest`.
pub fn logs(logs: &[LogData], out: &mut Vec<u8>) {
    put_request(out, logs, |log| (&log.resource, &log.scope), log::log);
}

/// Appends an `ExportMetricsServiceRequest`.
pub fn metrics(metrics: &[MetricData], out: &mut Vec<u8>) {
    put_request(out, metrics, |metric| (&metric.resource, &metric.scope), metric::metric);
}

fn put_request<R>(
    out: &mut Vec<u8>,
    records: &[R],
    origin: impl Fn(&R) -> (&Arc<Resource>, &Arc<Scope>),
    write: impl Fn(&R, &mut Vec<u8>),
) {
    for (resource, of_resource) in grouped(records.iter(), |record| origin(record).0) {
        put_message(out, 1, |out| {
            put_message(out, 1, |out| origin::resource(resource, out));
            for (scope, of_scope) in grouped(of_resource.into_iter(), |record| origin(record).1) {
                put_message(out, 2, |out| {
                    put_message(out, 1, |out| origin::scope(scope, out));
                    for record in of_scope {
                        put_message(out, 2, |out| write(record, out));
                    }
                    put_string(out, 3, &scope.schema_url);
                });
            }
            put_string(out, 3, &resource.schema_url);
        });
    }
}

/// The records by equal key. Records mostly share their keys' memory, so keys are compared by address first.
fn grouped<'r, R, K: PartialEq>(
    records: impl Iterator<Item = &'r R>,
    key: impl Fn(&'r R) -> &'r Arc<K>,
) -> Vec<(&'r K, Vec<&'r R>)> {
    let mut groups: Vec<(&K, Vec<&R>)> = Vec::new();
    let mut by_address: HashMap<*const K, usize> = HashMap::new();
    for record in records {
        let key = key(record);
        let index = *by_address.entry(Arc::as_ptr(key)).or_insert_with(|| {
            groups.iter().position(|(other, _)| **other == **key).unwrap_or_else(|| {
                groups.push((key, Vec::new()));
                groups.len() - 1
            })
        });
        groups[index].1.push(record);
    }
    groups
}
