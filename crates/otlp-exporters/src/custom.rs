//! The user's own exporter, over owned data.

use std::{error::Error, time::Duration};

use async_trait::async_trait;
use otlp_batch::{Batch, MemoryBudget};
use otlp_core::{
    ErrorKind, ExportError, Outcome, PartialSuccess, RetryableFailure, Signal,
    data::{LogData, MetricData, SpanData},
};

use crate::{Attempt, owned};

/// What users write to send telemetry somewhere else: they get owned data and say what became of it.
///
/// The client calls it on its background thread, with retries around it. An `Err` is taken for a passing failure and
/// tried again as the retry policy says; say [`ExportResult::Failure`] for what will never be taken.
///
/// # What it may do, and what comes of it
///
/// | the exporter | the items | other destinations |
/// |---|---|---|
/// | takes longer than the time of an attempt | the future is dropped in the middle, and they are offered again, so they may arrive twice; counted as an acknowledgement lost | go on |
/// | takes nothing for long | wait, and are dropped for it alone once there is no room for more | go on |
/// | panics | are dropped, by the reason `exporter_panicked` | go on |
/// | says that more were refused than it was given | are all refused | go on |
/// | asks for a retry in years | are offered again after a day at the latest, and given up if that is beyond the retry policy | go on |
/// | records telemetry of its own | are new items of the next batch, which it is given too: a loop of its own making, which ends with the client | go on |
/// | blocks the thread, as with `std::thread::sleep` or a blocking client | wait | **wait as long**, for they share the thread |
///
/// A thread that is blocked cannot be taken back. An exporter that has to block does so in `tokio::task::spawn_blocking`,
/// which works here. Where one blocks all the same, the program is not held up:
/// recording goes on, and flush and shutdown return at their deadline with a ledger that balances.
///
/// ```
/// use otlp_exporters::{ExportResult, Exporter, async_trait};
/// use otlp_core::data::{LogData, MetricData, SpanData};
///
/// struct Names;
///
/// #[async_trait]
/// impl Exporter for Names {
///     async fn export_spans(&self, spans: Vec<SpanData>) -> Result<ExportResult, Box<dyn std::error::Error + Send + Sync>> {
///         for span in spans {
///             println!("{} {}", span.trace_id, span.name);
///         }
///         Ok(ExportResult::Success)
///     }
///     async fn export_metrics(&self, _: Vec<MetricData>) -> Result<ExportResult, Box<dyn std::error::Error + Send + Sync>> {
///         Ok(ExportResult::Success)
///     }
///     async fn export_logs(&self, _: Vec<LogData>) -> Result<ExportResult, Box<dyn std::error::Error + Send + Sync>> {
///         Ok(ExportResult::Success)
///     }
/// }
/// ```
#[async_trait]
pub trait Exporter: Send + Sync {
    /// A name for the ledger.
    fn name(&self) -> String {
        "custom exporter".to_owned()
    }

    /// Takes finished spans.
    async fn export_spans(&self, spans: Vec<SpanData>) -> Result<ExportResult, Box<dyn Error + Send + Sync>>;

    /// Takes metrics. The items that the ledger counts are their points.
    async fn export_metrics(&self, metrics: Vec<MetricData>) -> Result<ExportResult, Box<dyn Error + Send + Sync>>;

    /// Takes log records.
    async fn export_logs(&self, logs: Vec<LogData>) -> Result<ExportResult, Box<dyn Error + Send + Sync>>;
}

/// What an [`Exporter`] says of the items it was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExportResult {
    /// All are where they belong.
    Success,
    /// Some were refused for good; the others are where they belong.
    PartialSuccess {
        /// How many were refused.
        rejected: u64,
        /// Why.
        message: String,
    },
    /// None was taken, and none ever will be.
    Failure,
    /// None was taken; the same items may be offered again.
    Retry {
        /// No sooner than this, of which a day counts at most; `None` leaves it to the retry policy.
        after: Option<Duration>,
    },
}

/// The longest delay that an exporter is obeyed in, as receivers are.
const LONGEST_DELAY: Duration = Duration::from_secs(24 * 3600);

/// How much of what an exporter says is repeated, in characters.
const LONGEST_TEXT: usize = 1_000;

/// Brings an [`Exporter`] into the place of a destination.
pub struct OwnedDataExporter(Box<dyn Exporter>);

