//! Log records, emitted by ours.

use std::ops::Range;

use otlp::{core::EnhancedOtlpClient, data::Severity, logs::Logger};

use super::{Producer, flush};
use crate::{
    Failure,
    content::{CACHED_KEY, LOG_BODY, LOG_CONSTANT, LOG_TEXT, SCOPE, SIZE_KEY, TOTAL_KEY, numbers},
    stopwatch::Stopwatch,
};

pub(super) struct LogRecords {
    logger: Logger,
    client: EnhancedOtlpClient,
}

impl LogRecords {
    pub(super) fn new(client: EnhancedOtlpClient) -> Self {
        LogRecords { logger: client.logger(SCOPE), client }
    }
}

impl Producer for LogRecords {
    fn produce(&mut self, indices: Range<u64>, stopwatch: &mut Stopwatch) {
        for index in indices {
            let started = stopwatch.start();
            let (_, size, total, cached) = numbers(index);
            self.logger
                .record(Severity::Info)
                .severity_text("INFO")
                .body(LOG_BODY)
                .attribute(LOG_CONSTANT.0, LOG_CONSTANT.1)
                .attribute(LOG_TEXT.0, LOG_TEXT.1)
                .attribute(SIZE_KEY, size)
                .attribute(TOTAL_KEY, total)
                .attribute(CACHED_KEY, cached)
                .emit();
            stopwatch.stop(started);
        }
    }

    fn flush(&mut self) -> Result<(), Failure> {
        flush(&self.client)
    }
}
