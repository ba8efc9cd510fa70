//! A day in which the backend is away, in virtual time, with a disk queue: nothing is lost, memory stays within its budget,
//! what is new does not wait behind what waits, and a clock on the wall that jumps changes nothing.
//!
//! The pipeline is the real one. Its runtime has a clock that stands still while anything is to be done, and the disk
//! queue, whose thread is a task here, goes by the same clock.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant as StdInstant},
};

use otlp_core::{
    Outcome, Signal,
    data::{Resource, Scope},
};
use parking_lot::Mutex;
use tokio::{
    sync::{mpsc, oneshot, watch},
    task::LocalSet,
    time::{Instant, sleep, sleep_until},
};

use super::{
    Report,
    background::{Background, Command},
    builder::in_flight_limit,
};
use crate::{
    Attempts, Batch, BatchConfig, BatchExporter, BatchLimits, DiskQueueConfig, DiskQueueOwner, DropReason, Durability,
    ExportFuture, Intake, MemoryPoolConfig, Queue, ReadyFuture,
    config::Settings,
    destination::Destination,
    disk::{Disk, DiskClock, DiskThread, SimulatedDisk},
    pool::BufferPool,
};

const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(24 * 3_600);
/// What is recorded at once, and how often.
const BURST: u64 = 40;
const BEAT: Duration = Duration::from_secs(10);
/// The time that the backend takes for a request.
const REQUEST: Duration = Duration::from_millis(20);
/// The breaker lets a probe through so often.
const PROBE: Duration = Duration::from_secs(30);
const MEMORY: usize = 1 << 20;
/// A record: a tag, a length, and its number.
const RECORD: usize = 10;

/// Tokio's time, and a clock on the wall that jumps.
#[derive(Default)]
struct Clocks {
    wall: AtomicU64,
}

impl DiskClock for Clocks {
    fn now(&self) -> StdInstant {
        Instant::now().into_std()
    }

    fn wall(&self) -> u64 {
        self.wall.load(Ordering::Relaxed)
    }
}

/// A backend that is there or not, and notes when it got what.
struct Backend {
    is_up: watch::Sender<bool>,
    /// Of each record the number, and when it arrived.
    arrived: Mutex<Vec<(u64, Instant)>>,
    probes: AtomicU64,
}

impl BatchExporter for Backend {
    fn name(&self) -> String {
        "backend".to_owned()
    }

    fn unready(&self, _: Signal) -> Option<ReadyFuture<'_>> {
        let mut is_up = self.is_up.subscribe();
        let is_down = !*is_up.borrow_and_update();
        is_down.then(|| -> ReadyFuture<'_> {
            self.probes.fetch_add(1, Ordering::Relaxed);
            Box::pin(async move {
                tokio::select! {
                    _ = is_up.wait_for(|is_up| *is_up) => {}
                    () = sleep(PROBE) => {}
                }
            })
        })
    }

    fn export<'a>(&'a self, batch: &'a Batch, _: &'a Attempts<'a>) -> ExportFuture<'a> {
        Box::pin(async move {
            sleep(REQUEST).await;
            if !*self.is_up.borrow() {
                return crate::Exported::PutOff { error: None, was_up: false };
            }
            let now = Instant::now();
            let mut arrived = self.arrived.lock();
            for entry in batch.fragments().iter().flat_map(|fragment| fragment.entries().chunks_exact(RECORD)) {
                let number = entry.last_chunk().map_or(u64::MAX, |number| u64::from_be_bytes(*number));
                arrived.push((number, now));
            }
            Outcome::delivered().into()
        })
    }
}

/// What came of a day.
struct Day {
    report: Report,
    arrived: Vec<(u64, Instant)>,
    /// When the records of each beat were made.
    beats: Vec<Instant>,
    returned: Instant,
    most_memory: usize,
    probes: u64,
}

