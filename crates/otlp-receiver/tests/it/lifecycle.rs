//! Start, kill, restart, stop; with and without a runtime.

use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use otlp_core::Signal;
use otlp_receiver::{Fault, Receiver, Requests, StartError};
use tokio::io::AsyncReadExt as _;

use crate::{
    client::{Client, PATIENCE},
    messages,
};

/// Sends one span in JSON without any runtime; the first line of the answer.
fn send(address: SocketAddr) -> io::Result<String> {
    let mut connection = TcpStream::connect(address)?;
    connection.set_read_timeout(Some(PATIENCE))?;
    let body = String::from_utf8(messages::json(Signal::Traces, 1)).unwrap();
    write!(
        connection,
        "POST /v1/traces HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    )?;
    let mut answer = String::new();
    connection.read_to_string(&mut answer)?;
    Ok(answer.lines().next().unwrap_or_default().to_owned())
}

#[test]
fn a_receiver_on_its_own_thread_needs_no_runtime() {
    let receiver = Receiver::builder().start_blocking().unwrap();
    let address = receiver.http_address();
    assert_eq!(receiver.http_endpoint(), format!("http://{address}"));
    assert_eq!(send(address).unwrap(), "HTTP/1.1 200 OK");
    receiver.store().wait_for_items_blocking(Signal::Traces, 1, PATIENCE).unwrap();
    let error = receiver.store().wait_for_items_blocking(Signal::Traces, 2, Duration::ZERO).unwrap_err();
    assert!(error.to_string().ends_with("there were 1 spans, 0 data points, 0 log records"), "{error}");

    receiver.kill_blocking();
    assert_eq!(send(address).unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
    receiver.restart_blocking().unwrap();
    assert_eq!(send(address).unwrap(), "HTTP/1.1 200 OK");
    assert_eq!(receiver.store().count(Signal::Traces), 2);

    let store = receiver.store().clone();
    drop(receiver);
    assert_eq!(send(address).unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
    assert_eq!(store.count(Signal::Traces), 2, "the store outlives the receiver");
}

#[test]
fn a_receiver_on_its_own_thread_can_be_used_and_dropped_inside_a_runtime() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let receiver = Receiver::builder().start_blocking().unwrap();
        let mut client = Client::http2(receiver.grpc_address()).await;
        client.grpc(Signal::Logs, messages::request(Signal::Logs, 0, 2)).await.unwrap();
        receiver.store().wait_for_items(Signal::Logs, 2, PATIENCE).await.unwrap();
        receiver.kill_blocking();
        receiver.restart().await.unwrap();
    });
}

#[tokio::test]
async fn a_killed_receiver_resets_its_connections_and_comes_back_on_the_same_ports() {
    let receiver = Receiver::builder().start().await.unwrap();
    let (grpc, http) = (receiver.grpc_address(), receiver.http_address());
    for round in 0..20 {
        let mut client = Client::http2(grpc).await;
        let mut other = Client::http1(http).await;
        let mut silent = tokio::net::TcpStream::connect(http).await.unwrap();
        client.grpc(Signal::Traces, messages::request(Signal::Traces, round, 1)).await.unwrap();
        let connections = 3 * (round + 1);
        let accepted = |requests: &Requests| requests.totals().connections == connections;
        receiver.requests().wait_for(accepted, PATIENCE).await.unwrap();
        receiver.kill().await;
        assert_eq!(silent.read(&mut [0]).await.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
        client.grpc(Signal::Traces, messages::request(Signal::Traces, 0, 1)).await.unwrap_err();
        other.http(Signal::Traces, messages::request(Signal::Traces, 0, 1)).await.unwrap_err();
        for address in [grpc, http] {
            let error = tokio::net::TcpStream::connect(address).await.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
        }
        receiver.restart().await.unwrap();
        assert_eq!(receiver.store().count(Signal::Traces), round + 1);
    }
}

#[tokio::test]
async fn a_request_in_flight_is_lost_with_the_receiver() {
    let receiver = Receiver::builder().start().await.unwrap();
    receiver.faults().inject(Fault::delay(Duration::from_secs(3600)));
    let mut client = Client::http2(receiver.grpc_address()).await;
    let killed = async {
        receiver.faults().wait_for(|faults| !faults.log().is_empty(), PATIENCE).await.unwrap();
        receiver.kill().await;
    };
    let (reply, ()) = tokio::join!(client.grpc(Signal::Traces, messages::request(Signal::Traces, 0, 1)), killed);
    reply.unwrap_err();
    assert_eq!(receiver.store().count(Signal::Traces), 0);
}

#[tokio::test]
async fn refused_connections_leave_those_that_exist() {
    let receiver = Receiver::builder().start().await.unwrap();
    let mut client = Client::http1(receiver.http_address()).await;
    client.http(Signal::Traces, messages::request(Signal::Traces, 0, 1)).await.unwrap();
    receiver.refuse_connections().await;
    assert!(tokio::net::TcpStream::connect(receiver.http_address()).await.is_err());
    client.http(Signal::Traces, messages::request(Signal::Traces, 1, 1)).await.unwrap();
    receiver.restart().await.unwrap();
    receiver.restart().await.unwrap();
    Client::http1(receiver.http_address()).await;
    assert_eq!(receiver.store().count(Signal::Traces), 2);
}

#[tokio::test]
async fn a_receiver_killed_for_a_while_comes_back_by_itself() {
    let receiver = Receiver::builder().start().await.unwrap();
    receiver.kill_for(Duration::from_millis(1)).await;
    let returned = async {
        while tokio::net::TcpStream::connect(receiver.http_address()).await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, returned).await.unwrap();
}

#[tokio::test]
async fn a_shutdown_lets_a_request_end_and_closes_the_rest() {
    let receiver = Receiver::builder().start().await.unwrap();
    let address = receiver.grpc_address();
    let (faults, store) = (receiver.faults().clone(), receiver.store().clone());
    faults.inject(Fault::delay(Duration::from_millis(50)).times(1));
    let mut idle = Client::http1(receiver.http_address()).await;
    let mut client = Client::http2(address).await;
    let stopped = async {
        faults.wait_for(|faults| !faults.log().is_empty(), PATIENCE).await.unwrap();
        receiver.shutdown().await;
    };
    let (reply, ()) = tokio::join!(client.grpc(Signal::Traces, messages::request(Signal::Traces, 0, 3)), stopped);
    assert_eq!(reply.unwrap().grpc_status(), 0);
    assert_eq!(store.count(Signal::Traces), 3);
    idle.http(Signal::Traces, Vec::new()).await.unwrap_err();
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn an_address_in_use_is_named() {
    let receiver = Receiver::builder().start().await.unwrap();
    let error = Receiver::builder().http_address(receiver.http_address()).start().await.unwrap_err();
    assert!(matches!(&error, StartError::Listen { address, .. } if *address == receiver.http_address()));
    assert!(error.to_string().contains(&receiver.http_address().to_string()), "{error}");
}
