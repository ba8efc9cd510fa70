//! Where credentials come from, and how they are got from there: bounded in time, and without a panic.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use http::HeaderMap;
use parking_lot::Mutex;

use super::{Authenticate, Credentials, caught::caught};
use crate::{
    config::{Reading, read_file},
    response::quoted,
};

/// How long a hook may take, and how long a file.
const HOOK_TIME: Duration = Duration::from_secs(10);
const READING_TIME: Duration = Duration::from_secs(2);
const LARGEST_TOKEN: u64 = 64 << 10;
/// How often a token file is looked at.
const LOOK_AFTER: Duration = Duration::from_secs(1);

pub(super) enum Source {
    /// One that can be exchanged.
    Token(Mutex<String>),
    File(PathBuf, Reading<Result<Got, String>>),
    Hook(Arc<dyn Authenticate>),
}

/// What a source gave, ready to be sent.
#[derive(Clone)]
pub(super) struct Got {
    pub(super) headers: HeaderMap,
    /// After how long to ask again.
    pub(super) refresh_after: Option<Duration>,
    /// After how long it is worth nothing.
    pub(super) expires_after: Option<Duration>,
}

impl Source {
    pub(super) fn file(path: PathBuf) -> Self {
        Source::File(path, Reading::new(READING_TIME))
    }

    /// Asks a source that answers at once; `None` for a hook.
    ///
    /// # Errors
    ///
    /// Why there is nothing, without a secret.
    pub(super) fn ask_now(&self) -> Option<Result<Got, String>> {
        match self {
            Source::Token(token) => Some(bearer(&token.lock()).map(Got::forever)),
            Source::File(path, _) => Some(token_file(path)),
            Source::Hook(_) => None,
        }
    }

    /// Asks the source.
    ///
    /// # Errors
    ///
    /// Why there is nothing, without a secret.
    pub(super) async fn ask(&self) -> Result<Got, String> {
        match self {
            Source::Token(token) => bearer(&token.lock()).map(Got::forever),
            Source::File(path, reading) => {
                let file = path.clone();
                let read = reading.read(move || token_file(&file)).await;
                read.unwrap_or_else(|unread| Err(format!("the token file {} {unread}", path.display())))
            }
            Source::Hook(hook) => {
                match tokio::time::timeout(HOOK_TIME, caught(async { hook.authenticate().await })).await {
                    Ok(Some(Ok(credentials))) => Got::of(&credentials),
                    Ok(Some(Err(error))) => Err(format!("the hook failed: {}", quoted(error.to_string().as_bytes()))),
                    Ok(None) => Err("the hook panicked".to_owned()),
                    Err(_) => Err(format!("the hook did not answer within {HOOK_TIME:?}")),
                }
            }
        }
    }

    /// Makes another token the one that is given from now on; `None` if there is none to exchange.
    ///
    /// # Errors
    ///
    /// Why it is none, without it. The old one stays.
    pub(super) fn exchange(&self, token: String) -> Option<Result<Got, String>> {
        let Source::Token(current) = self else { return None };
        let got = bearer(&token).map(Got::forever);
        if got.is_ok() {
            *current.lock() = token;
        }
        Some(got)
    }

    /// Whether asking takes so little that requests may wait for it though they could go without.
    pub(super) fn is_quick(&self) -> bool {
        !matches!(self, Source::Hook(_))
    }
}

impl Got {
    fn forever(headers: HeaderMap) -> Self {
        Got { headers, refresh_after: None, expires_after: None }
    }

    fn of(credentials: &Credentials) -> Result<Self, String> {
        let headers = credentials.headers.to_map().map_err(|error| error.to_string())?;
        let expires_after = credentials.expires_after;
        let early = |lifetime: Duration| lifetime - (lifetime / 10).min(Duration::from_secs(60));
        Ok(Got { headers, refresh_after: expires_after.map(early), expires_after })
    }
}

fn bearer(token: &str) -> Result<HeaderMap, String> {
    if token.is_empty() {
        return Err("it is empty".to_owned());
    }
    if token.len() as u64 > LARGEST_TOKEN {
        return Err(format!("it has {} bytes, and no receiver takes more than {LARGEST_TOKEN}", token.len()));
    }
    if !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err("it holds characters that no token has: give visible ASCII without white space".to_owned());
    }
    Credentials::bearer(token).headers.to_map().map_err(|error| error.to_string())
}

fn token_file(path: &Path) -> Result<Got, String> {
    let fail = |reason: String| format!("the token file {}: {reason}", path.display());
    let content = read_file(path, LARGEST_TOKEN).map_err(|error| fail(format!("cannot be read: {error}")))?;
    let token = std::str::from_utf8(&content).map_err(|_| fail("it is no text".to_owned()))?;
    let headers = bearer(token.trim()).map_err(fail)?;
    Ok(Got { headers, refresh_after: Some(LOOK_AFTER), expires_after: None })
}

/// Shows the kind, and the name of a file.
impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::Token(_) => f.write_str("Token(..)"),
            Source::File(path, _) => f.debug_tuple("File").field(path).finish(),
            Source::Hook(_) => f.write_str("Hook(..)"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_token_file_is_read_in_whatever_state_it_is_found() {
        let path = std::env::temp_dir().join(format!("otlp-token-{:032x}", fastrand::u128(..)));
        let read = || token_file(&path).map(|got| got.headers["authorization"].to_str().map(str::to_owned));
        let refused = |reason: &str| {
            let error = read().unwrap_err();
            assert!(error.contains(reason) && error.contains("otlp-token") && !error.contains("secret"), "{error}");
        };
        refused("cannot be read");
        fs::write(&path, "secret-token").unwrap();
        assert_eq!(read().unwrap().unwrap(), "Bearer secret-token");
        fs::write(&path, "\r\n secret-token\r\n\n").unwrap();
        assert_eq!(read().unwrap().unwrap(), "Bearer secret-token");
        fs::write(&path, "secret\ntoken").unwrap();
        refused("characters that no token has");
        fs::write(&path, "").unwrap();
        refused("it is empty");
        fs::write(&path, " \n").unwrap();
        refused("it is empty");
        fs::write(&path, b"secret\xff").unwrap();
        refused("it is no text");
        // A gigabyte that takes no room on the disk, and must take none in memory.
        fs::File::create(&path).unwrap().set_len(1 << 30).unwrap();
        refused("65536 bytes");
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        refused("it is no file");
        fs::remove_dir(&path).unwrap();
    }
}
