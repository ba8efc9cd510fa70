//! [`AlertManager`]: watches the rules on the client's background thread, and tells the sinks.

use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::Duration,
};

use parking_lot::Mutex;
use tokio::{
    runtime::Handle,
    task::JoinSet,
    time::{Instant, MissedTickBehavior, timeout},
};

use super::{
    AlertNotice, AlertRule, AlertSeverity, AlertSink, AlertStatus, defaults,
    evaluator::Evaluator,
    line::{Line, Lost, line},
    sink::SinkKind,
    webhook::Sender,
};
use crate::{
    diagnostics::{DiagnosticSeverity, Diagnostics},
    monitoring::{MonitoringError, PerformanceMonitor, sampler::Wanted},
};

/// How often the rules are looked at.
const INTERVAL: Duration = Duration::from_secs(1);

/// What was chosen of the alerts.
#[derive(Default)]
pub(crate) struct AlertSettings {
    /// Where nobody named any, the default ones.
    pub(crate) rules: Option<Vec<AlertRule>>,
    /// Where nobody named any, the messages of the client.
    pub(crate) sinks: Vec<AlertSink>,
    /// Whether they are watched from the build of the client on.
    pub(crate) are_watched: bool,
}

/// Watches rules over the figures of a client, once a second, and tells sinks when one fires and when it is over.
///
/// Unless the client was built with others, it watches four rules: items are dropped, a queue is more than 80 % full, an
/// endpoint has been down for a minute, a disk queue does not work. Notices go to the messages of the client about itself,
/// unless it was built with sinks.
///
/// It is a handle: clones are the same alerts, and keep no client alive. They end with the client: its shutdown gives
/// webhooks a quarter of its deadline, at most 2 s, for the notices that wait for them, and tries those at once that wait for
/// another attempt. What a webhook has not taken then, or when the last client is dropped without a shutdown, is lost, which
/// is said and counted ([`AlertManager::lost_notices`]).
///
/// ```no_run
/// # async fn run(client: otlp_client::EnhancedOtlpClient) -> Result<(), Box<dyn std::error::Error>> {
/// let alerts = client.get_alert_manager().await?;
/// alerts.start().await?;
/// for status in alerts.alerts() {
///     println!("{}: {} ({:?})", status.rule.name(), status.state, status.value);
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct AlertManager {
    shared: Arc<Shared>,
}

struct Shared {
    monitor: PerformanceMonitor,
    evaluator: Mutex<Evaluator>,
    /// Notices that came about outside of the task.
    outbox: Mutex<Vec<AlertNotice>>,
    sinks: Vec<Sink>,
    lost: Lost,
    diagnostics: Arc<Diagnostics>,
    runtime: Handle,
    running: Mutex<Option<Running>>,
}

/// Alerts that are watched.
struct Running {
    /// The ways to the webhooks.
    lines: Arc<[Line]>,
    /// The task that watches and those that send. Ended by dropping it.
    _tasks: JoinSet<()>,
}

/// A sink that is ready to be told.
enum Sink {
    Log,
    Callback(Arc<dyn Fn(&AlertNotice) + Send + Sync>),
    Webhook(Box<Sender>),
}

impl AlertManager {
    pub(in crate::monitoring) fn new(
        monitor: PerformanceMonitor,
        settings: AlertSettings,
        diagnostics: Arc<Diagnostics>,
        runtime: Handle,
        service: Option<&str>,
    ) -> Result<Self, MonitoringError> {
        let rules = settings.rules.unwrap_or_else(defaults::rules);
        AlertRule::validate_all(&rules)?;
        let sink = |sink: &AlertSink| match &sink.kind {
            SinkKind::Log => Ok(Sink::Log),
            SinkKind::Callback(act) => Ok(Sink::Callback(Arc::clone(act))),
            SinkKind::Webhook(webhook) => webhook.build(service).map(|sender| Sink::Webhook(Box::new(sender))),
        };
        let mut sinks = settings.sinks.iter().map(sink).collect::<Result<Vec<_>, _>>()?;
        if sinks.is_empty() {
            sinks.push(Sink::Log);
        }
        let shared = Shared {
            monitor,
            evaluator: Mutex::new(Evaluator::new(rules)),
            outbox: Mutex::default(),
            sinks,
            lost: Lost::default(),
            diagnostics,
            runtime,
            running: Mutex::default(),
        };
        Ok(AlertManager { shared: Arc::new(shared) })
    }

    /// Watches the rules from now on. Alerts that are watched already go on as they are.
    ///
    /// # Errors
    ///
    /// [`MonitoringError::ShutDown`] after the shutdown of the client.
    pub async fn start(&self) -> Result<(), MonitoringError> {
        self.watch()
    }

    /// As [`AlertManager::start`].
    pub(in crate::monitoring) fn watch(&self) -> Result<(), MonitoringError> {
        if self.is_client_shut_down() {
            return Err(MonitoringError::ShutDown);
        }
        let mut running = self.shared.running.lock();
        if running.is_some() {
            return Ok(());
        }
        self.shared.monitor.sampler().start(Wanted::ByAlerts);
        let rules = self.rules();
        *self.shared.evaluator.lock() = Evaluator::new(rules);
        // What came about before the last stop is nobody's business any more.
        self.shared.outbox.lock().clear();
        let mut tasks = JoinSet::new();
        let mut lines = Vec::new();
        for sink in &self.shared.sinks {
            let Sink::Webhook(sender) = sink else { continue };
            let (line, inbox) = line(sender, &self.shared.lost, &self.shared.diagnostics);
            tasks.spawn_on(inbox.run(), &self.shared.runtime);
            lines.push(line);
        }
        let lines: Arc<[Line]> = lines.into();
        tasks.spawn_on(watch(Arc::clone(&self.shared), Arc::clone(&lines)), &self.shared.runtime);
        *running = Some(Running { lines, _tasks: tasks });
        Ok(())
    }