impl OwnedDataExporter {
    /// Adapts `exporter`.
    pub fn new(exporter: Box<dyn Exporter>) -> Self {
        OwnedDataExporter(exporter)
    }
}

impl Attempt for OwnedDataExporter {
    /// The batch itself: its bytes are shared, and each attempt gets owned data of its own.
    type Prepared = Batch;

    fn name(&self) -> String {
        self.0.name()
    }

    fn prepare(&self, batch: &Batch, _memory: &MemoryBudget) -> Result<Batch, ExportError> {
        Ok(batch.clone())
    }

    async fn attempt(&self, batch: &Batch) -> Outcome {
        let unreadable = |error| ExportError::new(ErrorKind::Destination, format!("cannot decode the batch: {error}"));
        let result = match batch.signal() {
            Signal::Traces => match owned::spans(batch) {
                Ok(spans) => self.0.export_spans(spans).await,
                Err(error) => return Outcome::Refused(unreadable(error)),
            },
            Signal::Metrics => match owned::metrics(batch) {
                Ok(metrics) => self.0.export_metrics(metrics).await,
                Err(error) => return Outcome::Refused(unreadable(error)),
            },
            Signal::Logs => match owned::logs(batch) {
                Ok(logs) => self.0.export_logs(logs).await,
                Err(error) => return Outcome::Refused(unreadable(error)),
            },
        };
        let destination = |message: String| ExportError::new(ErrorKind::Destination, message);
        match result {
            Ok(ExportResult::Success) => Outcome::delivered(),
            Ok(ExportResult::PartialSuccess { rejected, message }) => {
                Outcome::Delivered(PartialSuccess { rejected, message: cut(message) })
            }
            Ok(ExportResult::Failure) => {
                Outcome::Refused(destination(format!("{} refused the batch for good", self.0.name())))
            }
            Ok(ExportResult::Retry { after }) => Outcome::Retry(RetryableFailure {
                error: destination(format!("{} asked for a retry", self.0.name())),
                after: after.map(|after| after.min(LONGEST_DELAY)),
                acknowledgement_lost: false,
            }),
            Err(error) => Outcome::retry(destination(format!("{} failed: {}", self.0.name(), with_causes(&*error)))),
        }
    }
}

/// What an error says, and what it comes of: the errors of HTTP clients keep that apart, and without it nobody knows whether a
/// name was not found or a connection refused.
fn with_causes(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    // A chain of causes that never ends is a mistake of the exporter, and not to be followed.
    for _ in 0..8 {
        let Some(error) = cause else { break };
        let said = error.to_string();
        // Some repeat their cause in what they say themselves.
        if !text.ends_with(&said) {
            text = format!("{text}: {said}");
        }
        cause = error.source();
    }
    cut(text)
}

/// No more than fits a line of a log: some errors hold a whole answer.
fn cut(mut text: String) -> String {
    if let Some((end, _)) = text.char_indices().nth(LONGEST_TEXT) {
        text.truncate(end);
        text.push_str(" ...");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An error that says this, and comes of another one.
    #[derive(Debug)]
    struct Said(String, Option<Box<Said>>);

    impl std::fmt::Display for Said {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str(&self.0)
        }
    }

    impl Error for Said {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            self.1.as_deref().map(|cause| cause as _)
        }
    }

    fn said(what: &str, cause: Option<Said>) -> Said {
        Said(what.to_owned(), cause.map(Box::new))
    }

    #[test]
    fn an_error_is_told_with_what_it_comes_of_and_nothing_twice() {
        let error =
            said("error sending request", Some(said("cannot connect: no such name", Some(said("no such name", None)))));
        assert_eq!(with_causes(&error), "error sending request: cannot connect: no such name");
    }

    #[test]
    fn a_chain_of_causes_is_followed_for_a_while_only() {
        let error = (0..100).fold(None, |cause, number| Some(said(&format!("error {number}"), cause))).unwrap();
        assert_eq!(with_causes(&error).split(": ").count(), 9);
    }

    #[test]
    fn an_error_that_holds_a_whole_answer_is_cut() {
        let text = with_causes(&said(&"\u{e9}".repeat(1 << 20), None));
        assert!(text.ends_with("\u{e9} ...") && text.chars().count() == LONGEST_TEXT + 4, "{}", text.len());
    }
}
