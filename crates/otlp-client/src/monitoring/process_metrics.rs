//! The metrics of the process, by the names of the semantic conventions ("OS process metrics"). Linux only.

use otlp_sdk::metrics::{Meter, MeterProvider};

use super::{
    process::{self, ProcessFigures},
    sdk_metrics::SCOPE,
};

/// Makes the instruments. On other systems they observe nothing, and nothing is reported.
pub(super) fn register(meters: &MeterProvider) {
    let meter = meters.meter(SCOPE);
    meter
        .f64_observable_counter("process.cpu.time")
        .with_description("Total CPU seconds broken down by different CPU modes.")
        .with_unit("s")
        .with_callback(|observer| {
            if let Some(figures) = process::read() {
                observer.observe(figures.user_time.as_secs_f64(), &[("cpu.mode", "user")]);
                observer.observe(figures.system_time.as_secs_f64(), &[("cpu.mode", "system")]);
            }
        })
        .init();
    let sum = |name, unit, description, of| sum(&meter, name, unit, description, of);
    sum("process.memory.usage", "By", "The amount of physical memory in use.", |figures| Some(figures.resident_bytes));
    sum("process.memory.virtual", "By", "The amount of committed virtual memory.", |figures| {
        Some(figures.virtual_bytes)
    });
    sum("process.thread.count", "{thread}", "Process threads count.", |figures| Some(figures.threads));
    sum(
        "process.unix.file_descriptor.count",
        "{file_descriptor}",
        "Number of unix file descriptors in use by the process.",
        |figures| figures.open_files,
    );
    meter
        .f64_observable_gauge("process.uptime")
        .with_description("The time the process has been running.")
        .with_unit("s")
        .with_callback(|observer| {
            if let Some(figures) = process::read() {
                observer.observe(figures.uptime.as_secs_f64(), &());
            }
        })
        .init();
}

fn sum(meter: &Meter, name: &str, unit: &'static str, description: &str, of: fn(&ProcessFigures) -> Option<u64>) {
    meter
        .i64_observable_up_down_counter(name)
        .with_description(description)
        .with_unit(unit)
        .with_callback(move |observer| {
            if let Some(value) = process::read().and_then(|figures| of(&figures)) {
                observer.observe(i64::try_from(value).unwrap_or(i64::MAX), &());
            }
        })
        .init();
}
