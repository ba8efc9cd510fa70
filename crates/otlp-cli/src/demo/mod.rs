//! The demo: five observed services in five processes, under load, exporting to two receivers that a script plays faults
//! on; at the end, what the clients claim and what the receivers have, compared item by item.
//!
//! ```text
//! course      the run from beginning to end
//! ├ stage       all that is known meanwhile of each `member`, told by `event`s, and how it is shown on the `screen`
//! ├ processes   the services as child processes, told and heard by `message`; what they left if `killed`
//! │   └ service   what such a process does: the shop, observed by our client, its evidence taken by `evidence`
//! ├ load        purchases at a steady rate
//! ├ backend     the `receivers`, and the faults of `script` on them
//! └ summary     `receipts` of the receivers beside the ledgers, the `verdict` of the `hearing`, and a trace as a `tree`
//! ```

mod backend;
mod course;
mod event;
mod evidence;
mod hearing;
mod interrupt;
mod killed;
mod load;
mod member;
mod message;
mod processes;
mod queue_directory;
mod receipts;
mod receivers;
mod screen;
mod script;
mod service;
mod stage;
mod summary;
mod topology;
mod tree;
mod verdict;

use std::{process::ExitCode, time::Duration};

use clap::Args;

use self::{
    screen::Screen,
    topology::{ExportProtocol, Service},
};

/// What `otlp demo` takes.
#[derive(Debug, Clone, Args)]
pub(crate) struct Arguments {
    /// Play every fault once, then compare: about 20 seconds in all
    #[arg(long, conflicts_with = "seconds")]
    once: bool,
    /// Keep the load up for so many seconds; without this and --once, until Ctrl-C
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    seconds: Option<u32>,
    /// Requests per second
    #[arg(long, value_name = "R", default_value = "20", value_parser = rate)]
    rate: f64,
    /// What the purchases are, which of them fail, and which requests lose their acknowledgement
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,
    /// Send to this OTLP endpoint instead of the embedded receivers: no faults are played, and there is nothing to
    /// compare with. Headers come from OTEL_EXPORTER_OTLP_HEADERS
    #[arg(long, value_name = "URL")]
    endpoint: Option<String>,
    /// Let all services export by this protocol. Default: each its own; with --endpoint gRPC on port 4317, else
    /// http/protobuf
    #[arg(long, value_name = "PROTOCOL")]
    protocol: Option<ExportProtocol>,
    /// Let the gateway listen on this port of 127.0.0.1, for requests of your own; zero is any
    #[arg(long, value_name = "PORT", default_value_t = 0)]
    gateway_port: u16,
}

/// What `otlp demo-service` takes; the rest comes over standard input.
#[derive(Debug, Clone, Args)]
pub(crate) struct ServiceArguments {
    /// Which service
    #[arg(long)]
    name: Service,
}

impl Arguments {
    /// How long the load is kept up.
    fn length(&self) -> Option<Duration> {
        if self.once {
            return Some(script::CYCLE);
        }
        self.seconds.map(|seconds| Duration::from_secs(seconds.into()))
    }
}

/// Runs the demo. The exit code is zero only if everything was accounted for, item by item.
pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    let mut screen = Screen::new();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let agrees = match runtime {
        Ok(runtime) => runtime.block_on(course::run(arguments, &mut screen)),
        Err(error) => {
            screen.line(format_args!("cannot start a runtime: {error}"));
            false
        }
    };
    match screen.finish() {
        None if agrees => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}

/// Runs one of the services.
pub(crate) fn serve(arguments: &ServiceArguments) -> ExitCode {
    service::run(arguments.name)
}

fn rate(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(rate) if (0.1..=1000.0).contains(&rate) => Ok(rate),
        _ => Err("takes a number from 0.1 to 1000".to_owned()),
    }
}
