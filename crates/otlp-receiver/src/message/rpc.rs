//! `google.rpc.Status` and `google.rpc.RetryInfo`: how OTLP receivers say what went wrong and when to come back.

use std::time::Duration as StdDuration;

use prost::Message;

const RETRY_INFO: &str = "type.googleapis.com/google.rpc.RetryInfo";

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Status {
    #[prost(int32, tag = "1")]
    pub(crate) code: i32,
    #[prost(string, tag = "2")]
    pub(crate) message: String,
    #[prost(message, repeated, tag = "3")]
    pub(crate) details: Vec<Any>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Any {
    #[prost(string, tag = "1")]
    pub(crate) type_url: String,
    #[prost(bytes = "vec", tag = "2")]
    pub(crate) value: Vec<u8>,
}

#[derive(Clone, Copy, PartialEq, prost::Message)]
pub(crate) struct RetryInfo {
    #[prost(message, optional, tag = "1")]
    pub(crate) retry_delay: Option<Duration>,
}

#[derive(Clone, Copy, PartialEq, prost::Message)]
pub(crate) struct Duration {
    #[prost(int64, tag = "1")]
    pub(crate) seconds: i64,
    #[prost(int32, tag = "2")]
    pub(crate) nanos: i32,
}

impl Any {
    /// A `RetryInfo`, packed.
    pub(crate) fn retry_info(delay: StdDuration) -> Self {
        let retry_delay = Duration {
            seconds: i64::try_from(delay.as_secs()).unwrap_or(i64::MAX),
            // Below a billion by the definition of `subsec_nanos`, so it fits.
            nanos: delay.subsec_nanos() as i32,
        };
        let info = RetryInfo { retry_delay: Some(retry_delay) };
        Any { type_url: RETRY_INFO.to_owned(), value: info.encode_to_vec() }
    }
}
