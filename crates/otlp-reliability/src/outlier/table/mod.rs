//! Who is ejected and until when: pure decisions about the known endpoints, told the time in nanoseconds.
//!
//! At the end of time (584 years, or an interval as long) nothing is due any more.

use std::{collections::HashMap, hash::Hash, mem, sync::Arc, time::Duration};

use super::{
    EndpointSnapshot, OutlierDetectorConfig, OutlierDetectorSnapshot,
    statistics::{self, Counts},
    tally::Tally,
};
use crate::{Event, timeline::nanos};

/// The known endpoints. What changes is appended to `changes`, in order.
#[derive(Debug)]
pub(super) struct Table<Id> {
    config: OutlierDetectorConfig,
    entries: HashMap<Id, Entry<Id>>,
    ejected: usize,
    next_interval: u64,
    ejections: u64,
    prevented: u64,
    changes: Vec<(Id, Event)>,
}

#[derive(Debug)]
struct Entry<Id> {
    tally: Arc<Tally<Id>>,
    /// When the ejection ends, if it is ejected.
    ejected_until: Option<u64>,
    /// By how many base times the last ejection was long; each interval in use takes one back.
    steps: u32,
    ejections: u64,
}

impl<Id> Entry<Id> {
    fn new(id: Id) -> Self {
        Entry { tally: Arc::new(Tally::new(id)), ejected_until: None, steps: 0, ejections: 0 }
    }
}

impl<Id: Clone + Eq + Hash> Table<Id> {
    /// A table without endpoints, at time zero.
    pub(super) fn new(config: OutlierDetectorConfig) -> Self {
        Table {
            next_interval: nanos(config.interval()),
            config,
            entries: HashMap::new(),
            ejected: 0,
            ejections: 0,
            prevented: 0,
            changes: Vec::new(),
        }
    }

    pub(super) fn config(&self) -> &OutlierDetectorConfig {
        &self.config
    }

    /// Takes other settings. An interval that has begun ends no later than one of the new length would.
    pub(super) fn reload(&mut self, config: OutlierDetectorConfig, now: u64) {
        self.next_interval = self.next_interval.min(now.saturating_add(nanos(config.interval())));
        self.config = config;
        self.restore_surplus();
    }

    pub(super) fn add(&mut self, id: Id) -> Arc<Tally<Id>> {
        let entry = self.entries.entry(id);
        let id = entry.key().clone();
        let entry = entry.or_insert_with(|| Entry::new(id));
        Arc::clone(&entry.tally)
    }

    /// Forgets an endpoint. Where too large a part of the others is ejected then, those come back who would be next.
    pub(super) fn remove(&mut self, id: &Id) -> bool {
        let Some(entry) = self.entries.remove(id) else { return false };
        if entry.ejected_until.is_some() {
            entry.tally.restore();
            self.ejected -= 1;
            self.changes.push((id.clone(), Event::Restored));
        }
        self.restore_surplus();
        true
    }

    /// Forgets all endpoints that `keep` does not want.
    pub(super) fn retain(&mut self, keep: impl Fn(&Id) -> bool) {
        let gone: Vec<Id> = self.entries.keys().filter(|id| !keep(id)).cloned().collect();
        for id in gone {
            self.remove(&id);
        }
    }

    pub(super) fn tally(&self, id: &Id) -> Option<&Arc<Tally<Id>>> {
        self.entries.get(id).map(|entry| &entry.tally)
    }

    /// Looks at a row of failures that may be long enough.
    pub(super) fn failed_in_a_row(&mut self, tally: &Tally<Id>, now: u64) {
        let known = self.tally(&tally.id).is_some_and(|known| std::ptr::eq(&**known, tally));
        // Whoever comes second finds the row taken: one row ejects once.
        let row = tally.take_streak();
        if known && self.config.consecutive_failures().is_some_and(|limit| row >= limit) {
            self.eject(&tally.id, now);
        }
    }

    /// Brings back whose time is up, and looks at the interval if it is over.
    pub(super) fn pass_time(&mut self, now: u64) {
        // Closed before anybody is restored: who was ejected takes no step back and is not compared.
        let interval = (now >= self.next_interval).then(|| self.close_interval(now));
        self.restore_where(|until| until <= now);
        let Some((ids, counts)) = interval else { return };
        let mut outliers = Vec::new();
        if let Some(settings) = self.config.success_rate() {
            outliers.extend(statistics::below_the_others(&counts, &settings));
        }
        if let Some(settings) = self.config.failure_percentage() {
            outliers.extend(statistics::failing_too_often(&counts, &settings));
        }
        for id in outliers.into_iter().filter_map(|position| ids.get(position)) {
            self.eject(id, now);
        }
    }

