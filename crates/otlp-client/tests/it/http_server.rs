//! An HTTP server of the test: what others than receivers are asked by the client, and what they answer.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, mpsc},
    thread,
};

use crate::setup::DEADLINE;

/// A request as the server got it.
#[derive(Debug)]
pub(crate) struct Asked {
    /// The first line and the headers, as they were sent.
    pub(crate) head: String,
    pub(crate) body: String,
}

/// What is answered: headers and body, or nothing, and the request is held.
pub(crate) type Answer = Option<(String, String)>;

/// Answers requests with success as `answer` says, and tells what they were.
pub(crate) fn serve(answer: impl Fn(&Asked) -> Answer + Send + Sync + 'static) -> (SocketAddr, mpsc::Receiver<Asked>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (sender, asked) = mpsc::channel();
    let answer = Arc::new(answer);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (sender, answer) = (sender.clone(), Arc::clone(&answer));
            thread::spawn(move || while one(&stream, &*answer, &sender).is_some() {});
        }
    });
    (address, asked)
}

/// Takes a request, tells of it, and answers it.
fn one(stream: &TcpStream, answer: &dyn Fn(&Asked) -> Answer, told: &mpsc::Sender<Asked>) -> Option<()> {
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        reader.read_line(&mut head).ok().filter(|len| *len > 0)?;
    }
    let length = head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body).ok()?;
    let asked = Asked { head, body: String::from_utf8_lossy(&body).into_owned() };
    let mut stream = stream;
    let answer = answer(&asked);
    // Before the answer: who has that may look at once what was asked. Perhaps nobody looks.
    let _ = told.send(asked);
    match answer {
        Some((headers, body)) => {
            // In one piece, or the kernel waits in between for the other side.
            let answer = format!("HTTP/1.1 200 OK\r\n{headers}content-length: {}\r\n\r\n{body}", body.len());
            stream.write_all(answer.as_bytes()).ok()?;
        }
        // Whoever waits gives up at some time, and closes.
        None => drop(stream.read(&mut [0])),
    }
    Some(())
}

/// The next request whose first line begins so.
pub(crate) fn next(asked: &mpsc::Receiver<Asked>, begins: &str) -> Asked {
    loop {
        let one = asked.recv_timeout(DEADLINE).expect(begins);
        if one.head.starts_with(begins) {
            return one;
        }
    }
}
