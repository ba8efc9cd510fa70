//! One request to an agent, as the loops above see it; the tests put scripted agents behind it.

use std::{fmt::Write, future::Future, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode, header::CONTENT_TYPE};
use url::Url;

use super::ConsulError;

/// How much of a refusal is repeated in our error, in characters.
const EXCERPT: usize = 200;

/// Asks an agent.
pub(super) trait Ask: Send + Sync {
    /// Sends the request, with the token, and reads the whole answer, both within the request's time.
    fn ask(&self, request: Request) -> impl Future<Output = Result<Answer, ConsulError>> + Send;
}

/// A request.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) body: Bytes,
    /// From the connection to the last byte of the answer.
    pub(super) timeout: Duration,
}

/// What was answered, with any status.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    /// Whether a token was sent.
    pub(super) had_token: bool,
    /// What is to be said of our token should the agent not accept it; it begins with a semicolon.
    pub(super) token_note: String,
}

impl Answer {
    /// The header as a number; `None` if it is not there or no number.
    pub(super) fn number(&self, header: &str) -> Option<u64> {
        self.headers.get(header)?.to_str().ok()?.trim().parse().ok()
    }

    /// Whether the header says "true".
    pub(super) fn says(&self, header: &str) -> bool {
        self.headers.get(header).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"true"))
    }

    /// The answer if it is a success. `needs` says which rule of its policy the token needs for what was asked.
    pub(super) fn success(self, needs: &str) -> Result<Self, ConsulError> {
        if self.status == StatusCode::OK {
            return Ok(self);
        }
        let hint = match self.status {
            StatusCode::FORBIDDEN | StatusCode::UNAUTHORIZED => format!("; it takes {needs}{}", self.token_note),
            status if status.is_redirection() => "; redirects are not followed: give the agent's own URL".to_owned(),
            _ => String::new(),
        };
        let message = match self.is_html() {
            true => "a page of HTML, so perhaps from a proxy".to_owned(),
            false => excerpt(&self.body),
        };
        Err(ConsulError::Refused { status: self.status, message, hint })
    }

    /// Whether it is meant for a browser.
    pub(super) fn is_html(&self) -> bool {
        let kind = self.headers.get(CONTENT_TYPE).map_or(&b""[..], |kind| kind.as_bytes());
        kind.to_ascii_lowercase().starts_with(b"text/html") || self.body.trim_ascii_start().starts_with(b"<")
    }
}

/// The beginning of a text from outside, fit for a line of a log.
pub(super) fn excerpt(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(&text[..text.len().min(4 * EXCERPT)]).into_owned();
    let mut shown = String::new();
    for character in text.trim().chars().take(EXCERPT) {
        match character.is_control() {
            // Writing to a string cannot fail.
            true => _ = write!(shown, "{}", character.escape_default()),
            false => shown.push(character),
        }
    }
    if text.trim().chars().count() > EXCERPT {
        shown.push_str(" ...");
    }
    match shown.is_empty() {
        true => "nothing more".to_owned(),
        false => shown,
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::{collections::VecDeque, future::pending};

    use parking_lot::Mutex;
    use tokio::time::Instant;

    use super::*;

    /// What a scripted agent does with a request.
    pub(in crate::consul) enum Scripted {
        /// Answers at once.
        Now(Answer),
        /// Answers after so long.
        After(Duration, Answer),
        /// Fails at once.
        Fail(ConsulError),
    }

    /// Answers requests from a script, and never again once that has ended.
    #[derive(Default)]
    pub(in crate::consul) struct Script {
        answers: Mutex<VecDeque<Scripted>>,
        asked: Mutex<Vec<(Instant, String)>>,
        timeouts: Mutex<Vec<Duration>>,
    }

    impl Script {
        pub(in crate::consul) fn new(answers: impl IntoIterator<Item = Scripted>) -> Self {
            Script { answers: Mutex::new(answers.into_iter().collect()), ..Script::default() }
        }

        /// How long each answer would have been waited for.
        pub(in crate::consul) fn timeouts(&self) -> Vec<Duration> {
            self.timeouts.lock().clone()
        }

        /// When was asked what: the method, and the URL from its path on.
        pub(in crate::consul) fn asked(&self) -> Vec<(Instant, String)> {
            self.asked.lock().clone()
        }

        /// The same without the times.
        pub(in crate::consul) fn requests(&self) -> Vec<String> {
            self.asked().into_iter().map(|(_, request)| request).collect()
        }
    }

    impl Ask for Script {
        async fn ask(&self, request: Request) -> Result<Answer, ConsulError> {
            let target = &request.url[url::Position::BeforePath..];
            self.asked.lock().push((Instant::now(), format!("{} {target}", request.method)));
            self.timeouts.lock().push(request.timeout);
            let next = self.answers.lock().pop_front();
            match next {
                Some(Scripted::Now(answer)) => Ok(answer),
                Some(Scripted::After(wait, answer)) => {
                    tokio::time::sleep(wait).await;
                    Ok(answer)
                }
                Some(Scripted::Fail(error)) => Err(error),
                None => pending().await,
            }
        }
    }

    /// An answer with this status and body.
    pub(in crate::consul) fn answer(status: u16, body: &str) -> Answer {
        Answer {
            status: StatusCode::from_u16(status).unwrap(),
            headers: HeaderMap::new(),
            body: body.to_owned().into(),
            had_token: true,
            token_note: String::new(),
        }
    }

    impl Answer {
        /// The same to a request without a token.
        pub(in crate::consul) fn without_token(self) -> Self {
            Answer { had_token: false, ..self }
        }

        /// The same with one more header.
        pub(in crate::consul) fn with(mut self, name: &'static str, value: impl ToString) -> Self {
            self.headers.insert(name, value.to_string().parse().unwrap());
            self
        }
    }

    #[test]
    fn a_refusal_says_what_is_missing_and_repeats_no_more_than_its_beginning() {
        let refused = answer(403, "Permission denied\n").success("`service:read`").unwrap_err().to_string();
        assert!(refused.contains("403 Forbidden: Permission denied; it takes `service:read`"), "{refused}");
        let long = answer(500, &"x\u{7}".repeat(10_000)).success("nothing").unwrap_err().to_string();
        assert!(long.len() < 2000 && long.ends_with(" ...") && !long.contains('\u{7}'), "{long}");
        let page = answer(502, "<html><body>Bad gateway").success("nothing").unwrap_err().to_string();
        assert!(page.contains("a page of HTML"), "{page}");
    }
}
