//! Credentials: which are sent, when they are renewed, and that nothing is lost when they cannot be.

use std::{
    fs,
    path::PathBuf,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use otlp_core::{ErrorKind, Outcome, Signal};
use otlp_transport::{
    AnyTransport, Auth, AuthError, Authenticate, Credentials, EventHook, Protocol, Transport, TransportConfig,
    TransportEvent, async_trait,
};
use tokio::{sync::Notify, task::JoinSet};

use crate::{
    directory::Directory,
    requests::{config, refused, request, retryable},
    response::{accepted, grpc, respond},
    server::{Reply, Server},
};

const PROTOCOLS: [Protocol; 3] = [Protocol::Grpc, Protocol::HttpProtobuf, Protocol::HttpJson];

/// A receiver that takes only requests with this token, which can be changed.
struct Guarded {
    server: Server,
    token: Arc<Mutex<String>>,
}

impl Guarded {
    async fn start(protocol: Protocol, token: &str) -> Self {
        let token = Arc::new(Mutex::new(format!("Bearer {token}")));
        let accepts = token.clone();
        let server = Server::start(protocol, move |seen| {
            let is_known = seen.headers.get("authorization").is_some_and(|sent| *sent == *accepts.lock().unwrap());
            Reply::Respond(match protocol {
                protocol if is_known => accepted(protocol),
                Protocol::Grpc => grpc(b"", &[("grpc-status", "16")]),
                _ => respond(401, &[], ""),
            })
        })
        .await;
        Guarded { server, token }
    }

    fn accept(&self, token: &str) {
        *self.token.lock().unwrap() = format!("Bearer {token}");
    }

    /// The tokens that were sent, in order.
    fn sent(&self) -> Vec<String> {
        let token = |header: &http::HeaderValue| header.to_str().unwrap().strip_prefix("Bearer ").unwrap().to_owned();
        self.server.seen().iter().map(|seen| token(&seen.headers["authorization"])).collect()
    }

    fn transport(&self, protocol: Protocol, auth: Auth) -> (Arc<AnyTransport>, Arc<Mutex<Vec<TransportEvent>>>) {
        let said = Arc::new(Mutex::new(Vec::new()));
        let mut config = config(&self.server.url());
        config.auth = Some(auth);
        config.events = listening(&said);
        (Arc::new(AnyTransport::new(protocol, config).unwrap()), said)
    }
}

fn listening(said: &Arc<Mutex<Vec<TransportEvent>>>) -> EventHook {
    let said = said.clone();
    EventHook::new(move |event| said.lock().unwrap().push(event.clone()))
}

async fn send(transport: &AnyTransport) -> Outcome {
    transport.send(&request(Signal::Traces, 1)).await
}

/// Gives the tokens `1`, `2`, …, each when it is told to.
struct Counter {
    given: AtomicUsize,
    lifetime: Option<Duration>,
    /// Waited for at each call, if there.
    gate: Option<Notify>,
    asked: Notify,
}

impl Counter {
    fn new(lifetime: Option<Duration>) -> Arc<Self> {
        Arc::new(Counter { given: AtomicUsize::new(0), lifetime, gate: None, asked: Notify::new() })
    }

    fn gated() -> Arc<Self> {
        Arc::new(Counter {
            given: AtomicUsize::new(0),
            lifetime: None,
            gate: Some(Notify::new()),
            asked: Notify::new(),
        })
    }

    fn calls(&self) -> usize {
        self.given.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl Authenticate for Counter {
    async fn authenticate(&self) -> Result<Credentials, AuthError> {
        let call = self.given.fetch_add(1, Ordering::SeqCst) + 1;
        self.asked.notify_one();
        if let Some(gate) = &self.gate {
            gate.notified().await;
        }
        let credentials = Credentials::bearer(call.to_string());
        Ok(match self.lifetime {
            Some(lifetime) => credentials.expires_after(lifetime),
            None => credentials,
        })
    }
}

#[tokio::test]
async fn a_bearer_token_is_sent_with_each_request() {
    for protocol in PROTOCOLS {
        let guarded = Guarded::start(protocol, "hunter2").await;
        let (transport, _) = guarded.transport(protocol, Auth::bearer("hunter2"));
        for _ in 0..2 {
            assert_eq!(send(&transport).await, Outcome::delivered());
        }
        assert_eq!(guarded.sent(), ["hunter2"; 2]);
        guarded.accept("another");
        let (kind, message) = refused(send(&transport).await);
        assert_eq!(kind, ErrorKind::Unauthorized);
        assert!(!message.contains("hunter2") && message.contains("check the credentials"), "{message}");
        assert_eq!(guarded.sent().len(), 3, "there is no other token to try");
    }
}

#[tokio::test]
async fn a_replaced_token_file_is_read_again_within_its_time() {
    let directory = Directory::new();
    let file = directory.file("token", " first\n");
    let guarded = Guarded::start(Protocol::HttpProtobuf, "first").await;
    let (transport, _) = guarded.transport(Protocol::HttpProtobuf, Auth::bearer_file(&file));
    assert_eq!(send(&transport).await, Outcome::delivered());
    fs::write(&file, "second").unwrap();
    guarded.accept("second");
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(2)).await;
    tokio::time::resume();
    assert_eq!(send(&transport).await, Outcome::delivered());
    assert_eq!(guarded.sent(), ["first", "second"]);
}

#[tokio::test]
async fn a_refused_token_is_read_from_its_file_at_once_and_the_request_sent_again() {
    for protocol in PROTOCOLS {
        let directory = Directory::new();
        let file = directory.file("token", "first");
        let guarded = Guarded::start(protocol, "second").await;
        let (transport, _) = guarded.transport(protocol, Auth::bearer_file(&file));
        let (kind, _) = refused(send(&transport).await);
        assert_eq!(kind, ErrorKind::Unauthorized);
        assert_eq!(guarded.sent(), ["first"], "what the file holds is refused: there is nothing else to send");
        fs::write(&file, "second").unwrap();
        assert_eq!(send(&transport).await, Outcome::delivered());
        assert_eq!(guarded.sent()[1..], ["first", "second"]);
    }
}

#[tokio::test]
async fn a_token_file_that_vanishes_leaves_the_last_token_and_says_so() {
    let directory = Directory::new();
    let file = directory.file("token", "hunter2");
    let guarded = Guarded::start(Protocol::Grpc, "hunter2").await;
    let (transport, said) = guarded.transport(Protocol::Grpc, Auth::bearer_file(&file));
    fs::remove_file(&file).unwrap();
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(2)).await;
    tokio::time::resume();
    assert_eq!(send(&transport).await, Outcome::delivered());
    let said: Vec<_> = said.lock().unwrap().iter().map(|event| (event.is_warning(), event.to_string())).collect();
    assert!(said.len() == 1 && said[0].0, "{said:?}");
    assert!(said[0].1.contains("cannot be read") && said[0].1.contains(file.to_str().unwrap()), "{said:?}");
    assert!(!said[0].1.contains("hunter2"));

    // Refused, with nothing to read: it can only be tried again later.
    guarded.accept("new");
    let failure = retryable(send(&transport).await);
    assert_eq!((failure.error.kind(), failure.acknowledgement_lost), (ErrorKind::Unauthorized, false));
    fs::write(&file, "new").unwrap();
    assert_eq!(send(&transport).await, Outcome::delivered());
}

#[tokio::test]
async fn an_unusable_token_is_refused_when_the_transport_is_built() {
    let directory = Directory::new();
    let fails = |auth: Auth| {
        let mut config = config("https://localhost:4318");
        config.auth = Some(auth);
        AnyTransport::new(Protocol::HttpProtobuf, config).unwrap_err().to_string()
    };
    assert_eq!(fails(Auth::bearer("")), "bearer token: it is empty");
    let error = fails(Auth::bearer("hunter2\nx"));
    assert!(error.contains("visible ASCII") && !error.contains("hunter2"), "{error}");
    let error = fails(Auth::bearer_file("/no/such/token"));
    assert!(error.contains("/no/such/token") && error.contains("cannot be read"), "{error}");
    assert!(fails(Auth::bearer_file(directory.file("empty", " \n"))).contains("it is empty"));
    assert!(fails(Auth::bearer_file(directory.file("large", "x".repeat(70_000)))).contains("more than 65536 bytes"));
    assert!(fails(Auth::bearer_file(PathBuf::from("/"))).contains("it is no file"));

    let mut config = config("https://localhost:4318");
    config.auth = Some(Auth::bearer("hunter2"));
    config.headers.append("Authorization", "Basic hunter2");
    let error = AnyTransport::new(Protocol::HttpProtobuf, config.clone()).unwrap_err().to_string();
    assert!(error.contains("beside a bearer token") && !error.contains("hunter2"), "{error}");
    assert!(!format!("{config:?}").contains("hunter2"));
}

#[tokio::test]
async fn a_refusal_renews_once_for_all_that_wait_and_each_request_is_sent_once_more() {
    for protocol in PROTOCOLS {
        let guarded = Guarded::start(protocol, "1").await;
        let hook = Counter::new(None);
        let (transport, _) = guarded.transport(protocol, Auth::hook(hook.clone()));
        assert_eq!(send(&transport).await, Outcome::delivered());
        guarded.accept("2");
        let mut sends = JoinSet::new();
        for _ in 0..10 {
            let transport = transport.clone();
            sends.spawn(async move { send(&transport).await });
        }
        for outcome in sends.join_all().await {
            assert_eq!(outcome, Outcome::delivered());
        }
        assert_eq!(hook.calls(), 2, "{protocol}");
    }
}

#[tokio::test]
async fn what_is_refused_with_fresh_credentials_is_refused_for_good() {
    for protocol in PROTOCOLS {
        let guarded = Guarded::start(protocol, "never").await;
        let hook = Counter::new(None);
        let (transport, _) = guarded.transport(protocol, Auth::hook(hook.clone()));
        let (kind, _) = refused(send(&transport).await);
        assert_eq!(kind, ErrorKind::Unauthorized);
        assert_eq!(guarded.sent(), ["1", "2"], "{protocol}: once per renewal");
    }
}

#[tokio::test]
async fn requests_that_begin_together_share_one_call_of_the_hook() {
    let guarded = Guarded::start(Protocol::Grpc, "1").await;
    let hook = Counter::gated();
    let (transport, _) = guarded.transport(Protocol::Grpc, Auth::hook(hook.clone()));
    let mut sends = JoinSet::new();
    for _ in 0..10 {
        let transport = transport.clone();
        sends.spawn(async move { send(&transport).await });
    }
    hook.asked.notified().await;
    hook.gate.as_ref().unwrap().notify_one();
    for outcome in sends.join_all().await {
        assert_eq!(outcome, Outcome::delivered());
    }
    assert_eq!(hook.calls(), 1);
}

#[tokio::test]
async fn credentials_are_renewed_before_they_expire_and_not_sent_after() {
    let guarded = Guarded::start(Protocol::HttpProtobuf, "1").await;
    let hook = Counter::new(Some(Duration::from_secs(100)));
    let (transport, _) = guarded.transport(Protocol::HttpProtobuf, Auth::hook(hook.clone()));
    let wait = async |time| {
        tokio::time::pause();
        tokio::time::advance(time).await;
        tokio::time::resume();
    };
    assert_eq!(send(&transport).await, Outcome::delivered());
    hook.asked.notified().await;
    wait(Duration::from_secs(85)).await;
    assert_eq!(send(&transport).await, Outcome::delivered());
    assert_eq!(hook.calls(), 1, "a tenth of the time is not left yet");
    wait(Duration::from_secs(6)).await;
    assert_eq!(send(&transport).await, Outcome::delivered());
    // In the background, while the old ones are good.
    hook.asked.notified().await;
    guarded.accept("3");
    wait(Duration::from_secs(3600)).await;
    assert_eq!(send(&transport).await, Outcome::delivered());
    assert_eq!(guarded.sent().last().unwrap(), "3", "expired credentials are not sent");
}

/// Fails in one of the ways in which hooks fail.
enum Broken {
    Fails,
    Hangs,
    Panics,
}

#[async_trait]
impl Authenticate for Broken {
    async fn authenticate(&self) -> Result<Credentials, AuthError> {
        match self {
            Broken::Fails => Err("the token service is down".into()),
            Broken::Hangs => std::future::pending().await,
            Broken::Panics => panic!("on purpose"),
        }
    }
}

#[tokio::test]
async fn a_hook_that_fails_hangs_or_panics_loses_nothing() {
    for protocol in PROTOCOLS {
        for (hook, says) in [
            (Broken::Fails, "the hook failed: the token service is down"),
            (Broken::Hangs, "the hook did not answer within 10s"),
            (Broken::Panics, "the hook panicked"),
        ] {
            let guarded = Guarded::start(protocol, "1").await;
            let mut config = config(&guarded.server.url());
            config.auth = Some(Auth::hook(Arc::new(hook)));
            config.request_timeout = None;
            let transport = AnyTransport::new(protocol, config).unwrap();
            tokio::time::pause();
            let failure = retryable(send(&transport).await);
            tokio::time::resume();
            assert_eq!((failure.error.kind(), failure.acknowledgement_lost), (ErrorKind::Unauthorized, false));
            assert!(failure.error.message().contains(says), "{}", failure.error);
            assert_eq!(guarded.server.seen().len(), 0, "nothing is sent without credentials");
        }
    }
}

#[tokio::test]
async fn a_hook_that_hangs_takes_no_longer_than_the_attempt() {
    let guarded = Guarded::start(Protocol::Grpc, "1").await;
    let mut config: TransportConfig = config(&guarded.server.url());
    config.auth = Some(Auth::hook(Arc::new(Broken::Hangs)));
    config.request_timeout = Some(Duration::from_secs(3));
    let transport = AnyTransport::new(Protocol::Grpc, config).unwrap();
    tokio::time::pause();
    let began = tokio::time::Instant::now();
    let failure = retryable(send(&transport).await);
    assert!(failure.error.message().contains("ran out of time"), "{}", failure.error);
    assert_eq!(began.elapsed().as_secs(), 3);
}

#[test]
fn credentials_in_plaintext_are_warned_of_unless_nobody_can_listen() {
    for (url, is_exposed) in [
        ("http://collector:4318", true),
        ("http://10.0.0.1:4318", true),
        ("http://localhost:4318", false),
        ("http://127.0.0.1:4318", false),
        ("http://[::1]:4318", false),
        ("https://collector:4318", false),
    ] {
        let said = Arc::new(Mutex::new(Vec::new()));
        let mut config = config(url);
        config.auth = Some(Auth::bearer("hunter2"));
        config.events = listening(&said);
        AnyTransport::new(Protocol::HttpProtobuf, config).unwrap();
        let said = said.lock().unwrap();
        assert_eq!(said.iter().any(TransportEvent::is_warning), is_exposed, "{url}: {said:?}");
        assert!(said.len() <= 1, "once for a receiver: {said:?}");
    }
}
