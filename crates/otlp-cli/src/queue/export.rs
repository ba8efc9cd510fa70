//! `otlp queue export`: what waits, as OTLP JSON lines.

use std::io::{self, BufWriter, Write};

use super::{Failure, Place, is_gone, with_sources};

#[derive(clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    place: Place,
}

/// Whether everything could be read. What cannot is named on standard error, and the rest is printed.
pub(super) fn run(arguments: &Arguments) -> Result<bool, Failure> {
    let mut output = BufWriter::new(io::stdout().lock());
    let mut is_whole = true;
    let mut line = Vec::new();
    for queue in arguments.place.queues()? {
        let inspection = arguments.place.inspect_unused(&queue)?;
        for request in inspection.into_requests().map_err(|error| with_sources(&error))? {
            line.clear();
            let encoded = request.map_err(|error| with_sources(&error)).and_then(|stored| {
                otlp::json::encode(stored.signal, &stored.request, &mut line).map_err(|error| error.to_string())
            });
            if let Err(error) = encoded {
                eprintln!("otlp queue: {}: {error}", queue.display());
                is_whole = false;
                continue;
            }
            line.push(b'\n');
            match output.write_all(&line) {
                Err(error) if is_gone(&error) => return Ok(is_whole),
                written => written?,
            }
        }
    }
    match output.flush() {
        Err(error) if !is_gone(&error) => Err(error.into()),
        _ => Ok(is_whole),
    }
}
