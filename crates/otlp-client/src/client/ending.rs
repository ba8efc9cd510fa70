//! Flush, persist and shutdown: what a program waits for before it goes on or ends.

use std::{
    sync::{Arc, mpsc},
    time::{Duration, Instant},
};

use otlp_batch::{Report, within};
use otlp_discovery::Discovery;
use tokio::sync::oneshot;

use super::{EnhancedOtlpClient, Parts};
use crate::{diagnostics::DiagnosticSeverity, leaving, logging::Message};

impl EnhancedOtlpClient {
    /// Delivers everything that was recorded before the call, on all threads, metrics included; waits for at most
    /// `deadline`. Waits between attempts end at once.
    ///
    /// Cancelling the future stops the waiting and not the flush.
    pub async fn flush(&self, deadline: Duration) -> Report {
        self.inner.reported("flush", self.inner.pipeline.flush(deadline).await)
    }

    /// As [`EnhancedOtlpClient::flush`], blocking. Works inside and outside of any runtime.
    pub fn flush_blocking(&self, deadline: Duration) -> Report {
        self.inner.reported("flush", self.inner.pipeline.flush_blocking(deadline))
    }

    /// Sees to it that everything that was recorded before the call is in the disk queue, unless it is delivered; waits
    /// for at most `deadline`. [`Report::durable`] says whether that is so: then neither a crash nor a power cut loses it.
    /// Metrics are collected first, and part of it. Without a disk queue, it waits for the delivery.
    ///
    /// Cancelling the future stops the waiting and nothing else.
    pub async fn persist(&self, deadline: Duration) -> Report {
        self.inner.reported("persist", self.inner.pipeline.persist(deadline).await)
    }

    /// As [`EnhancedOtlpClient::persist`], blocking. Works inside and outside of any runtime.
    pub fn persist_blocking(&self, deadline: Duration) -> Report {
        self.inner.reported("persist", self.inner.pipeline.persist_blocking(deadline))
    }

    /// Takes no more records, delivers what there is, and ends the background thread. What is not delivered after
    /// `deadline` is kept in the disk queue, for which the last quarter of that time is set aside, at most a second.
    /// Without one, it is dropped and counted.
    ///
    /// Cancelling the future stops the waiting and not the shutdown.
    pub async fn shutdown(&self, deadline: Duration) -> Report {
        let begun = Instant::now();
        let (sender, left) = oneshot::channel();
        if self.leave(deadline, move || {
            let _ = sender.send(());
        }) {
            // Should the background thread be blocked, nobody says so.
            let _ = within(leaving::limit(deadline), left).await;
        }
        let rest = deadline.saturating_sub(begun.elapsed());
        self.inner.reported("shutdown", self.inner.pipeline.shutdown(rest).await)
    }

    /// As [`EnhancedOtlpClient::shutdown`], blocking. Works inside and outside of any runtime.
    pub fn shutdown_blocking(&self, deadline: Duration) -> Report {
        let begun = Instant::now();
        let (sender, left) = mpsc::sync_channel(1);
        if self.leave(deadline, move || {
            let _ = sender.send(());
        }) {
            let _ = left.recv_timeout(leaving::limit(deadline));
        }
        let rest = deadline.saturating_sub(begun.elapsed());
        self.inner.reported("shutdown", self.inner.pipeline.shutdown_blocking(rest))
    }

    /// Takes this service out of the registry, and tells the alerts that are not told, if there are any; then begins the
    /// shutdown, whoever waits for it. `false` if there is nothing of this, and nothing happens.
    fn leave(&self, deadline: Duration, told: impl FnOnce() + Send + 'static) -> bool {
        let alerts = &self.inner.monitoring.alerts;
        let registered = self.inner.discovery.clone().filter(Discovery::is_registered);
        if registered.is_none() && !alerts.is_telling() {
            return false;
        }
        let (limit, alerts, inner) = (leaving::limit(deadline), alerts.clone(), Arc::clone(&self.inner));
        let before = async move {
            let deregistered = async {
                if let Some(discovery) = registered {
                    // Where it cannot be told, the registry finds out by itself.
                    let _ = discovery.deregister(limit).await;
                }
            };
            tokio::join!(deregistered, alerts.tell_the_rest(limit));
        };
        let shut_down = move |rest| async move { inner.pipeline.shutdown(rest).await };
        leaving::leave(self.inner.pipeline.runtime(), deadline, before, shut_down, told);
        true
    }
}

impl Parts {
    /// Says how a flush, a persist or a shutdown went.
    fn reported(&self, what: &'static str, report: Report) -> Report {
        self.diagnostics.say_with(DiagnosticSeverity::Debug, || {
            Message::from(format!("{what}: {report}")).field("complete", report.complete)
        });
        report
    }
}
