//! `cargo run -p resilient-service`: serves until Ctrl-C. With `--play`, puts on an outage and a recovery, prints what
//! clients saw, and fails if they did not see what they were promised.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "it is a program for people")]

use std::{
    error::Error,
    io,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use clap::Parser;
use otlp_reliability::PipelineConfig;
use resilient_service::{
    checkout::{Checkout, Settings},
    play::play,
    upstream::Upstream,
};
use tokio::sync::broadcast::error::RecvError;

/// A checkout service that keeps answering while its payment provider does not.
#[derive(Debug, Parser)]
struct Arguments {
    /// Where clients pay; port 0 takes one from the kernel.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Where operators look: health, readiness, metrics, policies. Not for the public.
    #[arg(long, default_value = "127.0.0.1:0")]
    admin: SocketAddr,
    /// Where the provider listens that misbehaves on demand.
    #[arg(long, default_value = "127.0.0.1:0")]
    upstream: SocketAddr,
    /// A JSON file with settings of policies, in the form that `PUT /policies` takes.
    #[arg(long)]
    policies: Option<PathBuf>,
    /// How often the provider is asked how it is, in milliseconds.
    #[arg(long, default_value_t = 250)]
    check_interval: u64,
    /// Play an outage and a recovery under load, print what clients saw, and end.
    #[arg(long)]
    play: bool,
    /// Payments a second, while playing.
    #[arg(long, default_value_t = 100, requires = "play", value_parser = clap::value_parser!(u32).range(50..=500))]
    rate: u32,
}

#[tokio::main]
async fn main() -> ExitCode {
    run(Arguments::parse()).await.unwrap_or_else(|error| {
        eprintln!("{error}");
        ExitCode::FAILURE
    })
}

async fn run(arguments: Arguments) -> Result<ExitCode, Box<dyn Error + Send + Sync>> {
    let policies = match &arguments.policies {
        Some(path) => read_policies(path)?,
        None => PipelineConfig::new(),
    };
    let upstream = Upstream::start(arguments.upstream).await?;
    let settings = Settings {
        listen: arguments.listen,
        admin: arguments.admin,
        provider: upstream.url(),
        check_interval: Duration::from_millis(arguments.check_interval),
        policies,
    };
    let checkout = Checkout::start(settings).await?;
    println!("checkout  {}\nadmin     {}\nprovider  {}\n", checkout.url(), checkout.admin_url(), upstream.url());
    let code = if arguments.play {
        let http = reqwest::Client::builder().no_proxy().build()?;
        let promises = play(&checkout, &upstream, http, arguments.rate, &mut io::stdout()).await?;
        println!();
        promises.iter().for_each(|promise| println!("{promise}"));
        if promises.iter().all(|promise| promise.is_kept()) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    } else {
        invite(&checkout, &upstream);
        serve(&checkout).await?;
        ExitCode::SUCCESS
    };
    checkout.stop().await?;
    Ok(code)
}

fn read_policies(path: &Path) -> Result<PipelineConfig, String> {
    let file = std::fs::read(path).map_err(|error| format!("--policies {}: {error}", path.display()))?;
    serde_json::from_slice(&file).map_err(|error| format!("--policies {}: {error}", path.display()))
}

/// Prints what the policies do, until Ctrl-C.
async fn serve(checkout: &Checkout) -> io::Result<()> {
    let mut notices = checkout.subscribe();
    let log = async {
        loop {
            match notices.recv().await {
                Ok(notice) => println!("{notice}"),
                Err(RecvError::Lagged(missed)) => println!("{missed} notices were missed"),
                Err(RecvError::Closed) => break,
            }
        }
    };
    tokio::select! {
        interrupt = tokio::signal::ctrl_c() => interrupt,
        () = log => Ok(()),
    }
}

fn invite(checkout: &Checkout, upstream: &Upstream) {
    let (url, admin, provider) = (checkout.url(), checkout.admin_url(), upstream.url());
    let json = "-H 'content-type: application/json'";
    println!(
        "Pay:           curl -i {url}/pay {json} -H 'x-client: shop' -d '{{\"order\": \"1\", \"amount_cents\": 4200}}'"
    );
    println!("Break it:      curl -X PUT {provider}/mode {json} -d '{{\"mode\": \"hanging\"}}'");
    println!("               also: ok, failing, flapping, {{\"mode\": \"slow\", \"delay_ms\": 200}}");
    println!("Look:          curl -i {admin}/ready; curl {admin}/policies; curl {admin}/metrics");
    let settings = r#"{"attempt": {"kind": "timeout", "after": "100ms"}}"#;
    println!("Reload:        curl -i -X PUT {admin}/policies {json} -d '{settings}'");
    println!("Operate:       curl -X POST {admin}/breaker/isolate; also: half-open, reset");
    println!("Ctrl-C ends it.\n");
}
