//! The fuzz targets over their recorded corpus, and over mutations of it that are the same in each run.

use std::{
    fs,
    path::{Path, PathBuf},
};

use otlp_core::{Signal, wire::encode};
use proptest::{
    strategy::{Strategy, ValueTree},
    test_runner::TestRunner,
};
use prost::Message;

use crate::{official, strategy, targets};

/// How many mutations of each target's corpus are tried.
const MUTATIONS: usize = 20_000;

/// A generator of its own, so that the same seed means the same mutations whatever other crates do (xorshift64*).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() >> 32) as usize % bound.max(1)
    }
}

/// The corpora, a folder for each target.
const CORPUS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/corpus");

fn corpus(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(CORPUS).join(target);
    let mut paths: Vec<_> = fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    paths.iter().map(|path| fs::read(path).unwrap()).collect()
}

/// One to three changes: a bit flipped, a byte set, inserted or removed, a stretch removed, doubled or copied from
/// another input. Half of them keep the length, without which most messages do not read at all.
fn mutate(random: &mut Random, input: &[u8], other: &[u8]) -> Vec<u8> {
    let mut bytes = input.to_vec();
    for _ in 0..=random.below(3) {
        let at = random.below(bytes.len());
        let end = (at + 1 + random.below(16)).min(bytes.len());
        match random.below(10) {
            _ if bytes.is_empty() => bytes.push(random.next() as u8),
            0..3 => bytes[at] ^= 1 << random.below(8),
            3..5 => bytes[at] = [0, 1, 0x7f, 0x80, 0xff, b'"', b'{'][random.below(7)],
            5 => bytes.insert(at, random.next() as u8),
            6 => drop(bytes.drain(at..end)),
            7 => bytes.extend_from_within(at..end),
            8 => bytes.truncate(at),
            _ => {
                let from = random.below(other.len());
                let piece = &other[from..(from + 24).min(other.len())];
                bytes.splice(at..at, piece.iter().copied());
            }
        }
    }
    bytes
}

fn run(name: &str, target: impl Fn(&[u8])) {
    let corpus = corpus(name);
    assert!(!corpus.is_empty(), "{name} has a corpus");
    corpus.iter().for_each(|input| target(input));
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    for _ in 0..MUTATIONS {
        let (input, other) = (&corpus[random.below(corpus.len())], &corpus[random.below(corpus.len())]);
        target(&mutate(&mut random, input, other));
    }
}

macro_rules! targets {
    ($($name:ident)*) => {$(
        #[test]
        fn $name() {
            run(stringify!($name), targets::$name);
        }
    )*};
}

targets!(traces logs metrics json_traces json_logs json_metrics split propagation);

/// Writes a corpus: a few records of every shape, encoded by the official types. With `OTLP_WRITE_CORPUS` set it goes
/// into the source tree, for after the schema or the strategies changed; inputs that fuzzing found, whose names do not
/// begin with `seed-`, stay.
#[test]
fn the_corpus_can_be_written_anew() {
    let root = match std::env::var_os("OTLP_WRITE_CORPUS") {
        Some(_) => PathBuf::from(CORPUS),
        None => PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("corpus"),
    };
    let write_seeds = |target: &str, seeds: &[Vec<u8>]| write_seeds(&root.join(target), seeds);
    let mut runner = TestRunner::deterministic();
    let traces = seeds(&mut runner, strategy::span(), |spans| official::traces(spans).encode_to_vec());
    let logs = seeds(&mut runner, strategy::log(), |logs| official::logs(logs).encode_to_vec());
    let metrics = seeds(&mut runner, strategy::metric(), |metrics| official::metrics(metrics).encode_to_vec());
    let json = |seeds: &[Vec<u8>], signal| -> Vec<Vec<u8>> {
        let text = |request: &Vec<u8>| {
            let mut text = Vec::new();
            otlp_core::json::encode(signal, request, &mut text).unwrap();
            text
        };
        seeds.iter().map(text).collect()
    };
    write_seeds("json_traces", &json(&traces, Signal::Traces));
    write_seeds("json_logs", &json(&logs, Signal::Logs));
    write_seeds("json_metrics", &json(&metrics, Signal::Metrics));
    write_seeds("traces", &traces);
    write_seeds("logs", &logs);
    write_seeds("metrics", &metrics);
    let metrics_signal = Signal::Metrics.index() as u8;
    let entries = seeds(&mut runner, strategy::metric(), |metrics| {
        let mut entries = vec![metrics_signal + 3];
        for metric in metrics {
            let mut content = Vec::new();
            encode::metric(metric, &mut content);
            encode::put_bytes(&mut entries, 2, &content);
        }
        entries
    });
    write_seeds("split", &entries);
}

/// The encodings of one to three records each, the shortest of many so that mutations hit what matters.
fn seeds<R: std::fmt::Debug>(
    runner: &mut TestRunner,
    records: impl Strategy<Value = R>,
    encode: impl Fn(&[R]) -> Vec<u8>,
) -> Vec<Vec<u8>> {
    let records = proptest::collection::vec(records, 1..4);
    let mut seeds: Vec<_> = (0..64).map(|_| encode(&records.new_tree(runner).unwrap().current())).collect();
    seeds.sort_by_key(Vec::len);
    seeds.into_iter().step_by(3).take(7).collect()
}

fn write_seeds(folder: &Path, seeds: &[Vec<u8>]) {
    fs::create_dir_all(folder).unwrap();
    for (index, seed) in seeds.iter().enumerate() {
        let file = folder.join(format!("seed-{index}"));
        fs::write(&file, seed).unwrap();
        assert_eq!(fs::read(&file).unwrap(), *seed);
    }
}
