//! A real Consul agent: the one that `CONSUL_BIN` names, or the one on the PATH.

use std::{
    env,
    ffi::OsString,
    fs,
    io::{BufRead, BufReader, Write, stderr},
    net::{Ipv4Addr, TcpListener},
    path::PathBuf,
    process::{Child, Command, Stdio},
};

/// The token that may do everything, at agents with access control.
pub(crate) const MANAGEMENT_TOKEN: &str = "3d7f10a5-40cf-4d2e-9a8b-64f0c1f2a9b7";

/// How often other ports are tried, should somebody else have taken one meanwhile.
const ATTEMPTS: usize = 5;

/// An agent of its own for one test, gone with it.
pub(crate) struct RealAgent {
    binary: PathBuf,
    folder: PathBuf,
    ports: Vec<u16>,
    child: Child,
}

impl RealAgent {
    /// Starts an agent, and waits until it is ready. `None`, and a line in the output of the tests, if there is no Consul.
    pub(crate) fn start(test: &str, has_access_control: bool) -> Option<Self> {
        let Some(binary) = binary() else {
            say(&format!(
                "{test}: skipped, no Consul: set CONSUL_BIN or run `cargo xtask counterparts`; the recorded answers are used"
            ));
            return None;
        };
        let folder = env::temp_dir().join(format!("otlp-consul-{:016x}", fastrand::u64(..)));
        fs::create_dir(&folder).unwrap();
        let config = match has_access_control {
            true => {
                let tokens =
                    format!(r#"{{"initial_management": "{MANAGEMENT_TOKEN}", "agent": "{MANAGEMENT_TOKEN}"}}"#);
                format!(r#"{{"acl": {{"enabled": true, "default_policy": "deny", "tokens": {tokens}}}}}"#)
            }
            false => "{}".to_owned(),
        };
        fs::write(folder.join("agent.json"), config).unwrap();
        for _ in 0..ATTEMPTS {
            // Bound at once, so that they differ, and left before the agent starts.
            let listeners: Vec<_> = (0..4).map(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap()).collect();
            let ports: Vec<u16> = listeners.iter().map(|listener| listener.local_addr().unwrap().port()).collect();
            drop(listeners);
            if let Some(child) = spawn(&binary, &folder, &ports) {
                say(&format!("{test}: against the real agent {}", binary.display()));
                return Some(RealAgent { binary, folder, ports, child });
            }
        }
        panic!("{} does not start; see its output above", binary.display());
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.ports[0])
    }

    /// Kills it.
    pub(crate) fn stop(&mut self) {
        _ = self.child.kill();
        _ = self.child.wait();
    }

    /// Starts it again at the same ports. It has forgotten everything.
    pub(crate) fn start_again(&mut self) {
        self.child = spawn(&self.binary, &self.folder, &self.ports).expect("the ports are free again");
    }
}

impl Drop for RealAgent {
    fn drop(&mut self) {
        self.stop();
        _ = fs::remove_dir_all(&self.folder);
    }
}

/// Prints past the test harness, which keeps back what tests print that pass.
fn say(line: &str) {
    _ = writeln!(stderr(), "consul: {line}");
}

fn binary() -> Option<PathBuf> {
    match env::var_os("CONSUL_BIN").filter(|path| !path.is_empty()) {
        Some(path) => Some(PathBuf::from(path)),
        None => {
            let path: OsString = env::var_os("PATH")?;
            env::split_paths(&path).map(|folder| folder.join("consul")).find(|file| file.is_file())
        }
    }
}

/// Starts it and reads its log until it is ready; `None` if it ends before.
fn spawn(binary: &PathBuf, folder: &PathBuf, ports: &[u16]) -> Option<Child> {
    let [http, server, lan, wan] = ports else { panic!("an agent has four ports") };
    let mut child = Command::new(binary)
        .args(["agent", "-dev", "-bind", "127.0.0.1", "-log-level", "info", "-config-dir"])
        .arg(folder)
        .args(["-dns-port", "-1", "-grpc-port", "-1", "-grpc-tls-port", "-1"])
        .args(["-http-port", &http.to_string(), "-server-port", &server.to_string()])
        .args(["-serf-lan-port", &lan.to_string(), "-serf-wan-port", &wan.to_string()])
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap_or_else(|error| panic!("cannot start {}: {error}", binary.display()));
    let mut log = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut last = String::new();
    for line in log.by_ref().map_while(Result::ok) {
        if line.contains("agent: Synced node info") {
            // What it logs from now on is read and thrown away, or it would wait for us.
            std::thread::spawn(move || log.for_each(drop));
            return Some(child);
        }
        last = line;
    }
    say(&format!("the agent ended: {last}"));
    _ = child.wait();
    None
}
