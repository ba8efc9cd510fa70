//! Why a command about a queue could not be carried out: what, where, what is accepted, what to do.

use std::{io, path::PathBuf};

use otlp_batch::{InspectError, StartError};
use thiserror::Error;

#[derive(Debug, Error)]
pub(super) enum Failure {
    #[error(
        "there is no disk queue in {} or in a directory in it: give the directory that the client was told, or that of a \
         destination below it",
        .0.display()
    )]
    NoQueue(PathBuf),
    #[error("cannot read {}: {error}", path.display())]
    Unreadable { path: PathBuf, error: io::Error },
    #[error(
        "{} is in use by {holder}: end that first, or look on with `otlp queue inspect`",
        directory.display()
    )]
    InUse { directory: PathBuf, holder: String },
    #[error("{} is no key: it takes 32 bytes, or 64 hexadecimal digits, and has {found}", file.display())]
    NoKey { file: PathBuf, found: String },
    #[error("{}", inspect(.0))]
    Inspect(#[from] InspectError),
    #[error("--header takes name=value; number {0} has no name or no `=`")]
    Header(usize),
    #[error("cannot send to --endpoint: {0}")]
    Endpoint(String),
    #[error(transparent)]
    Start(#[from] StartError),
    #[error("cannot start a runtime: {0}")]
    Runtime(io::Error),
    #[error("cannot write to standard output: {0}")]
    Output(#[from] io::Error),
}

impl Failure {
    /// Whether who reads the output has read enough, which is nothing to complain about.
    pub(super) fn is_closed_output(&self) -> bool {
        matches!(self, Failure::Output(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }
}

/// The error, and what to do.
fn inspect(error: &InspectError) -> String {
    match error {
        InspectError::KeyMissing { .. } => format!("{error}: give the key that it was written with by --key-file"),
        InspectError::WrongKey { .. } => format!("{error} than that of --key-file: nothing was changed"),
        InspectError::UnknownVersion { .. } => format!("{error}: use the `otlp` of the version that wrote it"),
        InspectError::Io { error: cause, .. } => format!("{error}: {cause}"),
        _ => error.to_string(),
    }
}
