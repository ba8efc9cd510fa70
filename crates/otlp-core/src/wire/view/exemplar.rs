//! Exemplars (OTLP metrics protocol, message `Exemplar`).

use super::{AttributesView, Messages, View, ids};
use crate::{
    SpanId, TraceId,
    data::{Exemplar, Number},
    wire::decode::{Content, DecodeError},
};

/// An example of a recorded value, with the span that was active.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct ExemplarView<'a> {
    /// The attributes that the series does not have.
    pub filtered_attributes: AttributesView<'a>,
    /// Nanoseconds since the Unix epoch.
    pub time: u64,
    /// The value.
    pub value: Option<Number>,
    /// The span that was active.
    pub span_id: Option<SpanId>,
    /// Its trace.
    pub trace_id: Option<TraceId>,
}

impl<'a> View<'a> for ExemplarView<'a> {
    fn read(content: Content<'a>) -> Result<Self, DecodeError> {
        let mut exemplar = ExemplarView {
            filtered_attributes: Messages::none(7),
            time: 0,
            value: None,
            span_id: None,
            trace_id: None,
        };
        let mut reader = content.reader();
        while let Some(field) = reader.next_field()? {
            match field.number() {
                2 => exemplar.time = field.fixed64()?,
                3 => exemplar.value = Some(Number::F64(field.double()?)),
                4 => exemplar.span_id = ids::valid_span_id(&field)?,
                5 => exemplar.trace_id = ids::valid_trace_id(&field)?,
                6 => exemplar.value = Some(Number::I64(field.fixed64()? as i64)),
                7 => exemplar.filtered_attributes.include(&content, &field)?,
                _ => {}
            }
        }
        Ok(exemplar)
    }
}

impl<'a> Messages<'a, ExemplarView<'a>> {
    /// Copies into owned exemplars.
    ///
    /// # Errors
    /// If one of them cannot be read.
    pub fn to_data(&self) -> Result<Vec<Exemplar>, DecodeError> {
        self.iter()
            .map(|exemplar| {
                let exemplar = exemplar?;
                Ok(Exemplar {
                    filtered_attributes: exemplar.filtered_attributes.to_attributes()?,
                    time: exemplar.time,
                    value: exemplar.value,
                    span_id: exemplar.span_id,
                    trace_id: exemplar.trace_id,
                })
            })
            .collect()
    }
}