/// A day without the backend, and two hours with it again. What the clock on the wall says at each hour is up to `wall`.
async fn day(max_age: Option<Duration>, wall: impl Fn(u64) -> u64) -> Day {
    let batch = BatchConfig { max_batch_size: 200, batch_timeout: BEAT, ..BatchConfig::default() };
    let limits = BatchLimits::default();
    let memory = MemoryPoolConfig {
        initial_size: 4 << 10,
        max_size: MEMORY,
        chunk_size: 4 << 10,
        ..MemoryPoolConfig::default()
    };
    let pool = BufferPool::new(memory).unwrap_or_else(|error| panic!("{error}"));
    let clocks = Arc::new(Clocks::default());
    let mut config = DiskQueueConfig::new("/queue").with_segment_bytes(64 << 10).with_max_bytes(1 << 30);
    config = config.with_durability(Durability::Interval(Duration::from_millis(500)));
    if let Some(max_age) = max_age {
        config = config.with_max_age(max_age);
    }
    let (disk, clock) = (Arc::new(SimulatedDisk::default()), Arc::clone(&clocks));
    let disk = Disk { file_system: disk, clock, ..Disk::new(config) };
    pool.reserve(Disk::window(MEMORY) * 3);
    let owner = DiskQueueOwner { index: 0, name: "backend".to_owned() };
    let opened = disk.open(Path::new("backend"), owner, 1).unwrap_or_else(|error| panic!("{error}"));
    let (thread, queues) = disk.assemble(opened, (&batch, &limits), &pool);
    let disk_task = tokio::spawn(DiskThread::run_in_tokio_time(thread));

    let backend =
        Arc::new(Backend { is_up: watch::Sender::new(true), arrived: Mutex::default(), probes: AtomicU64::new(0) });
    let mut queues = queues.into_iter();
    let lane = |_| {
        let queue: Box<dyn Queue> = Box::new(queues.next().expect("a queue for each signal"));
        Ok((queue, in_flight_limit(limits.max_in_flight)?, limits.catch_up(max_age.is_some())))
    };
    let destination = Destination::new(backend.clone(), &pool, None, lane).unwrap_or_else(|error| panic!("{error}"));
    let settings = Settings { batch, limits, copies: false };
    let intake = Intake::new(Resource::default(), settings, Arc::clone(&pool), vec![destination], None);
    let background = Background {
        intake: intake.clone(),
        batch_timeout: Some(BEAT),
        metric_interval: HOUR,
        on_tick: None,
        on_hurry: None,
    };
    let (commands, inbox) = mpsc::unbounded_channel();
    let background = tokio::task::spawn_local(background.run(inbox));

    let scope = intake.scope(&Scope::default());
    let (mut beats, mut most_memory) = (Vec::new(), 0);
    let began = Instant::now();
    let returned = began + DAY;
    backend.is_up.send_replace(false);
    while Instant::now() < returned + 2 * HOUR {
        if Instant::now() >= returned {
            backend.is_up.send_replace(true);
        }
        clocks.wall.store(wall(began.elapsed().as_secs() / 3_600), Ordering::Relaxed);
        let first = beats.len() as u64 * BURST;
        beats.push(Instant::now());
        for number in first..first + BURST {
            let signal = if number.is_multiple_of(4) { Signal::Logs } else { Signal::Traces };
            intake.append(signal, &scope, 1, RECORD, |out| {
                out.extend_from_slice(&[0x12, 8]);
                out.extend_from_slice(&number.to_be_bytes());
            });
        }
        most_memory = most_memory.max(pool.granted());
        sleep_until(began + BEAT * u32::try_from(beats.len()).unwrap_or(u32::MAX)).await;
    }
    let (reply, report) = oneshot::channel();
    let deadline = Instant::now() + HOUR;
    let shut_down = Command::ShutDown { deadline, reply: Box::new(move |report| drop(reply.send(report))) };
    assert!(commands.send(shut_down).is_ok());
    let report = report.await.unwrap_or_else(|error| panic!("{error}"));
    drop((intake, background.await, disk_task.await));
    let mut arrived = std::mem::take(&mut *backend.arrived.lock());
    arrived.sort_unstable();
    Day { report, arrived, beats, returned, most_memory, probes: backend.probes.load(Ordering::Relaxed) }
}

