//! What runs on the background thread: sweeps, collections, dispatchers, and the commands of flush and shutdown.

use std::{pin::pin, sync::Arc, time::Duration};

use otlp_core::Signal;
use tokio::{
    sync::{mpsc, watch},
    time::{Instant, MissedTickBehavior},
};

use super::Report;
use crate::{Intake, Producer, destination::Lane, dispatcher};

/// Called on the background thread, again and again.
pub(super) type OnTick = Box<dyn Fn() + Send>;

/// Called when a flush or a shutdown begins.
pub(super) type OnHurry = Box<dyn Fn() + Send + Sync>;

pub(super) enum Command {
    Flush {
        deadline: Instant,
        reply: Reply,
    },
    Persist {
        deadline: Instant,
        reply: Reply,
    },
    ShutDown {
        deadline: Instant,
        reply: Reply,
    },
    /// Metrics are to be collected that often from now on.
    CollectEvery(Duration),
}

pub(super) type Reply = Box<dyn FnOnce(Report) + Send>;

/// The longest between two looks at what is due.
const TICK: Duration = Duration::from_secs(1);

/// At least this long a shutdown waits for disk queues to keep what was not delivered, whatever its deadline.
const TO_KEEP: Duration = Duration::from_millis(200);

/// What runs on the background thread.
pub(super) struct Background {
    pub(super) intake: Intake,
    /// After how long batches close, if ever.
    pub(super) batch_timeout: Option<Duration>,
    pub(super) metric_interval: Duration,
    pub(super) on_tick: Option<OnTick>,
    pub(super) on_hurry: Option<OnHurry>,
}

impl Background {
    pub(super) async fn run(self, mut inbox: mpsc::UnboundedReceiver<Command>) {
        let (stop, stopped) = watch::channel(false);
        let mut dispatchers = tokio::task::JoinSet::new();
        for destination in self.intake.shared().destinations() {
            for signal in Signal::ALL {
                let (lane, exporter) = (Arc::clone(destination.lane(signal)), Arc::clone(&destination.exporter));
                dispatchers.spawn(dispatcher::run(lane, exporter, stopped.clone()));
            }
        }

        let tick = self.batch_timeout.unwrap_or(TICK).min(TICK);
        let mut ticks = tokio::time::interval(tick);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut swept = Instant::now();
        let mut collections = every(self.metric_interval);
        let (deadline, reply) = loop {
            tokio::select! {
                biased;
                command = inbox.recv() => match command {
                    Some(Command::Flush { deadline, reply }) => {
                        tokio::spawn(wait(self.intake.clone(), self.flush(deadline), deadline, reply));
                    }
                    Some(Command::Persist { deadline, reply }) => {
                        tokio::spawn(wait_until_durable(self.intake.clone(), self.persist(), deadline, reply));
                    }
                    Some(Command::CollectEvery(interval)) => collections = every(interval),
                    Some(Command::ShutDown { deadline, reply }) => break (deadline, Some(reply)),
                    None => break (Instant::now(), None),
                },
                () = self.intake.shared().refused() => self.intake.shared().tell_refused(),
                _ = collections.tick() => {
                    self.ask_producers(|producer, intake| producer.produce(intake));
                    // Nothing will be added to them before the next collection.
                    self.intake.shared().sweep_of(&[Signal::Metrics]);
                }
                now = ticks.tick() => {
                    self.intake.shared().lanes().for_each(|lane| lane.queue().check());
                    if let Some(on_tick) = &self.on_tick {
                        on_tick();
                    }
                    self.ask_producers(|producer, intake| producer.tick(intake));
                    let shared = self.intake.shared();
                    let is_due = self.batch_timeout.is_some_and(|timeout| now.duration_since(swept) + tick / 2 >= timeout);
                    // When memory is short, what stands open goes on its way: only so does its memory come back.
                    let was_short = shared.pool().tend(now.into_std());
                    if is_due || was_short {
                        swept = now;
                        shared.sweep();
                    } else {
                        shared.retire_threads();
                    }
                }
            }
        };

        self.flush(deadline);
        self.ask_producers(|producer, intake| producer.close(intake));
        let last = self.intake.shared().close();
        done_with(&self.intake, last, self.deliver_until(deadline)).await;
        let _ = stop.send(true);
        while dispatchers.join_next().await.is_some() {}
        self.close_queues(deadline).await;
        let last_report = Report::now(&self.intake, u64::MAX);
        let mut replies: Vec<Reply> = reply.into_iter().collect();
        inbox.close();
        while let Ok(command) = inbox.try_recv() {
            match command {
                Command::Flush { reply, .. } | Command::Persist { reply, .. } | Command::ShutDown { reply, .. } => {
                    replies.push(reply);
                }
                Command::CollectEvery(_) => {}
            }
        }
        replies.into_iter().for_each(|reply| reply(last_report.clone()));
    }

