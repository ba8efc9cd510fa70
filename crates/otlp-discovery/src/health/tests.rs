//! The checks, against servers in this process.

use std::io;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use super::*;

async fn listen() -> (TcpListener, Endpoint) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = Endpoint::new("127.0.0.1", listener.local_addr().unwrap().port());
    (listener, endpoint)
}

/// Answers one connection, and returns what it was asked.
async fn answer(listener: TcpListener, answer: &'static [u8]) -> io::Result<String> {
    let (mut connection, _) = listener.accept().await?;
    let mut asked = vec![0; 1024];
    let len = connection.read(&mut asked).await?;
    connection.write_all(answer).await?;
    asked.truncate(len);
    Ok(String::from_utf8_lossy(&asked).into_owned())
}

#[tokio::test]
async fn a_port_that_takes_connections_is_well_and_a_closed_one_is_not() {
    let (listener, endpoint) = listen().await;
    TcpCheck.check(&endpoint).await.unwrap();
    drop(listener);
    let why = TcpCheck.check(&endpoint).await.unwrap_err();
    assert!(why.contains("refused"), "{why}");
}

#[tokio::test]
async fn a_path_that_answers_with_success_is_well() {
    let (listener, endpoint) = listen().await;
    let server = tokio::spawn(answer(listener, b"HTTP/1.1 204 No Content\r\n\r\n"));
    HttpCheck::new("/health").check(&endpoint).await.unwrap();
    let asked = server.await.unwrap().unwrap();
    assert!(asked.starts_with("GET /health HTTP/1.1\r\n") && asked.contains(&format!("host: {endpoint}")), "{asked}");
}

#[tokio::test]
async fn any_other_answer_and_none_are_not() {
    let answers: [(&[u8], &str); 4] = [
        (b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n", "503"),
        (b"HTTP/1.1 302 Found\r\nlocation: /\r\ncontent-length: 0\r\n\r\n", "302"),
        (b"SSH-2.0-OpenSSH\r\n", ""),
        (b"", ""),
    ];
    for (said, expected) in answers {
        let (listener, endpoint) = listen().await;
        let server = tokio::spawn(answer(listener, said));
        let why = HttpCheck::new("/health").check(&endpoint).await.unwrap_err();
        assert!(why.contains(expected) && !why.is_empty(), "{why}");
        server.await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn health_may_be_told_on_another_port_and_a_path_that_is_none_says_so() {
    let (listener, endpoint) = listen().await;
    let server = tokio::spawn(answer(listener, b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"));
    let check = HttpCheck::new("/health").with_port(endpoint.port);
    check.check(&Endpoint::new("127.0.0.1", 1)).await.unwrap();
    server.await.unwrap().unwrap();

    let (_listener, endpoint) = listen().await;
    let why = HttpCheck::new("not a path").check(&endpoint).await.unwrap_err();
    assert!(!why.is_empty());
}
