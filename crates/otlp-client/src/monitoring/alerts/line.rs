//! The way of notices to the task that posts them to one webhook: bounded, and counted, so that a shutdown can wait for what
//! is on it, and what a webhook never got is known.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use bytes::Bytes;
use tokio::sync::{mpsc, watch};

use super::{AlertNotice, webhook::Sender};
use crate::diagnostics::{DiagnosticSeverity, Diagnostics};

/// How many notices wait for a server at most.
const MOST_WAITING: usize = 64;

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

/// The end that notices are put on.
pub(super) struct Line {
    sender: Sender,
    bodies: mpsc::Sender<Bytes>,
    waiting: watch::Sender<usize>,
    lost: Lost,
    diagnostics: Arc<Diagnostics>,
}

/// The end at the webhook. What is on the line when it is dropped is lost, and said to be.
pub(super) struct Inbox {
    sender: Sender,
    bodies: mpsc::Receiver<Bytes>,
    waiting: watch::Sender<usize>,
    lost: Lost,
    diagnostics: Arc<Diagnostics>,
}

/// A line to the webhook of `sender`.
pub(super) fn line(sender: &Sender, lost: &Lost, diagnostics: &Arc<Diagnostics>) -> (Line, Inbox) {
    let (bodies, inbox) = mpsc::channel(MOST_WAITING);
    let waiting = watch::Sender::new(0);
    let (sender, lost, diagnostics) = (sender.clone(), lost.clone(), Arc::clone(diagnostics));
    let end = Inbox {
        sender: sender.clone(),
        bodies: inbox,
        waiting: waiting.clone(),
        lost: lost.clone(),
        diagnostics: Arc::clone(&diagnostics),
    };
    (Line { sender, bodies, waiting, lost, diagnostics }, end)
}

impl Line {
    /// Puts a notice on the line, if there is room.
    pub(super) fn post(&self, notice: &AlertNotice) {
        self.waiting.send_modify(|waiting| *waiting += 1);
        if self.bodies.try_send(self.sender.body(notice)).is_ok() {
            return;
        }
        self.waiting.send_modify(|waiting| *waiting -= 1);
        self.lost.add(1);
        let what = format_args!(
            "the alert webhook {} is too slow: {MOST_WAITING} notices wait, and this one is left out: {notice}",
            self.sender.host(),
        );
        self.diagnostics.say(DiagnosticSeverity::Warning, what);
    }

    /// Whether nothing is on the line.
    pub(super) fn is_empty(&self) -> bool {
        *self.waiting.borrow() == 0
    }

    /// What waits for this is told when the line is empty, also without the line.
    pub(super) fn emptied(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut waiting = self.waiting.subscribe();
        async move {
            // Without a sender nobody will ever empty it.
            let _ = waiting.wait_for(|waiting| *waiting == 0).await;
        }
    }
}

impl Inbox {
    /// Sends what comes in, one after the other, until nothing more can come.
    pub(super) async fn run(mut self) {
        while let Some(body) = self.bodies.recv().await {
            if let Err(message) = self.sender.deliver(body).await {
                self.lost.add(1);
                let what = format_args!("the alert webhook {} did not take a notice: {message}", self.sender.host());
                self.diagnostics.say(DiagnosticSeverity::Warning, what);
            }
            self.waiting.send_modify(|waiting| *waiting -= 1);
        }
    }
}

impl Drop for Inbox {
    fn drop(&mut self) {
        let waiting = *self.waiting.borrow();
        if waiting > 0 {
            self.lost.add(waiting);
            let what = format_args!(
                "the alerts ended before the webhook {} had taken everything: it did not get {waiting} {}",
                self.sender.host(),
                if waiting == 1 { "notice" } else { "notices" },
            );
            self.diagnostics.say(DiagnosticSeverity::Warning, what);
        }
    }
}
