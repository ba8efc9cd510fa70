//! `otlp queue drain`: delivers what waits, as the program that left it would: by a client on the same directory. What is
//! not delivered stays where it is.

use std::{
    fs,
    path::PathBuf,
    time::{Duration, Instant},
};

use otlp::{
    config::{DiskQueueConfig, Protocol},
    core::EnhancedOtlpClient,
};

use super::{Failure, Place, with_sources};

/// The directory of the destination that is an endpoint; all others belong to exporters of the program's own.
const ENDPOINT: &str = "otlp";
/// How long one look at what is left takes at most.
const STEP: Duration = Duration::from_secs(1);

#[derive(clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    place: Place,
    /// Where to, for instance http://localhost:4317; headers and TLS are taken from the OTEL_EXPORTER_OTLP_* variables
    #[arg(long)]
    endpoint: String,
    /// How: grpc, http/protobuf or http/json. Without it, port 4317 means gRPC and any other HTTP
    #[arg(long)]
    protocol: Option<String>,
    /// For how many seconds at most
    #[arg(long, default_value_t = 300)]
    seconds: u64,
}

/// Whether everything was delivered.
pub(super) fn run(arguments: &Arguments) -> Result<bool, Failure> {
    let queues = arguments.place.queues()?.into_iter().map(fs::canonicalize).collect::<Result<Vec<_>, _>>()?;
    let is_endpoint = |queue: &&PathBuf| queue.file_name().is_some_and(|name| name == ENDPOINT);
    let Some((queue, above)) = queues.iter().find(is_endpoint).and_then(|queue| Some((queue, queue.parent()?))) else {
        let shown = arguments.place.directory.display();
        return Err(format!("{shown} has no directory {ENDPOINT}: other queues can be exported, not drained").into());
    };
    // Without this, the client would make what is not there.
    drop(arguments.place.inspect_unused(queue)?);
    // A queue may be larger than a client's usual limit; nothing is put into it here.
    let mut config = DiskQueueConfig::new(above).with_max_bytes(1 << 50);
    if let Some(key) = arguments.place.key()? {
        config = config.with_encryption_key(key);
    }
    let mut builder = EnhancedOtlpClient::builder().with_endpoint(&arguments.endpoint).with_disk_queue(config);
    if let Some(protocol) = &arguments.protocol {
        builder = builder.with_protocol(named(protocol)?);
    }
    let client = builder.build_blocking().map_err(|error| with_sources(&error))?;
    let until = Instant::now() + Duration::from_secs(arguments.seconds);
    while client.ledger().pending() > 0 && Instant::now() < until {
        client.flush_blocking(STEP.min(until.saturating_duration_since(Instant::now())));
    }
    let report = client.shutdown_blocking(STEP * 5);
    print!("{report}");
    Ok(report.ledgers.iter().all(|ledger| ledger.pending() == 0 && ledger.lost() == 0))
}

fn named(protocol: &str) -> Result<Protocol, Failure> {
    match protocol {
        "grpc" => Ok(Protocol::Grpc),
        "http/protobuf" => Ok(Protocol::HttpProtobuf),
        "http/json" => Ok(Protocol::HttpJson),
        other => Err(format!("{other} is no protocol: grpc, http/protobuf and http/json are").into()),
    }
}
