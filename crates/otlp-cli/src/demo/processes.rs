//! The services as processes: this program, started again.
//!
//! Each is in a process group of its own, so that Ctrl-C in the terminal reaches the demo alone; the demo then ends them
//! in order. One that outlives the demo sees its standard input end. What becomes of a process is told as an event.

use std::{env, io, process::Stdio, sync::Arc};

use tokio::{
    io::{AsyncWriteExt, BufReader},
    process::{Child, ChildStdin, ChildStdout, Command},
    sync::{Notify, mpsc},
    task::JoinHandle,
};

use super::{
    event::Event,
    message::{self, Order},
    topology::Service,
};

/// A process that was started.
pub(crate) struct Process {
    pub(crate) id: u32,
    input: ChildStdin,
    kill: Arc<Notify>,
    watching: JoinHandle<()>,
}

impl Process {
    /// Starts a service.
    ///
    /// # Errors
    /// If the process cannot be started.
    pub(crate) fn start(service: Service, events: mpsc::Sender<Event>) -> io::Result<Self> {
        let mut command = Command::new(env::current_exe()?);
        command.args(["demo-service", "--name", service.name()]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        #[cfg(unix)]
        command.process_group(0);
        // CREATE_NEW_PROCESS_GROUP
        #[cfg(windows)]
        command.creation_flags(0x200);
        let mut child = command.spawn()?;
        let (Some(id), Some(input), Some(output)) = (child.id(), child.stdin.take(), child.stdout.take()) else {
            return Err(io::Error::other("the process has no pipes"));
        };
        let kill = Arc::new(Notify::new());
        let watching = tokio::spawn(watch(service, child, output, Arc::clone(&kill), events));
        Ok(Process { id, input, kill, watching })
    }

    /// Kills the process, which cannot prevent it: SIGKILL. What it has written until then is still reported.
    pub(crate) fn kill(&self) {
        self.kill.notify_one();
    }

    /// Tells the service to do something. If it is dead, that is told as an event.
    pub(crate) async fn tell(&mut self, order: &Order) {
        if let Ok(line) = message::line(order) {
            let _ = self.input.write_all(line.as_bytes()).await;
        }
    }
}

impl Drop for Process {
    /// Ends the process, if it has not ended.
    fn drop(&mut self) {
        self.watching.abort();
    }
}

/// Tells what the service reports, and then how it ended.
async fn watch(
    service: Service,
    mut child: Child,
    output: ChildStdout,
    kill: Arc<Notify>,
    events: mpsc::Sender<Event>,
) {
    let mut output = BufReader::new(output);
    let mut was_killed = false;
    let how = loop {
        let mut next = std::pin::pin!(message::next(&mut output));
        let message = loop {
            tokio::select! {
                message = &mut next => break message,
                () = kill.notified(), if !was_killed => {
                    was_killed = true;
                    // If it fails, the process has ended already.
                    let _ = child.start_kill();
                }
            }
        };
        match message {
            Ok(Some(report)) => {
                if events.send(Event::Report(service, Box::new(report))).await.is_err() {
                    return;
                }
            }
            Ok(None) => break None,
            // The end of its last message died with it.
            Err(_) if was_killed => break None,
            // A service that talks nonsense is of no use; without this it would be waited for.
            Err(error) => {
                let _ = child.start_kill();
                break Some(format!("its output cannot be read: {error}"));
            }
        }
    };
    let status = child.wait().await.map_or_else(|error| error.to_string(), |status| status.to_string());
    let _ = events.send(Event::Gone(service, how.unwrap_or(status))).await;
}