    /// Watches nothing any more. Nobody is told, what waits for a webhook is lost, and what was firing fires anew after the
    /// next start, if it still holds.
    pub fn stop(&self) {
        if self.shared.running.lock().take().is_some() {
            self.shared.monitor.sampler().stop(Wanted::ByAlerts);
        }
    }

    /// Whether the rules are watched.
    pub fn is_running(&self) -> bool {
        self.shared.running.lock().is_some() && !self.is_client_shut_down()
    }

    /// The rules.
    pub fn rules(&self) -> Vec<AlertRule> {
        self.shared.evaluator.lock().rules()
    }

    /// Replaces the rules. One that is as it was keeps its state; one that was firing and is there no more is resolved.
    ///
    /// # Errors
    ///
    /// A rule that cannot work; then the old ones stay.
    pub fn set_rules(&self, rules: impl IntoIterator<Item = AlertRule>) -> Result<(), MonitoringError> {
        let rules: Vec<AlertRule> = rules.into_iter().collect();
        AlertRule::validate_all(&rules)?;
        let notices = self.shared.evaluator.lock().replace(rules, Instant::now());
        if self.is_running() {
            self.shared.outbox.lock().extend(notices);
        }
        Ok(())
    }

    /// As [`AlertManager::set_rules`]; `None` for the default ones.
    pub(crate) fn set_rules_or_default(&self, rules: Option<Vec<AlertRule>>) -> Result<(), MonitoringError> {
        self.set_rules(rules.unwrap_or_else(defaults::rules))
    }

    /// How all rules stand, in their order.
    pub fn alerts(&self) -> Vec<AlertStatus> {
        self.shared.evaluator.lock().status(Instant::now())
    }

    /// How many notices did not reach a webhook: it refused them, was too slow for them, or the alerts ended first. A notice
    /// counts once for each webhook that did not take it.
    pub fn lost_notices(&self) -> u64 {
        self.shared.lost.count()
    }

    /// Whether somebody has yet to be told something.
    pub(crate) fn is_telling(&self) -> bool {
        let running = self.shared.running.lock();
        let Some(Running { lines, .. }) = &*running else { return false };
        !self.shared.outbox.lock().is_empty() || lines.iter().any(|line| !line.is_empty())
    }

    /// Tells everybody what there is to tell, within this time, and ends the alerts. What is on the runtime of the client
    /// only.
    pub(crate) async fn tell_the_rest(&self, limit: Duration) {
        let lines = match &*self.shared.running.lock() {
            Some(running) => Arc::clone(&running.lines),
            None => return,
        };
        let notices = std::mem::take(&mut *self.shared.outbox.lock());
        for notice in &notices {
            self.shared.tell(notice, &lines);
        }
        for sink in &self.shared.sinks {
            if let Sink::Webhook(sender) = sink {
                sender.hurry();
            }
        }
        let emptied = async {
            for line in lines.iter() {
                line.emptied().await;
            }
        };
        // What is not told by then is counted where the line ends.
        let _ = timeout(limit, emptied).await;
        self.stop();
    }

    fn is_client_shut_down(&self) -> bool {
        self.shared.monitor.source().pipeline.is_shut_down()
    }
}

impl fmt::Debug for AlertManager {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AlertManager").field("alerts", &self.alerts()).finish_non_exhaustive()
    }
}

async fn watch(shared: Arc<Shared>, lines: Arc<[Line]>) {
    let mut ticks = tokio::time::interval(INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let source = shared.monitor.source();
        let mut notices = std::mem::take(&mut *shared.outbox.lock());
        notices.extend(shared.evaluator.lock().evaluate(|metric| metric.read(source), Instant::now()));
        // No lock is held: a callback may ask for the alerts, or replace the rules.
        for notice in &notices {
            shared.tell(notice, &lines);
        }
    }
}

impl Shared {
    fn tell(&self, notice: &AlertNotice, lines: &[Line]) {
        for sink in &self.sinks {
            match sink {
                Sink::Log => self.diagnostics.say(severity(notice), notice),
                Sink::Callback(act) => {
                    if catch_unwind(AssertUnwindSafe(|| act(notice))).is_err() {
                        self.diagnostics.say(DiagnosticSeverity::Warning, "a callback of the alerts panicked");
                    }
                }
                Sink::Webhook(_) => {}
            }
        }
        for line in lines {
            line.post(notice);
        }
    }
}

/// How bad a notice is among the messages of the client.
fn severity(notice: &AlertNotice) -> DiagnosticSeverity {
    match notice.severity() {
        _ if notice.is_resolved() => DiagnosticSeverity::Info,
        AlertSeverity::Info => DiagnosticSeverity::Info,
        AlertSeverity::Warning => DiagnosticSeverity::Warning,
        AlertSeverity::Critical => DiagnosticSeverity::Error,
    }
}