    fn ask_producers(&self, question: impl Fn(&dyn Producer, &Intake)) {
        self.intake.shared().for_each_producer(|producer| question(producer, &self.intake));
    }

    /// Brings everything accepted so far into the queues, and holds none of it back until the deadline; the highest
    /// sequence there.
    fn flush(&self, deadline: Instant) -> u64 {
        let shared = self.intake.shared();
        self.ask_producers(|producer, intake| producer.produce(intake));
        self.ask_producers(|producer, intake| producer.release(intake));
        let last = shared.sweep();
        shared.lanes().for_each(|lane| lane.hurry(deadline));
        if let Some(on_hurry) = &self.on_hurry {
            on_hurry();
        }
        last
    }

    /// Asks the queues to keep everything accepted so far, and what the producers have; the highest sequence of it.
    fn persist(&self) -> u64 {
        let shared = self.intake.shared();
        self.ask_producers(|producer, intake| producer.produce(intake));
        self.ask_producers(|producer, intake| producer.release(intake));
        let last = shared.sweep();
        shared.lanes().for_each(|lane| lane.queue().persist(last));
        last
    }

    /// Until when a shutdown delivers: what is left of its time is for keeping the rest, if something can keep it.
    fn deliver_until(&self, deadline: Instant) -> Instant {
        if !self.intake.shared().lanes().any(|lane| lane.queue().is_durable()) {
            return deadline;
        }
        let left = deadline.saturating_duration_since(Instant::now());
        deadline - (left / 4).min(Duration::from_secs(1))
    }

    /// Lets the queues keep what has no fate; what they cannot keep is dropped. What a disk does not answer for in time
    /// is still pending: it may be kept, or not.
    async fn close_queues(&self, deadline: Instant) {
        let shared = self.intake.shared();
        shared.lanes().for_each(|lane| lane.queue().close());
        let deadline = deadline.max(Instant::now() + TO_KEEP);
        all_lanes(&self.intake, deadline, |lane| lane.queue().is_closed()).await;
        shared.lanes().filter(|lane| lane.queue().is_closed()).for_each(|lane| lane.drop_rest());
        shared.tell_refused();
    }
}

/// Answers when everything up to `last` has its fate, or at the deadline.
async fn wait(intake: Intake, last: u64, deadline: Instant, reply: Reply) {
    let complete = done_with(&intake, last, deadline).await;
    reply(Report { complete, ..Report::now(&intake, last) });
}

/// Answers when everything up to `last` is durable or has its fate, or at the deadline.
async fn wait_until_durable(intake: Intake, last: u64, deadline: Instant, reply: Reply) {
    all_lanes(&intake, deadline, |lane| lane.queue().is_persisted(last)).await;
    reply(Report::now(&intake, last));
}

/// Whether everything up to `last` has its fate before the deadline.
async fn done_with(intake: &Intake, last: u64, deadline: Instant) -> bool {
    all_lanes(intake, deadline, |lane| lane.is_done_with(last)).await
}

/// Whether `is_so` of each lane before the deadline.
async fn all_lanes(intake: &Intake, deadline: Instant, is_so: impl Fn(&Lane) -> bool) -> bool {
    for lane in intake.shared().lanes() {
        loop {
            let mut left = pin!(lane.left.notified());
            // Registered before the look, so that what leaves in between is not missed.
            left.as_mut().enable();
            if is_so(lane) {
                break;
            }
            if tokio::time::timeout_at(deadline, left).await.is_err() {
                return false;
            }
        }
    }
    true
}

/// The times at which metrics are collected: the first after one interval.
fn every(interval: Duration) -> tokio::time::Interval {
    let mut times = tokio::time::interval_at(Instant::now() + interval, interval);
    times.set_missed_tick_behavior(MissedTickBehavior::Delay);
    times
}
