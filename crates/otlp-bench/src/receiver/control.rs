//! Starts the null receiver as a child process and asks it for its counts.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    process::{Child, ChildStdin, Command, Stdio},
};

use super::Counts;
use crate::Failure;

/// A running null receiver; ends when this is dropped.
pub(crate) struct NullReceiver {
    process: Child,
    /// The receiver lives as long as this end of its standard input is open.
    input: Option<ChildStdin>,
    address: String,
}

impl NullReceiver {
    /// Starts one and waits until it listens.
    pub(crate) fn start() -> Result<Self, Failure> {
        let mut process = Command::new(std::env::current_exe()?)
            .arg("null-receiver")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let input = process.stdin.take();
        let output = process.stdout.take().ok_or("the null receiver has no output")?;
        let mut address = String::new();
        BufReader::new(output).read_line(&mut address)?;
        let address = address.trim().to_owned();
        if address.is_empty() {
            return Err("the null receiver did not start".into());
        }
        Ok(NullReceiver { process, input, address })
    }

    /// Its host and port.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// What it received since the last reset.
    pub(crate) fn counts(&self) -> Result<Counts, Failure> {
        Ok(serde_json::from_str(&self.ask("GET /counts")?)?)
    }

    /// Begins to count from zero.
    pub(crate) fn reset(&self) -> Result<(), Failure> {
        self.ask("POST /reset").map(|_| ())
    }

    fn ask(&self, request: &str) -> Result<String, Failure> {
        let mut stream = TcpStream::connect(&self.address)?;
        write!(stream, "{request} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n\r\n", self.address)?;
        let mut response = String::new();
        stream.read_to_string(&mut response)?;
        let (head, body) = response.split_once("\r\n\r\n").ok_or("the null receiver's answer is cut off")?;
        if !head.starts_with("HTTP/1.1 200") {
            return Err(format!("the null receiver answered {head}").into());
        }
        Ok(body.to_owned())
    }
}

impl Drop for NullReceiver {
    fn drop(&mut self) {
        drop(self.input.take());
        let _ = self.process.wait();
    }
}
