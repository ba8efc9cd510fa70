//! Points of gauges, sums and summaries (messages `NumberDataPoint` and `SummaryDataPoint`).

use super::{AttributesView, ExemplarView, Messages, View};
use crate::{
    data::{Number, NumberPoint, QuantileValue, SummaryPoint},
    wire::decode::{Content, DecodeError},
};

/// One value of one series.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct NumberPointView<'a> {
    /// The series.
    pub attributes: AttributesView<'a>,
    /// Nanoseconds since the Unix epoch; zero for a gauge.
    pub start_time: u64,
    /// Nanoseconds since the Unix epoch.
    pub time: u64,
    /// The value; none if it was not recorded.
    pub value: Option<Number>,
    /// Examples of what was recorded.
    pub exemplars: Messages<'a, ExemplarView<'a>>,
    /// Bit 0: no recorded value.
    pub flags: u32,
}

impl<'a> View<'a> for NumberPointView<'a> {
    fn read(content: Content<'a>) -> Result<Self, DecodeError> {
        let mut point = NumberPointView {
            attributes: Messages::none(7),
            start_time: 0,
            time: 0,
            value: None,
            exemplars: Messages::none(5),
            flags: 0,
        };
        let mut reader = content.reader();
        while let Some(field) = reader.next_field()? {
            match field.number() {
                2 => point.start_time = field.fixed64()?,
                3 => point.time = field.fixed64()?,
                4 => point.value = Some(Number::F64(field.double()?)),
                5 => point.exemplars.include(&content, &field)?,
                6 => point.value = Some(Number::I64(field.fixed64()? as i64)),
                7 => point.attributes.include(&content, &field)?,
                8 => point.flags = field.uint32()?,
                _ => {}
            }
        }
        Ok(point)
    }
}

impl NumberPointView<'_> {
    /// Copies into an owned point.
    ///
    /// # Errors
    /// If something nested cannot be read.
    pub fn to_data(&self) -> Result<NumberPoint, DecodeError> {
        Ok(NumberPoint {
            attributes: self.attributes.to_attributes()?,
            start_time: self.start_time,
            time: self.time,
            value: self.value,
            exemplars: self.exemplars.to_data()?,
            flags: self.flags,
        })
    }
}

/// Quantiles of one series.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct SummaryPointView<'a> {
    /// The series.
    pub attributes: AttributesView<'a>,
    /// Nanoseconds since the Unix epoch.
    pub start_time: u64,
    /// Nanoseconds since the Unix epoch.
    pub time: u64,
    /// How many values.
    pub count: u64,
    /// Their sum.
    pub sum: f64,
    /// The quantiles.
    pub quantile_values: Messages<'a, QuantileView>,
    /// Bit 0: no recorded value.
    pub flags: u32,
}

impl<'a> View<'a> for SummaryPointView<'a> {
    fn read(content: Content<'a>) -> Result<Self, DecodeError> {
        let mut point = SummaryPointView {
            attributes: Messages::none(7),
            start_time: 0,
            time: 0,
            count: 0,
            sum: 0.0,
            quantile_values: Messages::none(6),
            flags: 0,
        };
        let mut reader = content.reader();
        while let Some(field) = reader.next_field()? {
            match field.number() {
                2 => point.start_time = field.fixed64()?,
                3 => point.time = field.fixed64()?,
                4 => point.count = field.fixed64()?,
                5 => point.sum = field.double()?,
                6 => point.quantile_values.include(&content, &field)?,
                7 => point.attributes.include(&content, &field)?,
                8 => point.flags = field.uint32()?,
                _ => {}
            }
        }
        Ok(point)
    }
}

impl SummaryPointView<'_> {
    /// Copies into an owned point.
    ///
    /// # Errors
    /// If something nested cannot be read.
    pub fn to_data(&self) -> Result<SummaryPoint, DecodeError> {
        Ok(SummaryPoint {
            attributes: self.attributes.to_attributes()?,
            start_time: self.start_time,
            time: self.time,
            count: self.count,
            sum: self.sum,
            quantile_values: self
                .quantile_values
                .iter()
                .map(|view| view.map(|view| QuantileValue { quantile: view.quantile, value: view.value }))
                .collect::<Result<_, _>>()?,
            flags: self.flags,
        })
    }
}

/// A value at a quantile.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[non_exhaustive]
pub struct QuantileView {
    /// 0.0 to 1.0.
    pub quantile: f64,
    /// The value there.
    pub value: f64,
}

impl<'a> View<'a> for QuantileView {
    fn read(content: Content<'a>) -> Result<Self, DecodeError> {
        let mut value = QuantileView::default();
        let mut reader = content.reader();
        while let Some(field) = reader.next_field()? {
            match field.number() {
                1 => value.quantile = field.double()?,
                2 => value.value = field.double()?,
                _ => {}
            }
        }
        Ok(value)
    }
}
