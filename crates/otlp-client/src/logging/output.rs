//! Where messages go: to the sink of the user, else to standard error in the format that was chosen.

use std::{
    io::Write,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU8, Ordering},
    },
    time::SystemTime,
};

use super::{Diagnostic, DiagnosticSeverity, Message};
use crate::{LogFormat, LogLevel};

/// What is done with a [`Diagnostic`].
pub(crate) type Sink = Arc<dyn Fn(&Diagnostic) + Send + Sync>;

/// Where messages go, and which.
pub(crate) struct Output {
    /// `None` for standard error.
    sink: Option<Sink>,
    /// A place in [`LEVELS`].
    level: AtomicU8,
    is_json: AtomicBool,
}

const LEVELS: [LogLevel; 6] =
    [LogLevel::Trace, LogLevel::Debug, LogLevel::Info, LogLevel::Warn, LogLevel::Error, LogLevel::Off];

impl Output {
    pub(crate) fn new(sink: Option<Sink>, level: LogLevel, format: LogFormat) -> Self {
        let output = Output { sink, level: AtomicU8::new(0), is_json: false.into() };
        output.set(level, format);
        output
    }

    /// Changes level and format, from the next message on.
    pub(crate) fn set(&self, level: LogLevel, format: LogFormat) {
        let place = LEVELS.iter().position(|known| *known == level).unwrap_or_default();
        self.level.store(place as u8, Ordering::Relaxed);
        self.is_json.store(format == LogFormat::Json, Ordering::Relaxed);
    }

    /// Whether a message of this severity is said.
    pub(crate) fn says(&self, severity: DiagnosticSeverity) -> bool {
        let level = LEVELS.get(usize::from(self.level.load(Ordering::Relaxed)));
        severity.is_said_at(level.copied().unwrap_or_default())
    }

    /// Says it, if messages of this severity are said.
    pub(crate) fn say(&self, severity: DiagnosticSeverity, message: Message, suppressed: u64) {
        if !self.says(severity) {
            return;
        }
        let Message { text, fields } = message;
        let diagnostic = Diagnostic { severity, message: text, suppressed, fields };
        match &self.sink {
            Some(sink) => sink(&diagnostic),
            None => self.print(&diagnostic),
        }
    }

    /// In one write, so that lines of several threads do not mix. A closed standard error must not panic, which `eprintln!`
    /// would.
    fn print(&self, diagnostic: &Diagnostic) {
        let mut line = match self.is_json.load(Ordering::Relaxed) {
            true => diagnostic.to_json(SystemTime::now()),
            false => diagnostic.to_string(),
        };
        line.push('\n');
        let _ = std::io::stderr().write_all(line.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use parking_lot::Mutex;

    use super::*;

    #[test]
    fn a_level_can_change_while_the_client_runs() {
        let said = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&said);
        let sink: Sink = Arc::new(move |one: &Diagnostic| sink.lock().push(one.message.clone()));
        let output = Output::new(Some(sink), LogLevel::Warn, LogFormat::Text);
        let say = |text: &str| output.say(DiagnosticSeverity::Info, text.into(), 0);
        say("too low");
        output.set(LogLevel::Info, LogFormat::Json);
        say("high enough");
        output.set(LogLevel::Off, LogFormat::Json);
        output.say(DiagnosticSeverity::Error, "silenced".into(), 0);
        assert_eq!(*said.lock(), ["high enough"]);
    }
}
