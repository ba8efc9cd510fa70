//! A real Kafka: its jars by Maven, and one broker that is its own controller, gone with the tests.

use std::{
    fs::File,
    net::{Ipv4Addr, TcpListener},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use super::{Built, Counterpart, answers, folder};
use crate::cargo::{self, Failure};

/// The variable names the broker and not the jars.
pub(super) const COUNTERPART: Counterpart = Counterpart { name: "kafka", variable: "KAFKA_BROKERS", build };

const VERSION: &str = "4.1.1";
/// How often it is asked whether it is ready; each time takes about a second.
const QUESTIONS: usize = 60;

const POM: &str = r#"<project>
  <modelVersion>4.0.0</modelVersion>
  <groupId>counterpart</groupId>
  <artifactId>kafka</artifactId>
  <version>1</version>
  <packaging>pom</packaging>
  <dependencies>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>@VERSION@</version></dependency>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka-tools</artifactId><version>@VERSION@</version></dependency>
  </dependencies>
</project>
"#;

/// The jars.
fn build(bin: &Path) -> Result<Built, Failure> {
    for (program, argument) in [("java", "-version"), ("mvn", "-version"), ("make", "--version"), ("cc", "--version")] {
        if !answers(program, argument) {
            return Ok(Built::Skipped(format!("there is no `{program}` on the PATH")));
        }
    }
    let jars = bin.join(format!("kafka-{VERSION}"));
    if jars.is_dir() {
        return Ok(Built::There(jars));
    }
    println!("kafka {VERSION}: fetching its jars");
    let project = bin.join("kafka-source");
    folder::remove(&project)?;
    folder::create(&project)?;
    folder::write(&project.join("pom.xml"), &POM.replace("@VERSION@", VERSION))?;
    let mut maven = Command::new("mvn");
    maven.args(["-B", "-q", "dependency:copy-dependencies", "-DincludeScope=runtime", "-DoutputDirectory=jars"]);
    if let Err(failure) = cargo::run(maven.current_dir(&project)) {
        return Ok(Built::Skipped(format!("its jars cannot be had: {failure}; see above")));
    }
    folder::rename(&project.join("jars"), &jars)?;
    folder::remove(&project)?;
    Ok(Built::There(jars))
}

/// A running broker.
pub(super) struct Broker {
    address: String,
    data: PathBuf,
    child: Child,
}

impl Broker {
    /// Starts one on ports that the kernel gives, and waits until it answers.
    pub(super) fn start(jars: &Path, bin: &Path) -> Result<Self, Failure> {
        let listen = || TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
        // Bound at once, so that they differ, and left before the broker starts.
        let listeners = [listen(), listen()].map(|listener| listener?.local_addr());
        let [port, controller] = listeners.map(|address| address.map(|address| address.port()));
        let no_port = |error: std::io::Error| format!("there is no free port: {error}");
        let address = format!("127.0.0.1:{}", port.map_err(no_port)?);
        let controller = format!("127.0.0.1:{}", controller.map_err(no_port)?);

        let data = bin.join("kafka-data");
        folder::remove(&data)?;
        folder::create(&data)?;
        let properties = data.join("server.properties");
        folder::write(&properties, &settings(&address, &controller, &data))?;
        let properties = properties.to_string_lossy();
        let id = "AAAAAAAAQACAAAAAAAAAAQ";
        let format = ["format", "--standalone", "-t", id, "-c", &properties];
        cargo::run(java(jars).arg("kafka.tools.StorageTool").args(format).stdout(Stdio::null()))?;
        let log = File::create(data.join("broker.log")).map_err(|error| format!("cannot write a log: {error}"))?;
        let errors = log.try_clone().map_err(|error| format!("cannot write a log: {error}"))?;
        let mut broker = java(jars);
        let broker = broker.args(["kafka.Kafka", &properties]).stdout(log).stderr(errors);
        let child = broker.spawn().map_err(|error| format!("cannot start java: {error}"))?;
        let mut broker = Broker { address, data, child };
        broker.wait(jars)?;
        println!("kafka: a broker at {}", broker.address);
        Ok(broker)
    }

    /// `host:port`.
    pub(super) fn address(&self) -> &str {
        &self.address
    }

    fn wait(&mut self, jars: &Path) -> Result<(), Failure> {
        for _ in 0..QUESTIONS {
            if !matches!(self.child.try_wait(), Ok(None)) {
                break;
            }
            let mut question = java(jars);
            question.arg("org.apache.kafka.tools.BrokerApiVersionsCommand").args(["--bootstrap-server", &self.address]);
            let answer = question.stdout(Stdio::null()).stderr(Stdio::null()).status();
            if answer.is_ok_and(|status| status.success()) {
                return Ok(());
            }
        }
        Err(format!("the broker does not start; see {}", self.data.join("broker.log").display()))
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        // It has ended already if this fails.
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

fn java(jars: &Path) -> Command {
    let mut java = Command::new("java");
    java.args(["-Xmx512m", "-cp"]).arg(jars.join("*"));
    java
}

/// Broker and controller in one process, everything there once.
fn settings(address: &str, controller: &str, data: &Path) -> String {
    let listeners = format!("PLAINTEXT://{address},CONTROLLER://{controller}");
    let log = data.join("log").display().to_string();
    [
        ("process.roles", "broker,controller"),
        ("node.id", "1"),
        ("controller.quorum.bootstrap.servers", controller),
        ("listeners", &listeners),
        ("advertised.listeners", &listeners),
        ("listener.security.protocol.map", "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT"),
        ("inter.broker.listener.name", "PLAINTEXT"),
        ("controller.listener.names", "CONTROLLER"),
        ("log.dirs", &log),
        ("auto.create.topics.enable", "true"),
        ("offsets.topic.num.partitions", "1"),
        ("offsets.topic.replication.factor", "1"),
        ("transaction.state.log.num.partitions", "1"),
        ("transaction.state.log.replication.factor", "1"),
        ("transaction.state.log.min.isr", "1"),
        ("group.initial.rebalance.delay.ms", "0"),
    ]
    .map(|(name, value)| format!("{name}={value}\n"))
    .concat()
}
