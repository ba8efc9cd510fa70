//! What cannot be read or was refused is counted and set aside, and the rest is delivered.

use std::{fs, sync::Arc};

use otlp_batch::{DiskEvent, DropReason, Inspection};
use otlp_core::Outcome;
use parking_lot::Mutex;

use super::{DEADLINE, LATER, builder, config, disk, down, leave_behind, pipeline, segments, traces, up};
use crate::{
    directory::Directory,
    scripted::{Fates, Scripted, error, numbers, spans},
};

#[test]
fn damage_is_counted_and_the_rest_is_delivered() {
    let directory = Directory::new();
    leave_behind(builder(&directory, LATER, &down()), 0..100);
    let segment = segments(&directory.path().join("backend")).remove(0);
    let mut bytes = fs::read(&segment).unwrap();
    // A payload in the middle, and of the last frame the header.
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0xff;
    fs::write(&segment, &bytes).unwrap();
    let events = Arc::new(Mutex::new(Vec::new()));
    let said = Arc::clone(&events);
    let (backend, fates) = (up(), Arc::new(Fates::default()));
    let builder = builder(&directory, LATER, &backend).observer(fates.clone());
    let builder = builder.on_disk_event(move |_, event| {
        if let DiskEvent::Recovered { items, missing_items, damaged_bytes, .. } = event {
            said.lock().push((*items, *missing_items, *damaged_bytes));
        }
    });
    let ledger = traces(&builder.start().unwrap().shutdown_blocking(DEADLINE));
    let damaged = ledger.dropped[DropReason::DiskDamaged];
    assert_eq!((ledger.recovered, ledger.delivered + damaged, ledger.pending), (100, 100, 0), "{ledger}");
    assert_eq!((damaged, backend.numbers().len()), (10, 90), "{ledger}");
    assert_eq!(events.lock().len(), 1);
}

#[test]
fn what_a_receiver_refuses_is_kept_for_a_person_to_look_at_and_never_sent_again() {
    for kept in [0, 1 << 20] {
        let directory = Directory::new();
        let refusing = Scripted::new("backend", |batch| {
            let is_refused = numbers(&batch)[0].is_multiple_of(20);
            async move { if is_refused { Outcome::Refused(error("no")) } else { Outcome::delivered() } }
        });
        let disk = disk(&directory, LATER).with_dead_letter_bytes(kept);
        let pipeline = pipeline(config(), &refusing).with_disk_queue(disk).start().unwrap();
        // No numbers that a header could have.
        spans(pipeline.intake(), 10_000..10_100);
        let ledger = traces(&pipeline.shutdown_blocking(DEADLINE));
        assert_eq!((ledger.rejected, ledger.delivered, ledger.pending), (50, 50, 0), "{ledger}");
        let queue = Inspection::of(directory.path().join("backend"), None).unwrap();
        assert_eq!(queue.signals().iter().map(|signal| signal.items).sum::<u64>(), 0, "they have their fate");
        assert_eq!(queue.dead_letters().is_some(), kept > 0);
        if let Some(letters) = queue.dead_letters() {
            let bytes = fs::read(segments(&letters).remove(0)).unwrap();
            let has = |number: u64| bytes.windows(8).any(|window| window == number.to_be_bytes());
            assert!(
                (10_000..10_100).all(|number| has(number) == (number / 10 % 2 == 0)),
                "those refused and no others"
            );
            let requests = Inspection::of(letters, None).unwrap().into_requests().unwrap();
            let items: Vec<u64> = requests.map(|request| request.unwrap().items).collect();
            assert_eq!(items, [10; 5]);
        }
        let backend = up();
        let next = builder(&directory, LATER, &backend).start().unwrap();
        assert_eq!(traces(&next.shutdown_blocking(DEADLINE)).recovered, 0);
        assert!(backend.numbers().is_empty());
    }
}
