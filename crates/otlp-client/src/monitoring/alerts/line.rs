//! The way of notices to the task that posts them to one webhook: bounded, and counted, so that a shutdown can wait for what
//! is on it, and what a webhook never got is known.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use parking_lot::Mutex;
use tokio::sync::watch;

use super::{AlertNotice, waiting::Waiting, webhook::Sender};
use crate::diagnostics::{DiagnosticSeverity, Diagnostics, Recent};

/// How many notices no webhook took. Clones are the same count.
#[derive(Clone, Default)]
pub(super) struct Lost(Arc<AtomicU64>);

impl Lost {
    pub(super) fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    fn add(&self, notices: usize) {
        self.0.fetch_add(notices as u64, Ordering::Relaxed);
    }
}

/// What both ends have.
struct Shared {
    sender: Sender,
    waiting: Mutex<Waiting>,
    /// How many wait, with the one that is being sent.
    count: watch::Sender<usize>,
    lost: Lost,
    /// What was said of notices that were left out, and of those that were not taken: not of a thousand one by one.
    left_out: Recent,
    refused: Recent,
    diagnostics: Arc<Diagnostics>,
}

/// The end that notices are put on.
pub(super) struct Line(Arc<Shared>);

/// The end at the webhook. What is on the line when it is dropped is lost, and said to be.
pub(super) struct Inbox(Arc<Shared>);

/// A line to the webhook of `sender`.
pub(super) fn line(sender: &Sender, lost: &Lost, diagnostics: &Arc<Diagnostics>) -> (Line, Inbox) {
    let shared = Arc::new(Shared {
        sender: sender.clone(),
        waiting: Mutex::default(),
        count: watch::Sender::new(0),
        lost: lost.clone(),
        left_out: Recent::default(),
        refused: Recent::default(),
        diagnostics: Arc::clone(diagnostics),
    });
    (Line(Arc::clone(&shared)), Inbox(shared))
}

impl Shared {
    fn warn(&self, recent: &Recent, what: fmt::Arguments<'_>) {
        self.diagnostics.limited_by(recent, DiagnosticSeverity::Warning, || what.to_string());
    }
}

impl Line {
    /// Puts a notice on the line.
    pub(super) fn post(&self, notice: &AlertNotice) {
        let Line(shared) = self;
        // Before it is there: what is taken was counted.
        shared.count.send_modify(|count| *count += 1);
        let left_out = shared.waiting.lock().put(notice);
        if left_out > 0 {
            shared.count.send_modify(|count| *count -= left_out);
            shared.lost.add(left_out);
            let host = shared.sender.host();
            let what =
                format_args!("the alert webhook {host} is too slow: notices are left out, {left_out} for: {notice}");
            shared.warn(&shared.left_out, what);
        }
    }

    /// Whether nothing is on the line.
    pub(super) fn is_empty(&self) -> bool {
        *self.0.count.borrow() == 0
    }

    /// What waits for this is told when the line is empty, also without the line.
    pub(super) fn emptied(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut count = self.0.count.subscribe();
        async move {
            // Without a sender nobody will ever empty it.
            let _ = count.wait_for(|count| *count == 0).await;
        }
    }
}

impl Inbox {
    /// Sends what comes in, one after the other, for as long as it is polled.
    pub(super) async fn run(self) {
        let Inbox(shared) = &self;
        let mut count = shared.count.subscribe();
        loop {
            let next = shared.waiting.lock().next();
            let Some(notice) = next else {
                // The sender is ours as well.
                let _ = count.wait_for(|count| *count > 0).await;
                continue;
            };
            if let Err(message) = shared.sender.deliver(shared.sender.body(&notice)).await {
                shared.lost.add(1);
                let host = shared.sender.host();
                shared.warn(&shared.refused, format_args!("the alert webhook {host} did not take a notice: {message}"));
            }
            shared.count.send_modify(|count| *count -= 1);
        }
    }
}

impl Drop for Inbox {
    fn drop(&mut self) {
        let Inbox(shared) = self;
        let waiting = *shared.count.borrow();
        if waiting > 0 {
            shared.lost.add(waiting);
            let what = format_args!(
                "the alerts ended before the webhook {} had taken everything: it did not get {waiting} {}",
                shared.sender.host(),
                if waiting == 1 { "notice" } else { "notices" },
            );
            shared.diagnostics.say(DiagnosticSeverity::Warning, what);
        }
    }
}
