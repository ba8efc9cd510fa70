//! Records that carry a number, and an exporter that does what the test says and remembers what it got.

use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use otlp_batch::{
    Attempts, Batch, BatchConfig, BatchExporter, BatchLimits, DeliveryObserver, ExportFuture, Exported, Fate, Intake,
    Pipeline, PipelineBuilder, ReadyFuture, ScopeHandle, Settled,
};
use otlp_core::{
    ErrorKind, ExportError, KeyValue, Outcome, Signal,
    data::{Resource, Scope},
};
use parking_lot::Mutex;
use tokio::sync::watch;

/// How many bytes a record of [`record`] takes.
pub(crate) const RECORD: usize = 10;

pub(crate) fn resource() -> Resource {
    Resource { attributes: vec![KeyValue::new("service.name", "test")].into(), ..Resource::default() }
}

pub(crate) fn scope(intake: &Intake) -> ScopeHandle {
    intake.scope(&Scope { name: "test".into(), ..Scope::default() })
}

/// Appends a record that carries `number`.
pub(crate) fn record(intake: &Intake, signal: Signal, scope: &ScopeHandle, number: u64) {
    intake.append(signal, scope, 1, RECORD, |out| {
        out.extend_from_slice(&[0x12, 8]);
        out.extend_from_slice(&number.to_be_bytes());
    });
}

/// Appends spans with these numbers.
pub(crate) fn spans(intake: &Intake, numbers: impl IntoIterator<Item = u64>) {
    let scope = scope(intake);
    for number in numbers {
        record(intake, Signal::Traces, &scope, number);
    }
}

/// The numbers in encoded entries.
pub(crate) fn numbers_of(entries: &[u8]) -> Vec<u64> {
    entries
        .chunks_exact(RECORD)
        .map(|entry| {
            assert_eq!(&entry[..2], &[0x12, 8]);
            u64::from_be_bytes(entry[2..].try_into().expect("eight bytes"))
        })
        .collect()
}

pub(crate) fn numbers(batch: &Batch) -> Vec<u64> {
    batch.fragments().iter().flat_map(|fragment| numbers_of(fragment.entries())).collect()
}

pub(crate) fn error(message: &str) -> ExportError {
    ExportError::new(ErrorKind::Unavailable, message)
}

/// Put off after an attempt that began while the destination was up.
pub(crate) fn put_off() -> Exported {
    Exported::PutOff { error: Some(error("down")), was_up: true }
}

type Script = Box<dyn Fn(Batch) -> ExportFuture<'static> + Send + Sync>;

/// An exporter that answers as told and remembers what was delivered.
pub(crate) struct Scripted {
    name: String,
    script: Script,
    is_up: watch::Sender<bool>,
    /// Whether a dispatcher was told to wait.
    is_awaited: AtomicBool,
    /// Keeps nothing of what was delivered.
    is_forgetting: AtomicBool,
    delivered: Mutex<Vec<Batch>>,
}

impl Scripted {
    pub(crate) fn new<F>(name: &str, script: impl Fn(Batch) -> F + Send + Sync + 'static) -> Arc<Self>
    where
        F: Future<Output: Into<Exported>> + Send + 'static,
    {
        let script = Arc::new(script);
        let script: Script = Box::new(move |batch| {
            let answer = script(batch);
            Box::pin(async move { answer.await.into() })
        });
        Arc::new(Scripted {
            name: name.into(),
            script,
            is_up: watch::Sender::new(true),
            is_awaited: AtomicBool::new(false),
            is_forgetting: AtomicBool::new(false),
            delivered: Mutex::default(),
        })
    }

    /// While it is not up, it wants no batches.
    pub(crate) fn set_up(&self, is_up: bool) {
        self.is_up.send_replace(is_up);
    }

    /// Whether a dispatcher waits until it is up. What that one had taken before may still be under way.
    pub(crate) fn is_awaited(&self) -> bool {
        self.is_awaited.load(Ordering::SeqCst)
    }

    /// Lets go of the memory of what was delivered.
    pub(crate) fn forgetting(self: Arc<Self>) -> Arc<Self> {
        self.is_forgetting.store(true, Ordering::SeqCst);
        self
    }

    /// Acknowledges everything.
    pub(crate) fn accepting() -> Arc<Self> {
        Scripted::new("accepting", |_| async { Outcome::delivered() })
    }

    pub(crate) fn batches(&self) -> Vec<Batch> {
        self.delivered.lock().clone()
    }

    /// All numbers delivered, in order of delivery.
    pub(crate) fn numbers(&self) -> Vec<u64> {
        self.delivered.lock().iter().flat_map(numbers).collect()
    }
}

impl BatchExporter for Scripted {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn unready(&self, _: Signal) -> Option<ReadyFuture<'_>> {
        let mut is_up = self.is_up.subscribe();
        let is_down = !*is_up.borrow_and_update();
        is_down.then(|| -> ReadyFuture<'_> {
            self.is_awaited.store(true, Ordering::SeqCst);
            Box::pin(async move { drop(is_up.wait_for(|is_up| *is_up).await) })
        })
    }

    fn export<'a>(&'a self, batch: &'a Batch, attempts: &'a Attempts<'a>) -> ExportFuture<'a> {
        Box::pin(async move {
            attempts.begin();
            let exported = (self.script)(batch.clone()).await;
            match &exported {
                Exported::Settled(outcome) => attempts.end(outcome),
                Exported::PutOff { .. } => attempts.end(&Outcome::retry(error("put off"))),
            }
            if let Exported::Settled(Outcome::Delivered(_)) = &exported
                && !self.is_forgetting.load(Ordering::SeqCst)
            {
                self.delivered.lock().push(batch.clone());
            }
            exported
        })
    }
}

/// One batch in flight at a time.
pub(crate) fn one_at_a_time() -> BatchLimits {
    BatchLimits { max_in_flight: 1, ..BatchLimits::default() }
}

pub(crate) fn pipeline(config: BatchConfig, exporter: &Arc<Scripted>) -> PipelineBuilder {
    Pipeline::builder(resource()).batch(config).destination(Arc::clone(exporter) as Arc<dyn BatchExporter>)
}

/// Remembers the fate of each number.
#[derive(Default)]
pub(crate) struct Fates(pub(crate) Mutex<Vec<(u64, String)>>);

impl DeliveryObserver for Fates {
    fn settled(&self, settled: &Settled<'_>) {
        let fate = match settled.fate {
            Fate::Delivered(_) => "delivered".to_owned(),
            Fate::Rejected(_) => "rejected".to_owned(),
            Fate::Dropped(reason, _) => reason.to_string(),
            _ => "unknown".to_owned(),
        };
        for fragment in settled.fragments {
            for number in numbers_of(fragment.entries()) {
                self.0.lock().push((number, fate.clone()));
            }
        }
    }
}

impl Fates {
    pub(crate) fn sorted(&self) -> Vec<(u64, String)> {
        let mut fates = self.0.lock().clone();
        fates.sort();
        fates
    }
}
