//! Log records, encoded by hand.

use std::ops::Range;

use super::{Chunks, Producer, now, wire};
use crate::{
    Failure,
    content::{CACHED_KEY, LOG_BODY, LOG_CONSTANT, LOG_TEXT, SIZE_KEY, TOTAL_KEY, numbers},
    stopwatch::Stopwatch,
};

pub(super) struct LogRecords {
    pub(super) chunks: Chunks,
}

impl Producer for LogRecords {
    fn produce(&mut self, indices: Range<u64>, stopwatch: &mut Stopwatch) {
        for index in indices {
            let started = stopwatch.start();
            record(&mut self.chunks.open, index);
            self.chunks.close_if_full();
            stopwatch.stop(started);
        }
    }

    fn flush(&mut self) -> Result<(), Failure> {
        self.chunks.flush()
    }
}

#[inline]
fn record(out: &mut Vec<u8>, index: u64) {
    let (_, size, total, cached) = numbers(index);
    let time = now();
    wire::nested::<2>(out, 0x12, |out| {
        wire::fixed64(out, 0x09, time);
        wire::uint(out, 0x10, 9);
        wire::bytes(out, 0x1a, b"INFO");
        wire::nested::<1>(out, 0x2a, |out| wire::bytes(out, 0x0a, LOG_BODY.as_bytes()));
        for (key, value) in [LOG_CONSTANT, LOG_TEXT] {
            wire::text_attribute(out, 0x32, key, value);
        }
        wire::int_attribute(out, 0x32, SIZE_KEY, size);
        wire::float_attribute(out, 0x32, TOTAL_KEY, total);
        wire::bool_attribute(out, 0x32, CACHED_KEY, cached);
        wire::fixed64(out, 0x59, time);
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use opentelemetry_proto::tonic::{common::v1::any_value::Value, logs::v1::ScopeLogs};
    use prost::Message;

    #[test]
    fn the_official_types_read_what_was_put_in() {
        let mut out = Vec::new();
        record(&mut out, 4);
        let records = ScopeLogs::decode(&out[..]).unwrap().log_records;
        assert_eq!(records.len(), 1);
        assert_eq!((records[0].severity_number, records[0].severity_text.as_str()), (9, "INFO"));
        assert_eq!(records[0].body.clone().unwrap().value, Some(Value::StringValue(LOG_BODY.into())));
        assert_eq!(records[0].attributes.len(), 5);
        assert_eq!(records[0].attributes[2].value.clone().unwrap().value, Some(Value::IntValue(1_004)));
        assert_eq!(records[0].time_unix_nano, records[0].observed_time_unix_nano);
    }
}
