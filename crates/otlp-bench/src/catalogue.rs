//! What can be measured: subjects, workloads, the variants of each, and who takes part in which.

use std::fmt;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// Who is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Subject {
    /// `otlp` over gRPC.
    OursGrpc,
    /// `otlp` over HTTP/protobuf.
    OursHttp,
    /// `otlp` over gRPC with a disk queue at its defaults, so that what is delivered in time never touches the disk.
    OursDisk,
    /// The same with a disk queue that stores each batch at once, unless its acknowledgement is quicker.
    OursDiskAlways,
    /// The same as the first with copies where none are needed (`with_zero_copy_enabled(false)`).
    OursCopying,
    /// `opentelemetry_sdk` and `opentelemetry-otlp` over gRPC.
    OtelGrpc,
    /// The same over HTTP/protobuf, with the blocking client that is their default.
    OtelHttp,
    /// Hand-encoded, without any feature: what cannot be undercut by much.
    Floor,
    /// A bare `AtomicU64`, the measure of bound counters.
    Atomic,
    /// A tonic channel with a codec of bytes.
    TonicChannel,
    /// hyper's HTTP/2 client, without tonic.
    HyperHttp2,
}

/// What is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Workload {
    /// Trees of ten spans, each with eight attributes of mixed types and an event with two.
    Traces,
    /// Log records with a body of 60 characters and five attributes.
    Logs,
    /// `add` with three attributes given as a slice.
    Counter,
    /// `record` with three attributes given as a slice.
    Histogram,
    /// `add` on a counter bound to its attributes.
    CounterBound,
    /// Collection and export of 10,000 counter and 1,000 histogram series.
    Collect,
    /// 100,000 spans a second for some seconds: resident memory.
    Steady,
    /// Latency at the call site with a backend that is alive, refuses connections, or accepts and never answers.
    DeadBackend,
    /// Encoded requests over one connection: what the gRPC client itself costs.
    Transport,
}

/// In which way a workload is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Variant {
    /// The queue holds everything; flushed at the end.
    Backlog,
    /// Flushed every 8,000 items.
    Flushed,
    /// One thread.
    OneThread,
    /// Two threads on the same counter.
    TwoThreads,
    /// There is only one way.
    Plain,
    /// The backend answers.
    Live,
    /// Connections to the backend are refused.
    Refused,
    /// The backend accepts connections and never reads or writes.
    Silent,
    /// Requests of 8 KiB.
    Small,
    /// Requests of 512 KiB.
    Large,
}

/// What a child process takes down; the clocks and counters that one needs would disturb the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Measure {
    /// CPU time and resident memory.
    Cpu,
    /// Allocations; they hardly vary, so one round is enough.
    Allocations,
    /// Call-site latency.
    Latency,
}

/// A workload in one of its variants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(crate) struct Case {
    pub(crate) workload: Workload,
    pub(crate) variant: Variant,
}

impl Subject {
    /// Whether it is `otlp` itself.
    pub(crate) fn is_ours(self) -> bool {
        use Subject::*;
        matches!(self, OursGrpc | OursHttp | OursDisk | OursDiskAlways | OursCopying)
    }
}

impl Workload {
    /// All, in the order of the report.
    pub(crate) const ALL: &'static [Workload] = &[
        Workload::Traces,
        Workload::Logs,
        Workload::Counter,
        Workload::Histogram,
        Workload::CounterBound,
        Workload::Collect,
        Workload::Steady,
        Workload::DeadBackend,
        Workload::Transport,
    ];

    /// Its variants, in the order of the report.
    pub(crate) fn variants(self) -> &'static [Variant] {
        match self {
            Workload::Traces | Workload::Logs => &[Variant::Backlog, Variant::Flushed],
            Workload::Counter | Workload::Histogram | Workload::Collect | Workload::Steady => &[Variant::Plain],
            Workload::CounterBound => &[Variant::OneThread, Variant::TwoThreads],
            Workload::DeadBackend => &[Variant::Live, Variant::Refused, Variant::Silent],
            Workload::Transport => &[Variant::Small, Variant::Large],
        }
    }

    /// Who takes part, in the order of the rounds.
    pub(crate) fn subjects(self) -> &'static [Subject] {
        use Subject::*;
        match self {
            Workload::Traces => &[OursGrpc, OursHttp, OursDisk, OursDiskAlways, OursCopying, OtelGrpc, OtelHttp, Floor],
            Workload::Logs | Workload::Collect => &[OursGrpc, OursHttp, OtelGrpc, OtelHttp, Floor],
            Workload::Counter | Workload::Histogram | Workload::Steady => &[OursGrpc, OtelGrpc, Floor],
            Workload::CounterBound => &[OursGrpc, OtelGrpc, Atomic],
            Workload::DeadBackend => &[OursGrpc, OtelGrpc],
            Workload::Transport => &[TonicChannel, HyperHttp2],
        }
    }

    /// What is taken down of it.
    pub(crate) fn measures(self) -> &'static [Measure] {
        match self {
            Workload::Traces | Workload::Logs => &[Measure::Cpu, Measure::Latency, Measure::Allocations],
            Workload::Counter | Workload::Histogram | Workload::Collect | Workload::Transport => {
                &[Measure::Cpu, Measure::Allocations]
            }
            Workload::CounterBound | Workload::Steady => &[Measure::Cpu],
            Workload::DeadBackend => &[Measure::Latency],
        }
    }

    /// Whether the clock sets its pace, and not what the subject can take.
    pub(crate) fn is_paced(self) -> bool {
        matches!(self, Workload::Steady | Workload::DeadBackend)
    }

    /// What an item of it is called.
    pub(crate) fn item(self) -> &'static str {
        match self {
            Workload::Traces | Workload::Steady | Workload::DeadBackend => "span",
            Workload::Logs => "log record",
            Workload::Counter | Workload::CounterBound => "add",
            Workload::Histogram => "record",
            Workload::Collect => "collection",
            Workload::Transport => "request",
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(&name(self))
    }
}

impl fmt::Display for Workload {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(&name(self))
    }
}

impl fmt::Display for Variant {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(&name(self))
    }
}

impl fmt::Display for Measure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(&name(self))
    }
}

impl fmt::Display for Case {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.variant {
            Variant::Plain => self.workload.fmt(formatter),
            variant => write!(formatter, "{}, {variant}", self.workload),
        }
    }
}

/// The name on the command line.
fn name(value: &impl ValueEnum) -> String {
    value.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
}
