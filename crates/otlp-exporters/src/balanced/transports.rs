//! A transport for each endpoint: made when it is first sent to, dropped when it has left.
//!
//! Making one reads files with certificates, which may be on a drive that hangs. So it is made on a thread of its own, once
//! for all who wait for it, without a lock: an endpoint whose transport is not there yet keeps nobody from the others.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    thread,
    time::Duration,
};

use otlp_core::{ErrorKind, ExportError};
use otlp_discovery::{Breaker, Endpoint, Picked, ServicePool};
use parking_lot::Mutex;
use tokio::{runtime::Handle, sync::watch, time::timeout};

/// How long an attempt waits for its transport. What is made later serves later attempts.
const MAKING_TIME: Duration = Duration::from_secs(10);

/// How many are made at a time: files that hang hold no more threads.
const MOST_MAKING: usize = 16;

type Connect<A> = Arc<dyn Fn(&Endpoint, Option<&Breaker>) -> Result<A, ExportError> + Send + Sync>;

/// A transport once it is made, or why there is none; closed without either if the making broke off.
type Making<A> = watch::Receiver<Option<Result<Arc<A>, ExportError>>>;

pub(super) struct Transports<A> {
    connect: Connect<A>,
    /// By [`Picked::id`].
    known: Mutex<Known<A>>,
}

struct Known<A> {
    by_id: HashMap<u64, Making<A>>,
    /// [`ServicePool::generation`] when those that had left were last forgotten.
    generation: u64,
}

impl<A: Send + Sync + 'static> Transports<A> {
    pub(super) fn new(
        connect: impl Fn(&Endpoint, Option<&Breaker>) -> Result<A, ExportError> + Send + Sync + 'static,
    ) -> Self {
        Transports { connect: Arc::new(connect), known: Mutex::new(Known { by_id: HashMap::new(), generation: 0 }) }
    }

    /// The transport to the endpoint that was picked from `pool`.
    pub(super) async fn of(&self, picked: &Picked, pool: &ServicePool) -> Result<Arc<A>, ExportError> {
        let mut making = self.join_or_begin(picked, pool)?;
        let none = |why: &str| {
            let endpoint = picked.endpoint();
            ExportError::new(ErrorKind::Network, format!("{endpoint} cannot be sent to: {why}"))
        };
        match timeout(MAKING_TIME, making.wait_for(Option::is_some)).await {
            Ok(Ok(made)) => made.clone().unwrap_or_else(|| Err(none("its transport is not there"))),
            Ok(Err(_)) => Err(none("the making of its transport broke off")),
            Err(_) => Err(none("its transport is not made in time; do the files of its certificates hang?")),
        }
    }

    fn join_or_begin(&self, picked: &Picked, pool: &ServicePool) -> Result<Making<A>, ExportError> {
        let mut known = self.known.lock();
        let generation = pool.generation();
        if known.generation != generation {
            let ids: HashSet<u64> = pool.ids().into_iter().collect();
            known.by_id.retain(|id, _| ids.contains(id));
            known.generation = generation;
        }
        if let Some(making) = known.by_id.get(&picked.id()).filter(|making| is_under_way(making) || is_made(making)) {
            return Ok(making.clone());
        }
        if known.by_id.values().filter(|making| is_under_way(making)).count() >= MOST_MAKING {
            let text = format!("{}: {MOST_MAKING} transports to other endpoints are being made", picked.endpoint());
            return Err(ExportError::new(ErrorKind::Network, text));
        }
        let making = self.begin(picked.endpoint().clone(), picked.breaker().cloned())?;
        known.by_id.insert(picked.id(), making.clone());
        Ok(making)
    }

    fn begin(&self, endpoint: Endpoint, breaker: Option<Breaker>) -> Result<Making<A>, ExportError> {
        let (say, making) = watch::channel(None);
        let connect = Arc::clone(&self.connect);
        // What a transport starts runs where it is used.
        let runtime = Handle::try_current().ok();
        let make = move || {
            let _within = runtime.as_ref().map(Handle::enter);
            say.send_replace(Some(connect(&endpoint, breaker.as_ref()).map(Arc::new)));
        };
        thread::Builder::new().name("otlp-connect".to_owned()).spawn(make).map_err(|error| {
            ExportError::new(ErrorKind::Network, format!("no thread can be started that makes a transport: {error}"))
        })?;
        Ok(making)
    }
}

/// Whether it is being made. After this has said no, what there is is final.
fn is_under_way<A>(making: &Making<A>) -> bool {
    making.has_changed().is_ok() && making.borrow().is_none()
}

/// Whether it is there. One that could not be made is tried again by the next attempt.
fn is_made<A>(making: &Making<A>) -> bool {
    matches!(&*making.borrow(), Some(Ok(_)))
}
