//! Log records, emitted by the peer.

use std::{ops::Range, time::SystemTime};

use opentelemetry::logs::{AnyValue, LogRecord as _, Logger as _, LoggerProvider as _, Severity};
use opentelemetry_otlp::{LogExporter, WithExportConfig};
use opentelemetry_sdk::logs::{BatchConfigBuilder, BatchLogProcessor, SdkLogger, SdkLoggerProvider};
use tokio::runtime::Runtime;

use super::{NEVER, Producer, Protocol, Setup, resource, runtime, until_flushed};
use crate::{
    Failure,
    content::{CACHED_KEY, LOG_BODY, LOG_CONSTANT, LOG_TEXT, SCOPE, SIZE_KEY, TOTAL_KEY, numbers},
    stopwatch::Stopwatch,
};

pub(super) struct LogRecords {
    logger: SdkLogger,
    provider: SdkLoggerProvider,
    _runtime: Runtime,
}

impl LogRecords {
    pub(super) fn new(protocol: Protocol, setup: &Setup) -> Result<Self, Failure> {
        let runtime = runtime()?;
        let url = format!("http://{}", setup.receiver);
        let exporter = match protocol {
            Protocol::Grpc => {
                let _guard = runtime.enter();
                LogExporter::builder().with_tonic().with_endpoint(url).build()?
            }
            Protocol::Http => LogExporter::builder().with_http().with_endpoint(url + "/v1/logs").build()?,
        };
        let batches =
            BatchConfigBuilder::default().with_max_queue_size(setup.queue_items).with_scheduled_delay(NEVER).build();
        let processor = BatchLogProcessor::builder(exporter).with_batch_config(batches).build();
        let provider = SdkLoggerProvider::builder().with_log_processor(processor).with_resource(resource()).build();
        Ok(LogRecords { logger: provider.logger(SCOPE), provider, _runtime: runtime })
    }
}

impl Producer for LogRecords {
    fn produce(&mut self, indices: Range<u64>, stopwatch: &mut Stopwatch) {
        for index in indices {
            let started = stopwatch.start();
            let (_, size, total, cached) = numbers(index);
            let mut record = self.logger.create_log_record();
            record.set_timestamp(SystemTime::now());
            record.set_severity_number(Severity::Info);
            record.set_severity_text("INFO");
            record.set_body(AnyValue::from(LOG_BODY.to_owned()));
            record.add_attribute(LOG_CONSTANT.0, LOG_CONSTANT.1);
            record.add_attribute(LOG_TEXT.0, LOG_TEXT.1.to_owned());
            record.add_attribute(SIZE_KEY, size);
            record.add_attribute(TOTAL_KEY, total);
            record.add_attribute(CACHED_KEY, cached);
            self.logger.emit(record);
            stopwatch.stop(started);
        }
    }

    fn flush(&mut self) -> Result<(), Failure> {
        until_flushed(|| self.provider.force_flush())
    }
}