    /// Takes the counts of those in use, and one step back for each interval that has passed.
    fn close_interval(&mut self, now: u64) -> (Vec<Id>, Vec<Counts>) {
        let length = nanos(self.config.interval()).max(1);
        let passed = now.saturating_sub(self.next_interval) / length + 1;
        let passed = u32::try_from(passed).unwrap_or(u32::MAX);
        self.next_interval = now.saturating_add(length);
        let in_use = self.entries.iter_mut().filter(|(_, entry)| entry.ejected_until.is_none());
        in_use
            .map(|(id, entry)| {
                entry.steps = entry.steps.saturating_sub(passed);
                let (successes, failures) = entry.tally.take_counts();
                (id.clone(), Counts { successes, failures })
            })
            .unzip()
    }

    /// When [`Table::pass_time`] has something to do next.
    pub(super) fn next_due(&self) -> u64 {
        let ends = self.entries.values().filter_map(|entry| entry.ejected_until);
        ends.min().map_or(self.next_interval, |first| first.min(self.next_interval))
    }

    /// What has changed since it was last asked.
    pub(super) fn take_changes(&mut self) -> Vec<(Id, Event)> {
        mem::take(&mut self.changes)
    }

    pub(super) fn snapshot(&self, now: u64) -> OutlierDetectorSnapshot<Id> {
        let endpoint = |(id, entry): (&Id, &Entry<Id>)| {
            let (successes, failures) = entry.tally.counts();
            EndpointSnapshot {
                id: id.clone(),
                ejected_for: entry.ejected_until.map(|until| Duration::from_nanos(until.saturating_sub(now))),
                ejections: entry.ejections,
                consecutive_failures: entry.tally.streak(),
                successes,
                failures,
            }
        };
        OutlierDetectorSnapshot {
            endpoints: self.entries.iter().map(endpoint).collect(),
            ejections: self.ejections,
            prevented: self.prevented,
        }
    }

    fn eject(&mut self, id: &Id, now: u64) {
        let most = self.most_ejected();
        let Some(entry) = self.entries.get_mut(id).filter(|entry| entry.ejected_until.is_none()) else { return };
        if self.ejected >= most {
            self.prevented += 1;
            return;
        }
        entry.steps = entry.steps.saturating_add(1);
        entry.ejections += 1;
        self.ejections += 1;
        self.ejected += 1;
        let time = self.config.base_ejection_time().saturating_mul(entry.steps).min(self.config.max_ejection_time());
        let jitter = fastrand::u64(0..=nanos(self.config.max_ejection_time_jitter()));
        let time = nanos(time).saturating_add(jitter);
        entry.ejected_until = Some(now.saturating_add(time));
        entry.tally.eject();
        self.changes.push((id.clone(), Event::Ejected { duration: Duration::from_nanos(time) }));
    }

    /// How many endpoints may be ejected at once: one is always left.
    fn most_ejected(&self) -> usize {
        let known = self.entries.len();
        let part = known as u128 * u128::from(self.config.max_ejection_percent()) / 100;
        usize::try_from(part).unwrap_or(usize::MAX).min(known.saturating_sub(1))
    }

    fn restore_where(&mut self, is_over: impl Fn(u64) -> bool) {
        if self.ejected == 0 {
            return;
        }
        for (id, entry) in &mut self.entries {
            if entry.ejected_until.take_if(|until| is_over(*until)).is_some() {
                entry.tally.restore();
                self.ejected -= 1;
                self.changes.push((id.clone(), Event::Restored));
            }
        }
    }

    /// Brings back those who would be next, until no more are ejected than may be.
    fn restore_surplus(&mut self) {
        while self.ejected > self.most_ejected() {
            let ends = self.entries.values().filter_map(|entry| entry.ejected_until);
            let Some(first) = ends.min() else { return };
            self.restore_where(|until| until == first);
        }
    }
}

#[cfg(all(test, not(otlp_loom)))]
mod tests;
