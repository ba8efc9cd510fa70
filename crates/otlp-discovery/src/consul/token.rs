//! The ACL token: a secret that is given as text, or read from a file that whoever rotates it rewrites.
//!
//! The file is read again for every request. While it cannot be read, what was read last goes on being used, and the
//! trouble is named as soon as the agent refuses it.

use std::{
    fmt,
    fs::File,
    io::Read,
    path::{Path, PathBuf},
    sync::Arc,
};

use http::HeaderValue;
use otlp_reliability::ConfigError;
use parking_lot::Mutex;

use super::ConsulError;

/// The largest file that is taken for a token, in bytes. Consul's are 36 long.
const MAX_FILE: u64 = 4096;

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
    file: Option<Arc<PathBuf>>,
    /// Marked as sensitive, so its `Debug` shows nothing.
    last: Arc<Mutex<Option<HeaderValue>>>,
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
                (Some(Arc::new(path.clone())), Some(value))
            }
        };
        Ok(Token { file, last: Arc::new(Mutex::new(first)) })
    }

    /// What to send now.
    pub(super) async fn current(&self) -> Result<Current, ConsulError> {
        let mut note = match self.last.lock().is_some() {
            true => String::new(),
            false => "; no token is set".to_owned(),
        };
        if let Some(file) = &self.file {
            let path = file.clone();
            // A file can be on a network drive that hangs; the runtime's thread does not wait for it.
            match tokio::task::spawn_blocking(move || read(&path)).await {
                Ok(Ok(value)) => *self.last.lock() = Some(value),
                Ok(Err(reason)) => {
                    note = format!(
                        "; the token file {} cannot be used, what it held before was: {reason}",
                        file.display()
                    );
                }
                Err(_) => return Err(ConsulError::Token { reason: "the runtime is shutting down".to_owned() }),
            }
        }
        Ok(Current { value: self.last.lock().clone(), note })
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
    let file = File::open(path).map_err(|error| error.to_string())?;
    if !file.metadata().map_err(|error| error.to_string())?.is_file() {
        return Err("it is no regular file".to_owned());
    }
    let mut text = String::new();
    let read = file.take(MAX_FILE + 1).read_to_string(&mut text).map_err(|_| "it is no text".to_owned())?;
    if read as u64 > MAX_FILE {
        return Err(format!("it is larger than {MAX_FILE} bytes"));
    }
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
        let current = token.current().await.unwrap();
        assert_eq!((current.value.unwrap().as_bytes(), current.note.as_str()), (&b"first"[..], ""));
        std::fs::write(&path, "second").unwrap();
        assert_eq!(token.current().await.unwrap().value.unwrap(), "second");
        std::fs::remove_file(&path).unwrap();
        let current = token.current().await.unwrap();
        assert_eq!(current.value.unwrap(), "second");
        assert!(current.note.contains(path.to_str().unwrap()), "{}", current.note);
    }
}
