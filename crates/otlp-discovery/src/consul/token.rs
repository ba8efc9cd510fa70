//! The ACL token: a secret that is given as text, or read from a file that whoever rotates it rewrites.
//!
//! The file is read again for every request. While it cannot be read, or hangs, what was read last goes on being used, and
//! the trouble is named as soon as the agent refuses it.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use http::HeaderValue;
use otlp_reliability::ConfigError;
use parking_lot::Mutex;

use super::{file, reading::Reading};

/// The largest file that is taken for a token, in bytes. Consul's are 36 long.
const MAX_FILE: u64 = 4096;

/// How long a request waits for the file.
const READING_TIME: Duration = Duration::from_secs(2);

/// Where the token comes from.
#[derive(Clone, Default)]
pub(super) enum TokenSource {
    /// There is none: what the agent lets anybody do.
    #[default]
    None,
    Text(String),
    File(PathBuf),
}

/// Shows the file, never the token.
impl fmt::Debug for TokenSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TokenSource::None => f.write_str("None"),
            TokenSource::Text(_) => f.write_str("Text(..)"),
            TokenSource::File(path) => f.debug_tuple("File").field(path).finish(),
        }
    }
}

/// The token of an agent.
#[derive(Debug, Clone)]
pub(super) struct Token {
    file: Option<TokenFile>,
    /// Marked as sensitive, so its `Debug` shows nothing.
    last: Arc<Mutex<Option<HeaderValue>>>,
}

#[derive(Debug, Clone)]
struct TokenFile {
    path: Arc<PathBuf>,
    reading: Arc<Reading<Result<HeaderValue, String>>>,
}

/// The token for one request.
pub(super) struct Current {
    pub(super) value: Option<HeaderValue>,
    /// For the error, should the agent refuse it.
    pub(super) note: String,
}

impl Token {
    /// Checks the token, or reads its file a first time.
    pub(super) fn new(source: &TokenSource) -> Result<Self, ConfigError> {
        let (file, first) = match source {
            TokenSource::None => (None, None),
            TokenSource::Text(text) => {
                let value = header(text).map_err(|reason| {
                    ConfigError::new("consul_token", Hidden(reason), "visible ASCII without spaces, and not nothing")
                })?;
                (None, Some(value))
            }
            TokenSource::File(path) => {
                let value = read(path).map_err(|reason| {
                    ConfigError::new(
                        "consul_token_file",
                        Hidden(&format!("{}: {reason}", path.display())),
                        "a readable file with nothing but the token in it",
                    )
                })?;
                let reading = Arc::new(Reading::new(READING_TIME));
                (Some(TokenFile { path: Arc::new(path.clone()), reading }), Some(value))
            }
        };
        Ok(Token { file, last: Arc::new(Mutex::new(first)) })
    }

    /// What to send now.
    pub(super) async fn current(&self) -> Current {
        let mut note = match self.last.lock().is_some() {
            true => String::new(),
            false => "; no token is set".to_owned(),
        };
        if let Some(TokenFile { path, reading }) = &self.file {
            let read_again = Arc::clone(path);
            // A file can be on a network drive that hangs; the runtime's thread does not wait for it.
            match reading.read(move || read(&read_again)).await.and_then(|read| read) {
                Ok(value) => *self.last.lock() = Some(value),
                Err(reason) => {
                    note = format!(
                        "; the token file {} cannot be used, what it held before was: {reason}",
                        path.display()
                    );
                }
            }
        }
        Current { value: self.last.lock().clone(), note }
    }
}

/// Shown as it is, without quotes.
struct Hidden<'a>(&'a str);

impl fmt::Debug for Hidden<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// Reads no more than a token's worth of the file.
fn read(path: &Path) -> Result<HeaderValue, String> {
    let text = String::from_utf8(file::read(path, MAX_FILE)?).map_err(|_| "it is no text".to_owned())?;
    header(text.trim()).map_err(str::to_owned)
}

fn header(token: &str) -> Result<HeaderValue, &'static str> {
    if token.is_empty() {
        return Err("(nothing)");
    }
    if !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err("(not shown: it holds spaces, line breaks or characters beyond ASCII)");
    }
    let mut value = HeaderValue::try_from(token).map_err(|_| "(not shown: HTTP cannot carry it)")?;
    value.set_sensitive(true);
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder of one test, removed with it.
    struct Folder(PathBuf);

    impl Folder {
        fn new() -> Self {
            let path = std::env::temp_dir().join(format!("otlp-consul-token-{:016x}", fastrand::u64(..)));
            std::fs::create_dir(&path).unwrap();
            Folder(path)
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            _ = std::fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn bad_tokens_are_refused_and_never_shown() {
        let long = "x".repeat(5000);
        for bad in ["", "hunter2 ", "hunter2\n", "hunter2\u{e9}"] {
            let error = Token::new(&TokenSource::Text(bad.to_owned())).unwrap_err();
            assert!(error.to_string().starts_with("consul_token = "), "{error}");
            assert!(!format!("{error} {error:?}").contains("hunter2"), "{error}");
        }
        let folder = Folder::new();
        for (bad, says) in [("\n", "(nothing)"), (long.as_str(), "larger than 4096"), ("hunter2 hunter2", "not shown")]
        {
            let path = folder.0.join("token");
            std::fs::write(&path, bad).unwrap();
            let error = Token::new(&TokenSource::File(path)).unwrap_err().to_string();
            assert!(error.starts_with("consul_token_file = ") && error.contains(says), "{error}");
            assert!(!error.contains("hunter2"), "{error}");
        }
        for missing in [folder.0.join("missing"), folder.0.clone()] {
            let error = Token::new(&TokenSource::File(missing.clone())).unwrap_err().to_string();
            assert!(error.contains(missing.to_str().unwrap()), "{error}");
        }
        assert!(!format!("{:?}", TokenSource::Text("hunter2".to_owned())).contains("hunter2"));
        let token = Token::new(&TokenSource::Text("hunter2".to_owned())).unwrap();
        assert!(!format!("{token:?}").contains("hunter2"));
    }

    #[tokio::test]
    async fn a_token_file_is_read_again_and_its_loss_is_noted() {
        let folder = Folder::new();
        let path = folder.0.join("token");
        std::fs::write(&path, "first\n").unwrap();
        let token = Token::new(&TokenSource::File(path.clone())).unwrap();
        let current = token.current().await;
        assert_eq!((current.value.unwrap().as_bytes(), current.note.as_str()), (&b"first"[..], ""));
        std::fs::write(&path, "second").unwrap();
        assert_eq!(token.current().await.value.unwrap(), "second");
        std::fs::remove_file(&path).unwrap();
        let current = token.current().await;
        assert_eq!(current.value.unwrap(), "second");
        assert!(current.note.contains(path.to_str().unwrap()), "{}", current.note);
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn a_pipe_in_place_of_the_file_holds_up_nobody() {
        let folder = Folder::new();
        let path = folder.0.join("token");
        let make_pipe = || assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
        make_pipe();
        let error = Token::new(&TokenSource::File(path.clone())).unwrap_err().to_string();
        assert!(error.contains("no regular file"), "{error}");
        std::fs::remove_file(&path).unwrap();
        std::fs::write(&path, "first").unwrap();
        let token = Token::new(&TokenSource::File(path.clone())).unwrap();
        std::fs::remove_file(&path).unwrap();
        make_pipe();
        let current = token.current().await;
        assert_eq!(current.value.unwrap(), "first");
        assert!(current.note.contains("no regular file"), "{}", current.note);
    }
}
