//! The way of reports to the demo: a bounded queue and one task that writes standard output.

use tokio::{
    io::AsyncWriteExt,
    sync::{mpsc, oneshot},
    task::JoinHandle,
};

use crate::demo::message::{self, Report};

/// Where reports are handed in. Clones are the same way.
#[derive(Clone)]
pub(super) struct Reports(mpsc::Sender<Message>);

struct Message {
    report: Report,
    /// Dropped when the report is written.
    written: Option<oneshot::Sender<()>>,
}

impl Reports {
    /// Hands in a report, waiting for room. If the demo is gone, nobody wants it.
    pub(super) async fn send(&self, report: Report) {
        let _ = self.0.send(Message { report, written: None }).await;
    }

    /// Hands in a report and waits until it is written, so that not even a kill can hold it back.
    pub(super) async fn say(&self, report: Report) {
        let (written, is_written) = oneshot::channel();
        let _ = self.0.send(Message { report, written: Some(written) }).await;
        // An error means that it was dropped, as it is either way.
        let _ = is_written.await;
    }

    /// Hands in a report from a thread that must not wait; it is left out if there is no room.
    pub(super) fn offer(&self, report: Report) {
        let _ = self.0.try_send(Message { report, written: None });
    }
}

/// Starts writing. The task ends when all handles are gone, or the demo is.
pub(super) fn to_standard_output() -> (Reports, JoinHandle<()>) {
    let (sender, mut reports) = mpsc::channel(64);
    let writing = tokio::spawn(async move {
        let mut output = tokio::io::stdout();
        while let Some(Message { report, written }) = reports.recv().await {
            let Ok(line) = message::line(&report) else { continue };
            if output.write_all(line.as_bytes()).await.is_err() || output.flush().await.is_err() {
                break;
            }
            drop(written);
        }
    });
    (Reports(sender), writing)
}
