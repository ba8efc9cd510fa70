//! A batch as messages, made once for all attempts. What must hold: a message that was delivered is not sent again when
//! others of its batch are.

use bytes::Bytes;
use otlp_batch::Batch;
use otlp_core::{ErrorKind, ExportError, Outcome, PartialSuccess, RetryableFailure, Signal, TraceId};
use parking_lot::Mutex;

use super::{KafkaConfig, classify::Failure};

/// The messages of a batch, and what became of them so far.
#[derive(Debug)]
pub struct KafkaMessages {
    pub(super) signal: Signal,
    pub(super) messages: Vec<Message>,
    /// Whether one is larger than it may be, so that none is sent.
    too_large: Option<ExportError>,
}

/// A message: a whole request, as OTLP encodes it.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) key: Option<[u8; 32]>,
    pub(super) value: Bytes,
    items: u64,
    fate: Mutex<Fate>,
}

#[derive(Debug)]
enum Fate {
    Pending,
    Delivered,
    Refused(ExportError),
}

impl KafkaMessages {
    /// The batch as one message, or as one per trace.
    pub(super) fn of(batch: &Batch, config: &KafkaConfig) -> Result<Self, ExportError> {
        let messages = if config.is_by_trace(batch.signal()) {
            let unreadable =
                |error| ExportError::new(ErrorKind::Destination, format!("cannot read own spans: {error}"));
            let traces = batch.by_trace().map_err(unreadable)?;
            traces.iter().map(|(trace, part)| Message::of(part, hex(*trace))).collect()
        } else {
            vec![Message::of(batch, None)]
        };
        let largest = messages.iter().map(|message: &Message| message.value.len()).max().unwrap_or(0);
        let limit = config.max_message_bytes();
        let too_large = (largest > limit).then(|| {
            let topic = config.topic(batch.signal());
            let text = format!("Kafka topic {topic}: a message of {largest} bytes, of at most {limit}");
            ExportError::new(ErrorKind::TooLarge, text)
        });
        Ok(KafkaMessages { signal: batch.signal(), messages, too_large })
    }

    /// Set if the batch has to be split before anything is sent.
    pub(super) fn too_large(&self) -> Option<&ExportError> {
        self.too_large.as_ref()
    }

    /// Those that are still to be sent.
    pub(super) fn pending(&self) -> impl Iterator<Item = &Message> {
        self.messages.iter().filter(|message| matches!(*message.fate.lock(), Fate::Pending))
    }

    /// The outcome of an attempt with these failures, which comprise all messages that are pending.
    pub(super) fn outcome(&self, failures: Vec<Failure>) -> Outcome {
        let mut again: Option<RetryableFailure> = None;
        let mut too_large = None;
        for failure in failures {
            match failure {
                Failure::Retry { error, may_have_arrived } => {
                    let failure = RetryableFailure { error, after: None, acknowledgement_lost: may_have_arrived };
                    let lost = may_have_arrived || again.as_ref().is_some_and(|first| first.acknowledgement_lost);
                    again.get_or_insert(failure).acknowledgement_lost = lost;
                }
                Failure::TooLarge(error) => too_large = Some(error),
                // Is the message's own to remember.
                Failure::Refused(_) => {}
            }
        }
        // First what may pass: halves would send all of it again.
        match (again, too_large) {
            (Some(failure), _) => Outcome::Retry(failure),
            (None, Some(error)) => Outcome::TooLarge(error),
            (None, None) => self.settled(),
        }
    }

    /// The outcome when each message was delivered or refused.
    fn settled(&self) -> Outcome {
        let mut rejected = 0;
        let mut why = None;
        let mut are_all_refused = true;
        for message in &self.messages {
            match &*message.fate.lock() {
                Fate::Refused(error) => {
                    rejected += message.items;
                    why.get_or_insert_with(|| error.clone());
                }
                Fate::Pending | Fate::Delivered => are_all_refused = false,
            }
        }
        match why {
            Some(error) if are_all_refused => Outcome::Refused(error),
            Some(error) => Outcome::Delivered(PartialSuccess { rejected, message: error.to_string() }),
            None => Outcome::delivered(),
        }
    }
}

impl Message {
    fn of(batch: &Batch, key: Option<[u8; 32]>) -> Self {
        let value = batch.to_request().to_contiguous();
        Message { key, value, items: batch.items(), fate: Mutex::new(Fate::Pending) }
    }

    /// All replicas have it.
    pub(super) fn delivered(&self) {
        *self.fate.lock() = Fate::Delivered;
    }

    /// It was not delivered; one that is refused is not sent again.
    pub(super) fn failed(&self, failure: &Failure) {
        if let Failure::Refused(error) = failure {
            *self.fate.lock() = Fate::Refused(error.clone());
        }
    }
}

/// The key of a trace, as Collectors write it: its id in hex.
fn hex(trace: TraceId) -> Option<[u8; 32]> {
    let mut key = [0; 32];
    trace.write_hex(&mut key);
    trace.is_valid().then_some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(items: &[u64]) -> KafkaMessages {
        let message =
            |items: &u64| Message { key: None, value: Bytes::new(), items: *items, fate: Mutex::new(Fate::Pending) };
        KafkaMessages { signal: Signal::Traces, messages: items.iter().map(message).collect(), too_large: None }
    }

    fn refused() -> Failure {
        Failure::Refused(ExportError::new(ErrorKind::Refused, "no"))
    }

    fn again(may_have_arrived: bool) -> Failure {
        Failure::Retry { error: ExportError::new(ErrorKind::Timeout, "late"), may_have_arrived }
    }

    #[test]
    fn what_was_delivered_or_refused_is_not_sent_again() {
        let batch = messages(&[1, 2, 4]);
        batch.messages[0].delivered();
        batch.messages[1].failed(&refused());
        batch.messages[2].failed(&again(true));
        let outcome = batch.outcome(vec![refused(), again(true)]);
        assert!(matches!(outcome, Outcome::Retry(failure) if failure.acknowledgement_lost));
        assert_eq!(batch.pending().map(|message| message.items).collect::<Vec<_>>(), [4]);
        batch.messages[2].delivered();
        let partly = PartialSuccess { rejected: 2, message: "no".into() };
        assert_eq!(batch.outcome(vec![]), Outcome::Delivered(partly));
    }

    #[test]
    fn a_batch_is_refused_only_as_a_whole_and_split_only_when_nothing_else_is_left() {
        let batch = messages(&[1, 2]);
        batch.messages.iter().for_each(|message| message.failed(&refused()));
        assert!(matches!(batch.outcome(vec![refused(), refused()]), Outcome::Refused(_)));
        let too_large = || Failure::TooLarge(ExportError::new(ErrorKind::TooLarge, "large"));
        let batch = messages(&[1, 2]);
        let failures = vec![too_large(), again(false)];
        assert!(matches!(batch.outcome(failures), Outcome::Retry(failure) if !failure.acknowledgement_lost));
        assert!(matches!(batch.outcome(vec![too_large()]), Outcome::TooLarge(_)));
    }
}
