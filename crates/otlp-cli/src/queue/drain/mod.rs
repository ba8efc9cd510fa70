//! Sends what waits to an OTLP endpoint, by the pipeline that a client has: what is acknowledged leaves the queue. What is
//! not stays, whatever the reason: nobody is there to whom a loss would be told.
//!
//! ```text
//! target    the endpoint, tried again and again
//! └ keeping   around it: a batch that is refused is kept, and the others are tried
//!   └ course    until nothing is left, or nothing moves any more
//! ```

mod course;
mod keeping;
mod target;

use std::{
    io::Write,
    path::{Path, PathBuf},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use clap::{Args, builder::RangedU64ValueParser};
use otlp::data::Resource;
use otlp_batch::{
    BatchLimits, DiskEvent, DiskQueueConfig, EncryptionKey, InspectError, Inspection, MemoryPoolConfig, Pipeline,
    Report,
};
use otlp_transport::Protocol;

use self::{course::Ending, keeping::Keeping};
use super::{Failure, Where, directories, inspect::batches_of, say};

/// How many batches of a signal are under way at a time, and so how many refused ones are kept until no other is tried.
const MAX_IN_FLIGHT: usize = 8;

/// For batches on their way.
const MEMORY: usize = 128 << 20;

/// No limit: what is in the queue is already there.
const MAX_BYTES: u64 = 1 << 50;

/// How long the disk may take to note what left the queue.
const TO_CLOSE: Duration = Duration::from_secs(60);

/// What `otlp queue drain` takes.
#[derive(Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    queue: Where,
    /// Where to send, for instance http://localhost:4317; over HTTP, /v1/SIGNAL is appended. What is not said here
    /// (headers, compression, timeout, TLS) is taken from the variables OTEL_EXPORTER_OTLP_*
    #[arg(long, value_name = "URL")]
    endpoint: String,
    /// grpc, http/protobuf or http/json. Default: the variable's, else gRPC on port 4317, else http/protobuf
    #[arg(long, value_name = "PROTOCOL")]
    protocol: Option<Protocol>,
    /// Send a header with each request; may be given several times, and replaces the same of OTEL_EXPORTER_OTLP_HEADERS
    #[arg(long = "header", value_name = "NAME=VALUE")]
    headers: Vec<String>,
    /// Give up when the endpoint has taken nothing for so many seconds; what is left stays in the queue
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = RangedU64ValueParser::<u64>::new().range(1..=86_400))]
    give_up_after: u64,
    /// Let batches leave the queue, too, that the endpoint refuses for good: a copy is kept in its directory dead-letter
    #[arg(long)]
    move_refused: bool,
}

pub(super) fn run(arguments: &Arguments, output: &mut impl Write) -> Result<bool, Failure> {
    let key = arguments.queue.key()?;
    let all = directories::find(&arguments.queue.directory)?;
    // All before the first: where one is refused, nothing has happened to the others.
    for directory in &all {
        directories::refuse_if_held(directory)?;
        let inspection = Inspection::of(directory, key.clone())?;
        let locked = inspection.segments().iter().find(|segment| segment.is_encrypted && key.is_none());
        if let Some(segment) = locked {
            return Err(InspectError::KeyMissing { file: segment.path.clone() }.into());
        }
    }
    let mut is_empty = true;
    for directory in all {
        is_empty &= drain(&directory, key.clone(), arguments, output)?;
    }
    Ok(is_empty)
}

/// Whether everything was delivered.
fn drain(
    directory: &Path,
    key: Option<EncryptionKey>,
    arguments: &Arguments,
    output: &mut impl Write,
) -> Result<bool, Failure> {
    let is_dead_letter = directories::is_dead_letter(directory);
    // What was refused once and is refused again has no place to be moved to but the one where it is.
    let keeping = Arc::new(Keeping::new(target::exporter(arguments)?, arguments.move_refused && !is_dead_letter));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Failure::Runtime)?;
    let interrupt = runtime.block_on(course::interrupt());
    let pipeline = pipeline(directory, key.clone(), is_dead_letter, &keeping)?;
    let patience = Duration::from_secs(arguments.give_up_after);
    let ending = runtime.block_on(course::run(&pipeline, &keeping, patience, interrupt));
    // Where something is left, nobody waits for it any longer.
    let report = pipeline.shutdown_blocking(if ending == Ending::Empty { TO_CLOSE } else { Duration::ZERO });
    drop(pipeline);
    conclude(directory, key, &ending, &report, output)
}

fn pipeline(
    directory: &Path,
    key: Option<EncryptionKey>,
    is_dead_letter: bool,
    keeping: &Arc<Keeping>,
) -> Result<Pipeline, Failure> {
    let mut disk_queue = DiskQueueConfig::new(directory).with_max_bytes(MAX_BYTES);
    if let Some(key) = key {
        disk_queue = disk_queue.with_encryption_key(key);
    }
    if is_dead_letter {
        disk_queue = disk_queue.with_dead_letter_bytes(0);
    }
    let shown = PathBuf::from(directory);
    // Somebody waits for it: nothing is held back.
    let limits = BatchLimits { max_in_flight: MAX_IN_FLIGHT, catch_up_percent: None, ..BatchLimits::default() };
    let pipeline = Pipeline::builder(Resource::default())
        .limits(limits)
        .memory(MemoryPoolConfig { max_size: MEMORY, ..MemoryPoolConfig::default() })
        .with_disk_queue(disk_queue)
        .on_disk_event(move |_, event| match event {
            DiskEvent::Degraded { error } => say(format_args!("{}: the disk refuses: {error}", shown.display())),
            DiskEvent::Damaged { signal, items } => {
                say(format_args!("{}: a batch of {items} items ({}) is damaged", shown.display(), signal.name()));
            }
            DiskEvent::Stalled { waited } => {
                let waited = waited.as_secs();
                say(format_args!("{}: the disk has not answered for {waited} s", shown.display()));
            }
            DiskEvent::Recovered { is_cursor_lost: true, .. } => {
                say(format_args!("{}: the cursor is lost: some of it may arrive again", shown.display()));
            }
            _ => {}
        })
        .destination_in(directory, keeping.clone());
    Ok(pipeline.start()?)
}

/// Says what became of everything: by the ledger, and by what stands on the disk after all.
fn conclude(
    directory: &Path,
    key: Option<EncryptionKey>,
    ending: &Ending,
    report: &Report,
    output: &mut impl Write,
) -> Result<bool, Failure> {
    // The thread of the disk lets go of the directory when it has noted all that left: before that, this process must
    // not end.
    let deadline = Instant::now() + TO_CLOSE;
    let mut left = Inspection::of(directory, key.clone())?;
    while left.holder().is_some() && Instant::now() < deadline {
        thread::sleep(Duration::from_millis(10));
        left = Inspection::of(directory, key.clone())?;
    }
    write!(output, "{report}")?;
    let (batches, items) =
        left.signals().iter().fold((0, 0), |(batches, items), one| (batches + one.batches, items + one.items));
    let shown = directory.display();
    if batches > 0 {
        writeln!(output, "{shown}: {} stay: {ending}", batches_of(batches, items))?;
    } else {
        writeln!(output, "{shown}: empty")?;
    }
    Ok(batches == 0 && report.ledgers.iter().all(|ledger| ledger.lost() == 0))
}
