//! Points of histograms (messages `HistogramDataPoint` and `ExponentialHistogramDataPoint`).

use super::{AttributesView, Double, ExemplarView, Fixed64, Messages, Numbers, Varint, View};
use crate::{
    data::{ExponentialBuckets, ExponentialHistogramPoint, HistogramPoint},
    wire::decode::{Content, DecodeError},
};

/// One distribution of one series, with explicit bounds.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct HistogramPointView<'a> {
    /// The series.
    pub attributes: AttributesView<'a>,
    /// Nanoseconds since the Unix epoch.
    pub start_time: u64,
    /// Nanoseconds since the Unix epoch.
    pub time: u64,
    /// How many values.
    pub count: u64,
    /// Their sum, if it is meaningful.
    pub sum: Option<f64>,
    /// How many values per bucket: one more than there are bounds, or none.
    pub bucket_counts: Numbers<'a, Fixed64>,
    /// The upper, inclusive bounds of all buckets but the last.
    pub explicit_bounds: Numbers<'a, Double>,
    /// Examples of what was recorded.
    pub exemplars: Messages<'a, ExemplarView<'a>>,
    /// Bit 0: no recorded value.
    pub flags: u32,
    /// The smallest value.
    pub min: Option<f64>,
    /// The largest value.
    pub max: Option<f64>,
}

impl<'a> View<'a> for HistogramPointView<'a> {
    fn read(content: Content<'a>) -> Result<Self, DecodeError> {
        let mut point = HistogramPointView {
            attributes: Messages::none(9),
            start_time: 0,
            time: 0,
            count: 0,
            sum: None,
            bucket_counts: Numbers::none(6),
            explicit_bounds: Numbers::none(7),
            exemplars: Messages::none(8),
            flags: 0,
            min: None,
            max: None,
        };
        let mut reader = content.reader();
        while let Some(field) = reader.next_field()? {
            match field.number() {
                2 => point.start_time = field.fixed64()?,
                3 => point.time = field.fixed64()?,
                4 => point.count = field.fixed64()?,
                5 => point.sum = Some(field.double()?),
                6 => point.bucket_counts.include(&content, &field),
                7 => point.explicit_bounds.include(&content, &field),
                8 => point.exemplars.include(&content, &field)?,
                9 => point.attributes.include(&content, &field)?,
                10 => point.flags = field.uint32()?,
                11 => point.min = Some(field.double()?),
                12 => point.max = Some(field.double()?),
                _ => {}
            }
        }
        Ok(point)
    }
}

impl HistogramPointView<'_> {
    /// Copies into an owned point.
    ///
    /// # Errors
    /// If something nested cannot be read.
    pub fn to_data(&self) -> Result<HistogramPoint, DecodeError> {
        Ok(HistogramPoint {
            attributes: self.attributes.to_attributes()?,
            start_time: self.start_time,
            time: self.time,
            count: self.count,
            sum: self.sum,
            bucket_counts: self.bucket_counts.to_vec()?,
            explicit_bounds: self.explicit_bounds.to_vec()?,
            exemplars: self.exemplars.to_data()?,
            flags: self.flags,
            min: self.min,
            max: self.max,
        })
    }
}

/// One distribution of one series, with exponential bounds.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct ExponentialHistogramPointView<'a> {
    /// The series.
    pub attributes: AttributesView<'a>,
    /// Nanoseconds since the Unix epoch.
    pub start_time: u64,
    /// Nanoseconds since the Unix epoch.
    pub time: u64,
    /// How many values.
    pub count: u64,
    /// Their sum, if it is meaningful.
    pub sum: Option<f64>,
    /// The base is 2^(2^-scale).
    pub scale: i32,
    /// How many values are within the zero threshold.
    pub zero_count: u64,
    /// The buckets of positive values.
    pub positive: ExponentialBucketsView<'a>,
    /// The buckets of negative values.
    pub negative: ExponentialBucketsView<'a>,
    /// Bit 0: no recorded value.
    pub flags: u32,
    /// Examples of what was recorded.
    pub exemplars: Messages<'a, ExemplarView<'a>>,
    /// The smallest value.
    pub min: Option<f64>,
    /// The largest value.
    pub max: Option<f64>,
    /// The width of the zero bucket.
    pub zero_threshold: f64,
}

impl<'a> View<'a> for ExponentialHistogramPointView<'a> {
    fn read(content: Content<'a>) -> Result<Self, DecodeError> {
        let mut point = ExponentialHistogramPointView {
            attributes: Messages::none(1),
            start_time: 0,
            time: 0,
            count: 0,
            sum: None,
            scale: 0,
            zero_count: 0,
            positive: ExponentialBucketsView::default(),
            negative: ExponentialBucketsView::default(),
            flags: 0,
            exemplars: Messages::none(11),
            min: None,
            max: None,
            zero_threshold: 0.0,
        };
        let mut reader = content.reader();
        while let Some(field) = reader.next_field()? {
            match field.number() {
                1 => point.attributes.include(&content, &field)?,
                2 => point.start_time = field.fixed64()?,
                3 => point.time = field.fixed64()?,
                4 => point.count = field.fixed64()?,
                5 => point.sum = Some(field.double()?),
                6 => point.scale = field.sint32()?,
                7 => point.zero_count = field.fixed64()?,
                8 => point.positive = ExponentialBucketsView::read(field.message()?)?,
                9 => point.negative = ExponentialBucketsView::read(field.message()?)?,
                10 => point.flags = field.uint32()?,
                11 => point.exemplars.include(&content, &field)?,
                12 => point.min = Some(field.double()?),
                13 => point.max = Some(field.double()?),
                14 => point.zero_threshold = field.double()?,
                _ => {}
            }
        }
        Ok(point)
    }
}

impl ExponentialHistogramPointView<'_> {
    /// Copies into an owned point.
    ///
    /// # Errors
    /// If something nested cannot be read.
    pub fn to_data(&self) -> Result<ExponentialHistogramPoint, DecodeError> {
        Ok(ExponentialHistogramPoint {
            attributes: self.attributes.to_attributes()?,
            start_time: self.start_time,
            time: self.time,
            count: self.count,
            sum: self.sum,
            scale: self.scale,
            zero_count: self.zero_count,
            positive: self.positive.to_data()?,
            negative: self.negative.to_data()?,
            flags: self.flags,
            exemplars: self.exemplars.to_data()?,
            min: self.min,
            max: self.max,
            zero_threshold: self.zero_threshold,
        })
    }
}

/// Consecutive buckets of an exponential histogram.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct ExponentialBucketsView<'a> {
    /// The index of the first bucket.
    pub offset: i32,
    /// How many values per bucket.
    pub bucket_counts: Numbers<'a, Varint>,
}

impl Default for ExponentialBucketsView<'_> {
    fn default() -> Self {
        ExponentialBucketsView { offset: 0, bucket_counts: Numbers::none(2) }
    }
}

impl<'a> View<'a> for ExponentialBucketsView<'a> {
    fn read(content: Content<'a>) -> Result<Self, DecodeError> {
        let mut buckets = ExponentialBucketsView::default();
        let mut reader = content.reader();
        while let Some(field) = reader.next_field()? {
            match field.number() {
                1 => buckets.offset = field.sint32()?,
                2 => buckets.bucket_counts.include(&content, &field),
                _ => {}
            }
        }
        Ok(buckets)
    }
}

impl ExponentialBucketsView<'_> {
    fn to_data(self) -> Result<ExponentialBuckets, DecodeError> {
        Ok(ExponentialBuckets { offset: self.offset, bucket_counts: self.bucket_counts.to_vec()? })
    }
}
