//! What librdkafka's errors mean for a message: sent again, split, or refused.

use otlp_core::{ErrorKind, ExportError};
use rdkafka::types::RDKafkaErrorCode as Code;

/// What became of a message that was not delivered.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Failure {
    /// It may be delivered later.
    Retry {
        error: ExportError,
        /// Whether brokers may have it all the same.
        may_have_arrived: bool,
    },
    /// A broker takes smaller ones.
    TooLarge(ExportError),
    /// It never will be.
    Refused(ExportError),
}

impl Failure {
    /// Of a message to `topic`; `about` is what the client said last of its connections, which tells more than a
    /// time limit that was reached.
    pub(super) fn of(code: Code, topic: &str, about: Option<&str>) -> Failure {
        let error = |kind| ExportError::new(kind, text(code, topic, about));
        let retry = |kind, may_have_arrived| Failure::Retry { error: error(kind), may_have_arrived };
        match code {
            Code::MessageSizeTooLarge | Code::MessageBatchTooLarge | Code::InvalidMessageSize => {
                Failure::TooLarge(error(ErrorKind::TooLarge))
            }
            Code::TopicAuthorizationFailed | Code::ClusterAuthorizationFailed => {
                Failure::Refused(error(ErrorKind::Unauthorized))
            }
            Code::InvalidTopic
            | Code::InvalidArgument
            | Code::InvalidRecord
            | Code::InvalidTimestamp
            | Code::PolicyViolation
            | Code::UnsupportedCompressionType
            | Code::UnsupportedForMessageFormat
            | Code::InvalidRequiredAcks => Failure::Refused(error(ErrorKind::Refused)),
            // A topic that is missing is made sooner or later; until then nothing is lost.
            Code::UnknownTopic
            | Code::UnknownPartition
            | Code::UnknownTopicOrPartition
            | Code::LeaderNotAvailable
            | Code::NotLeaderForPartition
            | Code::ISRInsufficient
            | Code::NotEnoughReplicas => retry(ErrorKind::Unavailable, false),
            Code::NotEnoughReplicasAfterAppend => retry(ErrorKind::Unavailable, true),
            Code::QueueFull | Code::ThrottlingQuotaExceeded => retry(ErrorKind::Throttled, false),
            Code::Authentication | Code::SaslAuthenticationFailed | Code::SSL => retry(ErrorKind::Network, false),
            Code::Resolve | Code::PurgeQueue => retry(ErrorKind::Network, false),
            Code::AllBrokersDown | Code::BrokerTransportFailure | Code::NetworkException | Code::PurgeInflight => {
                retry(ErrorKind::Network, true)
            }
            // Only librdkafka knows whether such a message was on its way.
            Code::MessageTimedOut | Code::OperationTimedOut | Code::RequestTimedOut | Code::TimedOutQueue => {
                retry(ErrorKind::Timeout, true)
            }
            // What is not known is neither lost nor called delivered: the limits of the retry end it.
            _ => retry(ErrorKind::Unavailable, true),
        }
    }
}

fn text(code: Code, topic: &str, about: Option<&str>) -> String {
    let hint = match code {
        Code::UnknownTopic | Code::UnknownTopicOrPartition => "; create it, or let brokers create topics",
        Code::TopicAuthorizationFailed | Code::ClusterAuthorizationFailed => {
            "; allow this client to write to it and to be idempotent"
        }
        Code::MessageSizeTooLarge => "; lower max_message_bytes, or raise max.message.bytes of the topic",
        _ => "",
    };
    let about = about.map(|about| format!("; last seen: {about}")).unwrap_or_default();
    format!("Kafka topic {topic}: {code}{hint}{about}")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As the failure of a message: the kind of its error, and whether brokers may have it, or why it is not sent again.
    fn consequence(code: Code) -> (ErrorKind, &'static str) {
        match Failure::of(code, "t", None) {
            Failure::Retry { error, may_have_arrived: true } => (error.kind(), "again, perhaps twice"),
            Failure::Retry { error, .. } => (error.kind(), "again"),
            Failure::TooLarge(error) => (error.kind(), "in halves"),
            Failure::Refused(error) => (error.kind(), "never"),
        }
    }

    #[test]
    fn each_kind_of_error_has_its_consequence() {
        use ErrorKind::{Network, Refused, Throttled, Timeout, TooLarge, Unauthorized, Unavailable};
        let rows: [(&[Code], ErrorKind, &str); 12] = [
            (&[Code::MessageSizeTooLarge, Code::MessageBatchTooLarge, Code::InvalidMessageSize], TooLarge, "in halves"),
            (&[Code::TopicAuthorizationFailed, Code::ClusterAuthorizationFailed], Unauthorized, "never"),
            (
                &[
                    Code::InvalidTopic,
                    Code::InvalidArgument,
                    Code::InvalidRecord,
                    Code::InvalidTimestamp,
                    Code::PolicyViolation,
                    Code::UnsupportedCompressionType,
                    Code::UnsupportedForMessageFormat,
                    Code::InvalidRequiredAcks,
                ],
                Refused,
                "never",
            ),
            (
                &[Code::UnknownTopic, Code::UnknownPartition, Code::UnknownTopicOrPartition, Code::LeaderNotAvailable],
                Unavailable,
                "again",
            ),
            (&[Code::NotLeaderForPartition, Code::ISRInsufficient, Code::NotEnoughReplicas], Unavailable, "again"),
            (&[Code::NotEnoughReplicasAfterAppend], Unavailable, "again, perhaps twice"),
            (&[Code::QueueFull, Code::ThrottlingQuotaExceeded], Throttled, "again"),
            (&[Code::Authentication, Code::SaslAuthenticationFailed, Code::SSL], Network, "again"),
            (&[Code::Resolve, Code::PurgeQueue], Network, "again"),
            (
                &[Code::AllBrokersDown, Code::BrokerTransportFailure, Code::NetworkException, Code::PurgeInflight],
                Network,
                "again, perhaps twice",
            ),
            (
                &[Code::MessageTimedOut, Code::OperationTimedOut, Code::RequestTimedOut, Code::TimedOutQueue],
                Timeout,
                "again, perhaps twice",
            ),
            // What nobody has a row for.
            (&[Code::Unknown, Code::Fail, Code::Fatal, Code::KafkaStorageError], Unavailable, "again, perhaps twice"),
        ];
        for (codes, kind, what) in rows {
            for code in codes {
                assert_eq!(consequence(*code), (kind, what), "{code}");
            }
        }
    }

    #[test]
    fn an_error_names_the_topic_and_what_the_client_saw_last() {
        let Failure::Retry { error, .. } = Failure::of(Code::MessageTimedOut, "otlp_spans", Some("b:1 refused")) else {
            panic!("not retried");
        };
        let text = error.to_string();
        assert!(text.contains("otlp_spans") && text.ends_with("last seen: b:1 refused"), "{text}");
    }
}
