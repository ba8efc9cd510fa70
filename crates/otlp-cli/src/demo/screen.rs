//! What the reader sees: lines that stay, and on a terminal one live line below them.
//!
//! If standard output cannot be written (a full disk, a closed pipe), everything goes to standard error from then on,
//! and the failure is kept to be said at the end. Nothing here panics.

use std::{
    fmt::Display,
    io::{self, IsTerminal, Write},
    time::{Duration, Instant},
};

/// How often progress is printed where there is no terminal.
const PLAIN_PROGRESS: Duration = Duration::from_secs(2);

/// The live line is cut here, for a line that wraps cannot be erased. Terminals are rarely narrower.
const LIVE_WIDTH: usize = 79;

/// Writes to the reader.
pub(crate) struct Screen<W = io::Stdout, E = io::Stderr> {
    output: W,
    fallback: E,
    is_terminal: bool,
    start: Instant,
    live: bool,
    last_progress: Option<Instant>,
    failure: Option<io::Error>,
}

impl Screen {
    pub(crate) fn new() -> Self {
        let output = io::stdout();
        let is_terminal = output.is_terminal();
        Screen::on(output, io::stderr(), is_terminal)
    }
}

impl<W: Write, E: Write> Screen<W, E> {
    fn on(output: W, fallback: E, is_terminal: bool) -> Self {
        Screen { output, fallback, is_terminal, start: Instant::now(), live: false, last_progress: None, failure: None }
    }

    /// A line that stays, as it is.
    pub(crate) fn line(&mut self, line: impl Display) {
        let erase = if std::mem::take(&mut self.live) { "\r\x1b[2K" } else { "" };
        self.write(&format!("{erase}{line}\n"));
    }

    /// A line that stays, with the time.
    pub(crate) fn event(&mut self, line: impl Display) {
        let elapsed = self.start.elapsed().as_secs_f64();
        self.line(format_args!("{elapsed:6.1} s  {line}"));
    }

    /// How things stand: replaces the live line, or is printed now and then.
    pub(crate) fn progress(&mut self, status: impl Display) {
        if self.is_terminal {
            let elapsed = self.start.elapsed().as_secs_f64();
            let line: String = format!("{elapsed:6.1} s  {status}").chars().take(LIVE_WIDTH).collect();
            self.live = true;
            self.write(&format!("\r\x1b[2K{line}"));
        } else if self.last_progress.is_none_or(|last| last.elapsed() >= PLAIN_PROGRESS) {
            self.last_progress = Some(Instant::now());
            self.event(status);
        }
    }

    /// Ends the output; the failure to write, if there was one.
    pub(crate) fn finish(mut self) -> Option<io::Error> {
        if self.live {
            self.write("\n");
        }
        self.failure
    }

    fn write(&mut self, text: &str) {
        if self.failure.is_none() {
            match self.output.write_all(text.as_bytes()).and_then(|()| self.output.flush()) {
                Ok(()) => return,
                Err(error) => {
                    let _ = writeln!(self.fallback, "cannot write to standard output: {error}; the rest comes here");
                    self.failure = Some(error);
                    self.is_terminal = false;
                }
            }
        }
        // Where nothing can be written at all, the exit code is left.
        let _ = self.fallback.write_all(text.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes so many writes, then is full.
    struct Disk {
        room: usize,
        written: Vec<u8>,
    }

    impl Write for Disk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if self.room == 0 {
                return Err(io::ErrorKind::StorageFull.into());
            }
            self.room -= 1;
            self.written.extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn on_a_terminal_the_live_line_is_replaced_and_lines_stay_above_it() {
        let (mut output, mut errors) = (Vec::new(), Vec::new());
        let mut screen = Screen::on(&mut output, &mut errors, true);
        screen.progress("one");
        screen.progress("x".repeat(200));
        screen.line("stays");
        assert!(screen.finish().is_none());
        let text = String::from_utf8(output).unwrap();
        assert!(text.contains("one\r\x1b[2K"), "{text:?}");
        assert!(text.ends_with("\r\x1b[2Kstays\n"), "{text:?}");
        assert!(text.split(['\r', '\n']).all(|line| line.len() <= LIVE_WIDTH + 4), "{text:?}");
        assert!(errors.is_empty());
    }

    #[test]
    fn elsewhere_progress_is_a_plain_line_now_and_then() {
        let (mut output, mut errors) = (Vec::new(), Vec::new());
        let mut screen = Screen::on(&mut output, &mut errors, false);
        screen.progress("one");
        screen.progress("two");
        screen.finish();
        let text = String::from_utf8(output).unwrap();
        assert!(text.ends_with("one\n") && !text.contains("two") && !text.contains('\x1b'), "{text:?}");
    }

    #[test]
    fn a_full_disk_is_said_once_and_the_rest_goes_to_standard_error() {
        let mut disk = Disk { room: 1, written: Vec::new() };
        let mut errors = Vec::new();
        let mut screen = Screen::on(&mut disk, &mut errors, false);
        for line in ["a", "b", "c"] {
            screen.line(line);
        }
        assert_eq!(screen.finish().map(|error| error.kind()), Some(io::ErrorKind::StorageFull));
        assert_eq!(disk.written, b"a\n");
        let errors = String::from_utf8(errors).unwrap();
        assert!(errors.starts_with("cannot write to standard output") && errors.ends_with("\nb\nc\n"), "{errors:?}");
    }
}
