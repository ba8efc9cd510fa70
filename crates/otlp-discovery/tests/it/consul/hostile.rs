//! Something else where an agent should be: one that never ends an answer, and one that speaks another protocol.

use otlp_discovery::{ConsulConfig, ConsulResolver};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use super::{Running, until_failed, watched};

/// Answers each connection with `beginning`, and then with `more` for as long as it is read.
async fn start(beginning: &'static str, more: &'static [u8]) -> (Running, ConsulConfig) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let config = ConsulConfig::new(format!("http://{}", listener.local_addr().unwrap()));
    let serve = async move |mut socket: TcpStream| -> std::io::Result<()> {
        // The request has no body.
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            request.push(socket.read_u8().await?);
        }
        socket.write_all(beginning.as_bytes()).await?;
        while !more.is_empty() {
            socket.write_all(more).await?;
        }
        Ok(())
    };
    let running = Running::new(async move {
        while let Ok((socket, _)) = listener.accept().await {
            // It ends when the client hangs up.
            let _ = serve(socket).await;
        }
    });
    (running, config)
}

#[tokio::test]
async fn an_answer_without_end_and_another_protocol_are_refused_and_said() {
    const CHUNK: &[u8] = &[b' '; 64 << 10];
    let rows: [(&str, &[u8], &str); 3] = [
        ("HTTP/1.1 200 OK\r\nX-Consul-Index: 7\r\n\r\n[", CHUNK, "MiB"),
        ("HTTP/1.1 200 OK\r\nX-Consul-Index: 7\r\nContent-Length: 99999999999\r\n\r\n[", CHUNK, "MiB"),
        ("220 mail.example.org ESMTP\r\n", &[], "cannot be reached"),
    ];
    for (beginning, more, says) in rows {
        let (_agent, config) = start(beginning, more).await;
        let (_running, mut found) = watched(ConsulResolver::new(&config).unwrap(), "checkout");
        let failure = until_failed(&mut found).await;
        assert!(failure.contains(says), "{beginning:?}: {failure}");
        assert!(failure.len() < 1_000, "{failure}");
    }
}
