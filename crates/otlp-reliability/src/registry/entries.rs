//! What stands in a registry: names, and policies that may be gone.

use std::{
    collections::BTreeMap,
    sync::{Arc, Weak},
};

use crate::Control;

/// A policy that is still there.
pub(super) struct Living {
    pub(super) name: String,
    /// Whether somebody gave it its name.
    pub(super) is_registered: bool,
    pub(super) control: Arc<dyn Control>,
}

struct Entry {
    /// Entries are shown in the order in which they came.
    order: u64,
    is_registered: bool,
    control: Weak<dyn Control>,
}

#[derive(Default)]
pub(super) struct Entries {
    by_name: BTreeMap<String, Entry>,
    /// The last number given out after each name. Numbers are not used again: two readings that show the same name show
    /// the same policy.
    numbers: BTreeMap<String, u64>,
    come: u64,
    /// How many entries there may be before those of dropped policies are looked for.
    sweep_at: usize,
}

impl Entries {
    pub(super) fn announce(&mut self, name: Option<&str>, kind: &'static str, control: Weak<dyn Control>) {
        let name = match name {
            Some(name) if !self.is_taken(name) => name.to_owned(),
            Some(name) => self.numbered(name),
            None => self.numbered(kind),
        };
        self.insert(name, false, control);
    }

    pub(super) fn register(&mut self, name: String, control: Weak<dyn Control>) {
        let is_same = |entry: &Entry| Weak::ptr_eq(&entry.control, &control);
        let former = self.by_name.iter().find(|(_, entry)| is_same(entry)).map(|(name, _)| name.clone());
        let own = former.and_then(|former| self.by_name.remove(&former));
        if self.is_taken(&name)
            && let Some(other) = self.by_name.remove(&name)
        {
            let moved = self.numbered(&name);
            self.by_name.insert(moved, other);
        }
        match own {
            Some(own) => drop(self.by_name.insert(name, Entry { is_registered: true, ..own })),
            None => self.insert(name, true, control),
        }
    }

    pub(super) fn living(&self) -> Vec<Living> {
        let mut living: Vec<_> = self
            .by_name
            .iter()
            .filter_map(|(name, entry)| {
                let control = entry.control.upgrade()?;
                let is_registered = entry.is_registered;
                Some((entry.order, Living { name: name.clone(), is_registered, control }))
            })
            .collect();
        living.sort_by_key(|(order, _)| *order);
        living.into_iter().map(|(_, policy)| policy).collect()
    }

    fn insert(&mut self, name: String, is_registered: bool, control: Weak<dyn Control>) {
        if self.by_name.len() >= self.sweep_at {
            self.by_name.retain(|_, entry| entry.control.strong_count() > 0);
            // Twice what is left: however many policies come and go, a sweep costs each of them a constant.
            self.sweep_at = (2 * self.by_name.len()).max(64);
        }
        self.come += 1;
        self.by_name.insert(name, Entry { order: self.come, is_registered, control });
    }

    fn is_taken(&self, name: &str) -> bool {
        self.by_name.get(name).is_some_and(|entry| entry.control.strong_count() > 0)
    }

    fn numbered(&mut self, name: &str) -> String {
        let number = self.numbers.entry(name.to_owned()).or_insert(0);
        loop {
            *number += 1;
            let numbered = format!("{name}-{number}");
            if !self.by_name.contains_key(&numbered) {
                return numbered;
            }
        }
    }
}

#[cfg(all(test, not(otlp_loom)))]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{ConfigError, PolicyConfig, Snapshot, Timeout};

    /// A control that nothing is behind.
    struct Nothing;

    impl Control for Nothing {
        fn snapshot(&self) -> Snapshot {
            Snapshot::Timeout(Timeout::new(Duration::ZERO).snapshot())
        }

        fn reload(&self, settings: &PolicyConfig) -> Result<(), ConfigError> {
            Err(settings.not_for("nothing"))
        }
    }

    fn control() -> (Arc<Nothing>, Weak<dyn Control>) {
        let control = Arc::new(Nothing);
        let weak: Weak<dyn Control> = Arc::downgrade(&control) as Weak<dyn Control>;
        (control, weak)
    }

    fn names(entries: &Entries) -> Vec<String> {
        entries.living().into_iter().map(|policy| policy.name).collect()
    }

    #[test]
    fn policies_that_nobody_named_are_numbered_by_kind_and_numbers_are_not_used_again() {
        let mut entries = Entries::default();
        let (first, weak) = control();
        entries.announce(None, "retry", weak);
        let (_second, weak) = control();
        entries.announce(None, "retry", weak);
        assert_eq!(names(&entries), ["retry-1", "retry-2"]);
        drop(first);
        let (_third, weak) = control();
        entries.announce(None, "retry", weak);
        assert_eq!(names(&entries), ["retry-2", "retry-3"]);
    }

    #[test]
    fn the_older_policy_makes_room_for_the_newer_of_the_same_name() {
        let mut entries = Entries::default();
        let (_older, older) = control();
        let (_newer, newer) = control();
        entries.register("payments".to_owned(), older.clone());
        entries.announce(None, "retry", newer.clone());
        entries.register("payments".to_owned(), newer.clone());
        assert_eq!(names(&entries), ["payments-1", "payments"], "in the order in which they came");
        entries.register("payments".to_owned(), newer);
        assert_eq!(names(&entries), ["payments-1", "payments"], "again changes nothing");
        entries.register("orders".to_owned(), older);
        assert_eq!(names(&entries), ["orders", "payments"]);
    }

    #[test]
    fn a_name_of_a_dropped_policy_is_free() {
        let mut entries = Entries::default();
        let (gone, weak) = control();
        entries.announce(Some("payments"), "pipeline", weak);
        drop(gone);
        let (_here, weak) = control();
        entries.announce(Some("payments"), "pipeline", weak);
        let (_other, weak) = control();
        entries.announce(Some("payments"), "pipeline", weak);
        assert_eq!(names(&entries), ["payments", "payments-1"]);
    }

    #[test]
    fn policies_that_come_and_go_leave_nothing_behind() {
        let mut entries = Entries::default();
        let stays: Vec<_> = (0..10).map(|_| control()).collect();
        for (_, weak) in &stays {
            entries.announce(None, "retry", weak.clone());
        }
        for _ in 0..10_000 {
            let (_gone, weak) = control();
            entries.announce(None, "retry", weak);
        }
        assert!(entries.by_name.len() <= 64, "{} entries", entries.by_name.len());
        assert_eq!(entries.living().len(), 10);
    }
}
