//! The program as people start it.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
};

use tokio::time::timeout;

use crate::{MINUTE, answer};

/// Ends the program with the test, however that ends.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn the_program_serves_where_it_says() {
    let mut program =
        Running(Command::new(env!("CARGO_BIN_EXE_resilient-service")).stdout(Stdio::piped()).spawn().unwrap());
    let mut lines = BufReader::new(program.0.stdout.take().unwrap()).lines();
    let mut address = |name: &str| {
        let line = lines.next().unwrap().unwrap();
        line.strip_prefix(name).unwrap_or_else(|| panic!("{name}: {line}")).trim().to_owned()
    };
    let (checkout, admin, provider) = (address("checkout"), address("admin"), address("provider"));
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let payment = serde_json::json!({ "order": "1", "amount_cents": 4200 });

    let paid = answer(http.post(format!("{checkout}/pay")).json(&payment)).await;
    assert_eq!((paid.status.as_u16(), &paid.body["order"]), (200, &"1".into()));
    let mode = serde_json::json!({ "mode": "failing" });
    assert_eq!(answer(http.put(format!("{provider}/mode")).json(&mode)).await.status, 200);
    let payment = serde_json::json!({ "order": "2", "amount_cents": 4200 });
    assert_eq!(answer(http.post(format!("{checkout}/pay")).json(&payment)).await.status, 502);
    assert_eq!(answer(http.get(format!("{admin}/health"))).await.status, 200);
}

#[tokio::test]
async fn the_program_refuses_settings_that_cannot_work() {
    let complaint = refused(r#"{ "attempt": { "kind": "timeout", "after": "0s" } }"#).await;
    assert_eq!(complaint, "payments.attempt.after = 0ns is not accepted: it takes more than zero\n");
    let complaint = refused("{").await;
    assert!(complaint.contains("--policies") && complaint.contains("line 1"), "{complaint}");
}

/// What the program says to a file of settings that it ends at once for.
async fn refused(settings: &str) -> String {
    let name = format!("resilient-service-{}-{}.json", std::process::id(), settings.len());
    let file = std::env::temp_dir().join(name);
    std::fs::write(&file, settings).unwrap();
    let mut program = tokio::process::Command::new(env!("CARGO_BIN_EXE_resilient-service"));
    let ended = program.arg("--policies").arg(&file).kill_on_drop(true).output();
    let ended = timeout(MINUTE / 2, ended).await.expect("it does not serve").unwrap();
    std::fs::remove_file(&file).unwrap();
    assert_eq!(ended.status.code(), Some(1));
    String::from_utf8(ended.stderr).unwrap()
}
