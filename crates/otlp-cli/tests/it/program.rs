//! Runs the program `otlp`, reading its output line by line while it runs.

use std::{
    io::{BufRead, BufReader},
    process::{Child, ChildStdout, Command, ExitStatus, Output, Stdio},
};

/// A running program. Dropped, it is killed.
pub(crate) struct Program {
    child: Child,
    output: BufReader<ChildStdout>,
    seen: String,
}

impl Program {
    /// Starts `otlp` with these arguments, and with none of the variables that its clients would read.
    pub(crate) fn start(arguments: &[&str]) -> Self {
        let mut child = command(arguments).stdout(Stdio::piped()).spawn().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        Program { child, output, seen: String::new() }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Reads up to and including the next line that contains `text`, and returns that line.
    pub(crate) fn wait_for(&mut self, text: &str) -> String {
        loop {
            let mut line = String::new();
            assert!(self.output.read_line(&mut line).unwrap() > 0, "no line has {text:?}:\n{}", self.seen);
            self.seen += &line;
            if line.contains(text) {
                return line;
            }
        }
    }

    /// Waits for the end: how it ended, and all that it printed.
    pub(crate) fn finish(mut self) -> (ExitStatus, String) {
        while self.output.read_line(&mut self.seen).unwrap() > 0 {}
        (self.child.wait().unwrap(), std::mem::take(&mut self.seen))
    }
}

/// Runs `otlp` to its end: how it ended, and all that it printed.
pub(crate) fn run(arguments: &[&str]) -> Output {
    command(arguments).output().unwrap()
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_otlp"));
    let variables = std::env::vars_os().map(|(name, _)| name);
    for name in variables.filter(|name| name.to_string_lossy().starts_with("OTEL_")) {
        command.env_remove(name);
    }
    command.args(arguments).stdin(Stdio::null());
    command
}

impl Drop for Program {
    fn drop(&mut self) {
        // After `finish` there is nothing to kill.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sends a signal to a process.
#[cfg(unix)]
pub(crate) fn signal(name: &str, process: u32) {
    let status = Command::new("kill").args([format!("-{name}"), process.to_string()]).status().unwrap();
    assert!(status.success());
}
