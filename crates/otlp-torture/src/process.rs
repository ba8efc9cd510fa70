//! A child process as the parent sees it: what it says, how it ends, how much memory it has.

use std::{
    env, fs,
    io::{BufRead, BufReader, Write},
    process::{Child, ChildStdin, Command, ExitStatus, Stdio},
    sync::mpsc::{self, RecvTimeoutError},
    thread,
    time::{Duration, Instant},
};

use crate::{
    Failure,
    orders::{Answer, Orders, Word},
};

/// What a child was doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Phase {
    /// It had not said that its queue is open: reading the command line, recovering.
    Starting,
    /// It was recording.
    Running,
    /// It had begun to shut down.
    Stopping,
}

/// How a child ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// By `kill -9`, while it was at that.
    Killed(Phase),
    /// By itself, in order.
    InOrder,
}

/// A running child. Dropped, it is killed.
pub(crate) struct Process {
    child: Child,
    input: ChildStdin,
    answers: mpsc::Receiver<Answer>,
    phase: Phase,
}

impl Process {
    /// Starts this program as a child, by itself or by a shell that sets `limit` first.
    ///
    /// # Errors
    /// If it cannot be started.
    pub(crate) fn start(orders: &Orders, limit: Option<&str>) -> Result<Self, Failure> {
        let program = env::current_exe()?;
        let mut command = match limit {
            None => Command::new(program),
            Some(limit) => {
                let mut shell = Command::new("sh");
                shell.args(["-c", &format!("{limit}; exec \"$0\" \"$@\"")]).arg(program);
                shell
            }
        };
        command.arg("child").arg(serde_json::to_string(orders)?);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err("the child has no pipes".into());
        };
        let (sender, answers) = mpsc::channel();
        thread::spawn(move || {
            let lines = BufReader::new(output).lines().map_while(Result::ok);
            // A line that is torn was cut by a kill.
            for answer in lines.filter_map(|line| serde_json::from_str(&line).ok()) {
                if sender.send(answer).is_err() {
                    break;
                }
            }
        });
        Ok(Process { child, input, answers, phase: Phase::Starting })
    }

    /// Tells the child something. One that is dead is found out when it is waited for.
    pub(crate) fn tell(&mut self, word: Word) {
        if let Ok(text) = serde_json::to_string(&word) {
            let _ = writeln!(self.input, "{text}");
        }
    }

    /// Waits until the child says `wanted`.
    ///
    /// # Errors
    /// If it ends or fails before, or says nothing of the sort within that time.
    pub(crate) fn wait_for(&mut self, wanted: &Answer, within: Duration) -> Result<(), Failure> {
        let until = Instant::now() + within;
        loop {
            match self.answers.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(answer) => {
                    self.note(&answer)?;
                    if answer == *wanted {
                        return Ok(());
                    }
                }
                Err(RecvTimeoutError::Timeout) => return Err(format!("no {wanted:?} within {within:?}").into()),
                Err(RecvTimeoutError::Disconnected) => {
                    let status = self.child.wait()?;
                    return Err(format!("the child ended with {status} and did not say {wanted:?}").into());
                }
            }
        }
    }

    /// Lets the child go on for that long, or until it ends.
    ///
    /// # Errors
    /// If it says that it failed.
    pub(crate) fn let_run(&mut self, time: Duration) -> Result<(), Failure> {
        let until = Instant::now() + time;
        loop {
            match self.answers.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(answer) => self.note(&answer)?,
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => return Ok(()),
            }
        }
    }

    /// Kills the child with a signal that it cannot see, and waits until it is gone.
    ///
    /// # Errors
    /// If it had ended otherwise than by this or in order.
    pub(crate) fn kill(mut self) -> Result<Ending, Failure> {
        self.child.kill()?;
        let status = self.child.wait()?;
        while let Ok(answer) = self.answers.recv() {
            self.note(&answer)?;
        }
        if is_killed(status) {
            return Ok(Ending::Killed(self.phase));
        }
        in_order(status)
    }

    /// Waits until the child has ended in order.
    ///
    /// # Errors
    /// If it ends otherwise, or not within that time.
    pub(crate) fn wait(mut self, within: Duration) -> Result<Ending, Failure> {
        self.wait_for(&Answer::Done, within)?;
        in_order(self.child.wait()?)
    }

    fn note(&mut self, answer: &Answer) -> Result<(), Failure> {
        match answer {
            Answer::Ready => self.phase = Phase::Running,
            Answer::Stopping => self.phase = Phase::Stopping,
            Answer::Failed(why) => return Err(format!("the child failed: {why}").into()),
            Answer::Stuck | Answer::Unstuck | Answer::Done => {}
        }
        Ok(())
    }

    /// Memory in RAM now, in KiB, where the system tells.
    pub(crate) fn resident_kib(&self) -> Option<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
        line.trim().trim_end_matches("kB").trim().parse().ok()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // After `kill` and `wait` there is nothing to kill.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn in_order(status: ExitStatus) -> Result<Ending, Failure> {
    if status.success() { Ok(Ending::InOrder) } else { Err(format!("the child ended with {status}").into()) }
}

#[cfg(unix)]
fn is_killed(status: ExitStatus) -> bool {
    const SIGKILL: i32 = 9;
    std::os::unix::process::ExitStatusExt::signal(&status) == Some(SIGKILL)
}

/// Elsewhere a process is ended with the code 1, which is also what a child that failed ends with; that one has said so.
#[cfg(not(unix))]
fn is_killed(status: ExitStatus) -> bool {
    status.code() == Some(1)
}