impl Day {
    fn recorded(&self) -> u64 {
        self.beats.len() as u64 * BURST
    }

    fn made(&self, number: u64) -> Instant {
        self.beats[(number / BURST) as usize]
    }
}

#[tokio::test(start_paused = true)]
async fn a_day_without_the_backend_loses_nothing_and_holds_up_nothing() {
    let day = LocalSet::new().run_until(day(None, |_| 1_800_000_000_000_000_000)).await;
    let ledger = &day.report.ledgers[0];
    assert_eq!((ledger.lost(), ledger.pending()), (0, 0), "{ledger}");
    let numbers: Vec<u64> = day.arrived.iter().map(|(number, _)| *number).collect();
    assert!(numbers == (0..day.recorded()).collect::<Vec<_>>(), "each once: {} of {}", numbers.len(), day.recorded());
    assert!(day.most_memory <= MEMORY, "{} bytes", day.most_memory);
    // Each signal asks, and once more when it looks again.
    assert!(day.probes <= 6 * DAY.as_secs() / PROBE.as_secs(), "{} probes", day.probes);
    let is_backlog = |number: u64| day.made(number) + BEAT < day.returned;
    let backlog = day.arrived.iter().filter(|(number, _)| is_backlog(*number));
    let (count, last) = (backlog.clone().count(), backlog.map(|(_, at)| *at).max().unwrap_or(day.returned));
    let drained = last - day.returned;
    let fresh = day.arrived.iter().filter(|(number, _)| day.made(*number) > day.returned);
    let longest = fresh.map(|(number, at)| *at - day.made(*number)).max().unwrap_or_default();
    println!(
        "a day: {count} records of backlog drained in {} s of virtual time; the longest that a fresh one took was {} ms; \
         {} KiB of memory at most",
        drained.as_secs(),
        longest.as_millis(),
        day.most_memory >> 10
    );
    assert!(longest < BEAT * 4, "what is new waits for its batch and not for the backlog: {longest:?}");
    assert!((HOUR / 2..2 * HOUR).contains(&drained), "at a pace that grows: {drained:?}");
}

#[tokio::test(start_paused = true)]
async fn whatever_the_clock_on_the_wall_says_what_is_too_old_expires_and_nothing_else() {
    let year = 365 * 86_400 * 1_000_000_000;
    let now = 1_800_000_000_000_000_000;
    // A year ahead, then back, before 1970, and as far ahead as it goes.
    let wall = move |hour| match hour {
        0..4 => now,
        4..8 => now + year,
        8..12 => now - year,
        12..16 => 0,
        16..20 => u64::MAX,
        _ => now,
    };
    let max_age = 12 * HOUR;
    let day = LocalSet::new().run_until(day(Some(max_age), wall)).await;
    let ledger = &day.report.ledgers[0];
    let expired: u64 = Signal::ALL.iter().map(|signal| ledger.signal(*signal).dropped[DropReason::Expired]).sum();
    assert_eq!((ledger.lost(), ledger.pending()), (expired, 0), "{ledger}");
    assert_eq!(day.arrived.len() as u64 + expired, day.recorded());
    let numbers: Vec<u64> = day.arrived.iter().map(|(number, _)| *number).collect();
    assert!(numbers.is_sorted_by(|one, next| one < next), "each once");
    // Ages are kept in seconds and looked at every half a minute. The pace of what is left outruns them.
    let ages = |number: &u64| day.returned.saturating_duration_since(day.made(*number));
    let (oldest, slack) = (ages(&numbers[0]), Duration::from_secs(60));
    assert!(oldest < max_age + slack, "{oldest:?}");
    let missing = (0..day.recorded()).filter(|number| numbers.binary_search(number).is_err());
    let youngest = missing.map(|number| ages(&number)).min().unwrap_or(DAY);
    assert!(youngest + slack > max_age, "the youngest that expired: {youngest:?}");
}
