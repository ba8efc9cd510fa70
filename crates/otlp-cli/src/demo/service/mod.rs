//! A service of the demo: the process behind `otlp demo-service`.
//!
//! It takes orders on standard input and reports on standard output (`message`). It ends when it is told to, or when
//! standard input ends, which means that the demo is gone; signals of the terminal do not concern it.

mod call;
mod found;
mod gateway;
mod notification;
mod observe;
mod orders;
mod payment;
mod reports;
mod shop;
mod telemetry;
mod user;

use std::{error::Error, io, net::Ipv4Addr, process::ExitCode, sync::Arc, time::Duration};

use axum::Router;
use tokio::{
    io::BufReader,
    net::TcpListener,
    sync::{mpsc, oneshot},
    task::JoinHandle,
    time::{MissedTickBehavior, interval, timeout},
};

pub(crate) use self::shop::{Answer, Purchase};
use self::{reports::Reports, shop::Shop, telemetry::Telemetry};
use super::{
    message::{self, Account, Order, Report, Settings},
    topology::Service,
};

/// How often the ledger is reported.
const PROGRESS: Duration = Duration::from_millis(250);

/// How often a service reports that may be killed, so that it takes little knowledge with it.
const PROGRESS_OF_MORTAL: Duration = Duration::from_millis(100);

/// How long requests under way may take once the service stops.
const LAST_REQUESTS: Duration = Duration::from_secs(1);

/// How long delivering may take once the demo is gone.
const ORPHANED: Duration = Duration::from_millis(500);

/// What a service serves.
struct Served {
    router: Router,
    /// Work that goes on after an answer; it ends once the router is dropped.
    work: Option<JoinHandle<()>>,
}

/// Runs a service to its end.
pub(crate) fn run(service: Service) -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failed(service, &error),
    };
    let ended = runtime.block_on(serve(service));
    // Reading standard input blocks a thread of the runtime until the demo closes it.
    runtime.shutdown_background();
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(service, &*error),
    }
}

fn failed(service: Service, error: &dyn Error) -> ExitCode {
    // If standard error is gone too, the exit code is left.
    let _ = io::Write::write_fmt(&mut io::stderr(), format_args!("{service}: {error}\n"));
    ExitCode::FAILURE
}

async fn serve(service: Service) -> Result<(), Box<dyn Error>> {
    let mut orders = read_orders();
    let Some(Order::Begin(settings)) = orders.recv().await.transpose()? else {
        return Err("is started by `otlp demo`, which tells it what to do".into());
    };
    let (reports, writing) = reports::to_standard_output();
    let listener = listen(&settings, &reports).await?;
    let telemetry = Telemetry::start(service, &settings, reports.clone())?;
    let shop = Arc::new(Shop::new(service, telemetry, settings.seed)?);
    reports.send(Report::Ready { address: listener.local_addr()?.to_string() }).await;

    let Served { router, work } = served(service, &shop);
    let (stop_serving, stopped) = oneshot::channel::<()>();
    let serving = axum::serve(listener, router).with_graceful_shutdown(async {
        // A dropped sender means the same.
        let _ = stopped.await;
    });
    let serving = tokio::spawn(serving.into_future());
    let confirming = tokio::spawn({
        let shop = Arc::clone(&shop);
        async move { shop.telemetry.confirm().await }
    });
    let deadline = obey(&mut orders, &shop, &reports, settings.queue.is_some()).await;
    confirming.abort();
    // That it was aborted is no error.
    let _ = confirming.await;

    drop(stop_serving);
    let last_requests = async {
        let _ = serving.await;
        if let Some(work) = work {
            let _ = work.await;
        }
    };
    // What is still under way then is given up, and its telemetry counted as dropped by the shutdown.
    let _ = timeout(LAST_REQUESTS, last_requests).await;
    let report = shop.telemetry.client.shutdown(deadline.unwrap_or(ORPHANED)).await;
    let Some(_) = deadline else {
        return Err("the demo is gone".into());
    };
    let (claims, unclaimed) = shop.telemetry.witness.take();
    for claims in claims {
        reports.send(Report::Claims(claims)).await;
    }
    let ledger = report.ledgers.into_iter().next().unwrap_or_default();
    reports.send(Report::Ended(Account { ledger, complete: report.complete, unclaimed })).await;
    drop((shop, reports));
    // All senders are gone but those in requests that were given up; the last message is through after this in any case.
    let _ = timeout(LAST_REQUESTS, writing).await;
    Ok(())
}

/// Reads standard input on a task of its own, for a message that is half read must not be abandoned.
fn read_orders() -> mpsc::Receiver<io::Result<Order>> {
    let (sender, orders) = mpsc::channel(4);
    tokio::spawn(async move {
        let mut input = BufReader::new(tokio::io::stdin());
        while let Some(order) = message::next(&mut input).await.transpose() {
            let is_last = order.is_err();
            if sender.send(order).await.is_err() || is_last {
                break;
            }
        }
    });
    orders
}

/// Listens where it is told to, or anywhere if that port is taken.
async fn listen(settings: &Settings, reports: &Reports) -> io::Result<TcpListener> {
    match TcpListener::bind((Ipv4Addr::LOCALHOST, settings.port)).await {
        Err(error) if settings.port != 0 => {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
            let port = settings.port;
            let address = listener.local_addr()?;
            reports.send(Report::Said(format!("cannot listen on port {port} ({error}); listens on {address}"))).await;
            Ok(listener)
        }
        bound => bound,
    }
}

fn served(service: Service, shop: &Arc<Shop>) -> Served {
    let only = |router| Served { router, work: None };
    match service {
        Service::ApiGateway => only(gateway::routes(shop)),
        Service::User => only(user::routes(shop)),
        Service::Order => only(orders::routes(shop)),
        Service::Payment => only(payment::routes(shop)),
        Service::Notification => notification::served(shop),
    }
}

/// Obeys until told to stop, reporting the ledger meanwhile; how long the end may take, or `None` if the demo is gone.
async fn obey(
    orders: &mut mpsc::Receiver<io::Result<Order>>,
    shop: &Shop,
    reports: &Reports,
    is_mortal: bool,
) -> Option<Duration> {
    let mut progress = interval(if is_mortal { PROGRESS_OF_MORTAL } else { PROGRESS });
    progress.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        tokio::select! {
            order = orders.recv() => match order {
                Some(Ok(Order::Peers(peers))) => shop.meet(peers),
                Some(Ok(Order::Receivers(receivers))) => shop.telemetry.found(&receivers),
                Some(Ok(Order::Stop { deadline_ms })) => return Some(Duration::from_millis(deadline_ms)),
                // A service begins once.
                Some(Ok(Order::Begin(_))) => {}
                Some(Err(_)) | None => return None,
            },
            _ = progress.tick() => {
                // Taken before the claims, so that none of its fates is without one.
                let ledger = shop.telemetry.client.ledger();
                let claims = if is_mortal { shop.telemetry.witness.take().0 } else { Vec::new() };
                for claims in claims {
                    reports.send(Report::Claims(claims)).await;
                }
                reports.send(Report::Progress(ledger)).await;
            }
        }
    }
}
