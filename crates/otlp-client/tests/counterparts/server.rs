//! A server of somebody else's, for one test: a process with ports that the kernel gave and a folder, gone with the test.

use std::{
    env,
    fs::{self, File},
    io::{Write, stderr},
    net::{Ipv4Addr, TcpListener},
    path::{Path, PathBuf},
    process::{Child, Command},
    thread,
    time::Duration,
};

use crate::http;

/// How often other ports are tried, should somebody else have taken one meanwhile.
const STARTS: usize = 5;
/// How often a server is asked whether it is ready, with a pause of [`PAUSE`] after each time.
const QUESTIONS: usize = 1_200;
const PAUSE: Duration = Duration::from_millis(50);

/// The program that this variable names. `None`, and a line in the output of the tests, if it names none.
pub(crate) fn program(variable: &str) -> Option<PathBuf> {
    let program = named(variable).map(PathBuf::from);
    let found = program.as_deref().map_or("nothing".into(), Path::to_string_lossy);
    program.as_ref().inspect(|_| say(&format!("against {found}")))?;
    program
}

/// What this variable says; a test without it is skipped, and says so.
pub(crate) fn named(variable: &str) -> Option<String> {
    let value = env::var(variable).ok().filter(|value| !value.is_empty());
    if value.is_none() {
        say(&format!("skipped, {variable} is not set; `cargo xtask counterparts` sets it"));
    }
    value
}

/// Prints past the test harness, which keeps back what tests print that pass.
pub(crate) fn say(line: &str) {
    let thread = thread::current();
    _ = writeln!(stderr(), "counterparts: {}: {line}", thread.name().unwrap_or("a test"));
}

/// Asks until there is an answer; nothing else tells what happens inside of another process.
pub(crate) fn until<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    for _ in 0..QUESTIONS {
        if let Some(answer) = ask() {
            return answer;
        }
        thread::sleep(PAUSE);
    }
    panic!("not within {:?}: {what}", PAUSE * QUESTIONS as u32);
}

/// How a server is started.
pub(crate) struct Start {
    pub(crate) arguments: Vec<String>,
    /// The port and the path that answer 200 once it is ready.
    pub(crate) health: (u16, &'static str),
}

/// A running server.
pub(crate) struct Server {
    program: PathBuf,
    folder: Folder,
    ports: Vec<u16>,
    start: Start,
    child: Child,
}

impl Server {
    /// Starts it, and waits until it is ready. `start` gets its folder and its ports, writes its configuration, and says
    /// how it is started.
    pub(crate) fn start<const PORTS: usize>(program: PathBuf, start: impl Fn(&Path, [u16; PORTS]) -> Start) -> Self {
        let folder = Folder::new();
        for _ in 0..STARTS {
            // Bound at once, so that they differ, and left before the server starts.
            let listeners = [(); PORTS].map(|()| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap());
            let ports = listeners.each_ref().map(|listener| listener.local_addr().unwrap().port());
            drop(listeners);
            let start = start(&folder.0, ports);
            if let Some(child) = spawn(&program, &folder.0, &start) {
                return Server { program, folder, ports: ports.into(), start, child };
            }
        }
        panic!("{} does not start:\n{}", program.display(), log(&folder.0));
    }

    /// One of the ports that it was started with.
    pub(crate) fn port(&self, index: usize) -> u16 {
        self.ports[index]
    }

    /// Its folder.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder.0
    }

    /// Asks it to end, and waits until it has: what it has to write is written then.
    pub(crate) fn stop(&mut self) {
        let asked = Command::new("kill").args(["-s", "TERM", &self.child.id().to_string()]).status().unwrap();
        assert!(asked.success(), "cannot ask {} to end: {asked}", self.program.display());
        self.child.wait().unwrap();
    }

    /// Starts it again at the same ports and in the same folder.
    pub(crate) fn start_again(&mut self) {
        let child = spawn(&self.program, &self.folder.0, &self.start);
        self.child = child.unwrap_or_else(|| panic!("it does not start again:\n{}", log(&self.folder.0)));
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

/// Starts it, and asks it until it is ready; `None` if it ends before.
fn spawn(program: &Path, folder: &Path, start: &Start) -> Option<Child> {
    let output = File::options().create(true).append(true).open(folder.join("log")).unwrap();
    let mut child = Command::new(program)
        .args(&start.arguments)
        .stdout(output.try_clone().unwrap())
        .stderr(output)
        .spawn()
        .unwrap_or_else(|error| panic!("cannot start {}: {error}", program.display()));
    let (port, path) = start.health;
    let is_ready = || http::get(port, path).is_ok_and(|(status, _)| status == 200);
    let lives = until("the server is ready", || match child.try_wait().unwrap() {
        Some(_) => Some(false),
        None => is_ready().then_some(true),
    });
    lives.then_some(child)
}

/// What it said.
fn log(folder: &Path) -> String {
    fs::read_to_string(folder.join("log")).unwrap_or_default()
}

/// A folder that is gone after the test.
pub(crate) struct Folder(pub(crate) PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        let path = env::temp_dir().join(format!("otlp-counterpart-{:016x}", fastrand::u64(..)));
        fs::create_dir(&path).unwrap();
        Folder(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        _ = fs::remove_dir_all(&self.0);
    }
}
