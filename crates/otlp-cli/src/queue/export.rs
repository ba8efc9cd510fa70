//! Prints what waits as OTLP JSON lines, as the file exporter of the OpenTelemetry specification writes them: each line
//! is one request. What cannot be read is told on standard error, and the rest printed.

use std::io::{BufWriter, Write};

use otlp::json;

use super::{
    Failure, Where,
    quantity::{bytes, count},
    say,
};

pub(super) fn run(queue: &Where, output: &mut impl Write) -> Result<bool, Failure> {
    let mut output = BufWriter::new(output);
    let mut line = Vec::new();
    let mut is_whole = true;
    for inspection in queue.left_behind()? {
        let directory = inspection.directory().to_owned();
        let mut unreadable = |why: &dyn std::fmt::Display| {
            is_whole = false;
            say(format_args!("{}: {why}; not exported", directory.display()));
        };
        let damaged: u64 = inspection.segments().iter().map(|segment| segment.damaged_bytes).sum();
        if damaged > 0 {
            unreadable(&format_args!("{} are no batch", bytes(damaged)));
        }
        let missing: u64 = inspection.signals().iter().map(|signal| signal.missing_items).sum();
        if missing > 0 {
            unreadable(&format_args!("{} missing", count(missing, "item is", "items are")));
        }
        for request in inspection.into_requests()? {
            let request = match request {
                Ok(request) => request,
                Err(error) => {
                    unreadable(&error);
                    continue;
                }
            };
            line.clear();
            match json::encode(request.signal, &request.request, &mut line) {
                Ok(()) => {
                    line.push(b'\n');
                    output.write_all(&line)?;
                }
                Err(error) => unreadable(&format_args!("a batch of {} items: {error}", request.items)),
            }
        }
    }
    output.flush()?;
    Ok(is_whole)
}
