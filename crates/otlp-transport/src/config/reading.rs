//! Reading files again while the transport runs: on a thread of its own, which nobody waits for longer than a limit.
//!
//! - One reading is under way at a time. Who comes meanwhile shares it, so that files that hang, on a network drive for
//!   instance, hold one thread however often they are wanted.
//! - The thread is none of the runtime's: a runtime that ends waits for its own blocking threads, and would wait for ever.

use std::{thread, time::Duration};

use parking_lot::Mutex;
use thiserror::Error;
use tokio::{
    sync::watch,
    time::{Instant, timeout_at},
};

/// Reads something, as often as wanted.
pub(crate) struct Reading<T> {
    limit: Duration,
    under_way: Mutex<Option<UnderWay<T>>>,
}

struct UnderWay<T> {
    began: Instant,
    /// Closed once the thread has ended.
    result: watch::Receiver<Option<T>>,
}

/// Why nothing was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(crate) enum Unread {
    #[error("could not be read within {0:?}")]
    Late(Duration),
    #[error("could not be read: the reading broke off")]
    BrokeOff,
    #[error("could not be read: no thread can be started")]
    NoThread,
}

impl<T: Clone + Send + Sync + 'static> Reading<T> {
    /// Nothing yet. What takes longer than `limit` is not waited for, and what it gives in the end is not used.
    pub(crate) fn new(limit: Duration) -> Self {
        Reading { limit, under_way: Mutex::new(None) }
    }

    /// What `read` gives, or the reading that is under way. A reading goes on if the future is dropped.
    ///
    /// # Errors
    ///
    /// It takes too long, panicked, or could not begin. If one that is under way has taken too long already, that is said
    /// at once.
    pub(crate) async fn read(&self, read: impl FnOnce() -> T + Send + 'static) -> Result<T, Unread> {
        let (began, mut result) = self.begin_or_join(read)?;
        match timeout_at(began + self.limit, result.wait_for(Option::is_some)).await {
            Ok(Ok(value)) => value.clone().ok_or(Unread::BrokeOff),
            Ok(Err(_)) => Err(Unread::BrokeOff),
            Err(_) => Err(Unread::Late(self.limit)),
        }
    }

    fn begin_or_join(
        &self,
        read: impl FnOnce() -> T + Send + 'static,
    ) -> Result<(Instant, watch::Receiver<Option<T>>), Unread> {
        let mut under_way = self.under_way.lock();
        if let Some(other) = under_way.as_ref().filter(|other| other.result.has_changed().is_ok()) {
            return Ok((other.began, other.result.clone()));
        }
        let (say, result) = watch::channel(None);
        let began = Instant::now();
        let run = move || {
            // Nobody may wait any more.
            say.send_replace(Some(read()));
        };
        thread::Builder::new().name("otlp-reading".to_owned()).spawn(run).map_err(|_| Unread::NoThread)?;
        *under_way = Some(UnderWay { began, result: result.clone() });
        Ok((began, result))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
        mpsc,
    };

    use super::*;

    const ENOUGH: Duration = Duration::from_secs(20);

    /// A reading that hangs until the sender is dropped, and when it ends.
    fn hanging(begun: &Arc<AtomicUsize>) -> (mpsc::Sender<()>, impl FnOnce() -> usize + Send + 'static) {
        let (open, gate) = mpsc::channel::<()>();
        let begun = Arc::clone(begun);
        let read = move || {
            let number = begun.fetch_add(1, Relaxed) + 1;
            let _ = gate.recv();
            number
        };
        (open, read)
    }

    #[tokio::test]
    async fn a_reading_that_hangs_is_the_only_one_until_it_ends() {
        let begun = Arc::default();
        let mut reading = Reading::new(Duration::from_millis(10));
        let (open, read) = hanging(&begun);
        assert_eq!(reading.read(read).await, Err(Unread::Late(reading.limit)));
        for _ in 0..100 {
            assert_eq!(reading.read(hanging(&begun).1).await, Err(Unread::Late(reading.limit)));
        }
        assert_eq!(begun.load(Relaxed), 1);
        let mut ended = reading.under_way.lock().as_ref().unwrap().result.clone();
        drop(open);
        while ended.changed().await.is_ok() {}
        reading.limit = ENOUGH;
        assert_eq!(reading.read(|| 7).await, Ok(7), "what came late is not used");
    }

    #[tokio::test]
    async fn those_who_come_together_share_a_reading_and_the_next_has_its_own() {
        let (begun, reading) = (Arc::default(), Reading::new(ENOUGH));
        let (open, read) = hanging(&begun);
        let open = async move { drop(open) };
        let (one, two, ()) = tokio::join!(reading.read(read), reading.read(hanging(&begun).1), open);
        assert_eq!((one, two), (Ok(1), Ok(1)));
        let mut ended = reading.under_way.lock().as_ref().unwrap().result.clone();
        while ended.changed().await.is_ok() {}
        assert_eq!(reading.read(|| 2).await, Ok(2));
    }

    #[tokio::test]
    async fn a_reading_that_panics_is_a_failure_and_the_next_serves() {
        let reading = Reading::new(ENOUGH);
        assert_eq!(reading.read(|| panic!("scripted")).await, Err(Unread::BrokeOff));
        assert_eq!(reading.read(|| 1).await, Ok(1));
    }

    #[test]
    fn a_runtime_ends_though_a_reading_hangs() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let reading = Reading::new(Duration::from_millis(10));
        let (open, read) = hanging(&Arc::default());
        assert!(runtime.block_on(reading.read(read)).is_err());
        drop(runtime);
        drop(open);
    }
}
