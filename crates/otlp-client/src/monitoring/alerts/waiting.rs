//! The notices that wait for one webhook: bounded, in their order, and where there is no room, without what can best be
//! missed.
//!
//! What must hold: a server that heard that an alert fires hears that it is over. So what is left out is, of an alert that
//! the server has not heard of, the news that it fires and that it is over. There is room for the end of every alert that it
//! may have heard of, for there are no more rules than that.

use std::collections::{HashSet, VecDeque};

use super::{AlertNotice, AlertRule};

pub(super) struct Waiting {
    notices: VecDeque<AlertNotice>,
    /// The alerts of which it was taken last that they fire.
    heard: HashSet<String>,
    room: usize,
}

impl Default for Waiting {
    fn default() -> Self {
        Waiting::with_room(AlertRule::MOST)
    }
}

impl Waiting {
    fn with_room(room: usize) -> Self {
        Waiting { notices: VecDeque::new(), heard: HashSet::new(), room }
    }

    /// Adds a notice; how many are left out for it, which may be itself.
    pub(super) fn put(&mut self, notice: &AlertNotice) -> usize {
        if self.notices.len() < self.room {
            self.notices.push_back(notice.clone());
            return 0;
        }
        if !notice.is_resolved() {
            return 1;
        }
        let of_the_same = self.notices.iter().rposition(|waiting| waiting.name() == notice.name());
        if let Some(last) = of_the_same {
            // Either both were not heard of yet, or that it is over waits already.
            let is_firing = !self.notices[last].is_resolved();
            return 1 + usize::from(is_firing && self.notices.remove(last).is_some());
        }
        if !self.heard.contains(notice.name()) {
            return 1;
        }
        let left_out = self.leave_out_the_oldest_that_fires();
        if left_out == 0 {
            return 1;
        }
        self.notices.push_back(notice.clone());
        left_out
    }

    /// Leaves out the news that an alert fires, and that it is over if that waits too; how many they were.
    fn leave_out_the_oldest_that_fires(&mut self) -> usize {
        let oldest = self.notices.iter().position(|waiting| !waiting.is_resolved());
        let Some((position, firing)) = oldest.and_then(|at| Some((at, self.notices.remove(at)?))) else { return 0 };
        let mut after = self.notices.iter().skip(position);
        let end = after.position(|waiting| waiting.name() == firing.name());
        1 + usize::from(end.is_some_and(|end| self.notices.remove(position + end).is_some()))
    }

    /// Takes the oldest.
    pub(super) fn next(&mut self) -> Option<AlertNotice> {
        let next = self.notices.pop_front()?;
        match next.is_resolved() {
            true => self.heard.remove(next.name()),
            false => self.heard.insert(next.name().to_owned()),
        };
        Some(next)
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use proptest::prelude::*;

    use super::{
        super::{AlertMetric, AlertRule, AlertState, Comparison},
        *,
    };

    fn notice(name: usize, state: AlertState) -> AlertNotice {
        let rule = AlertRule::new(name.to_string(), AlertMetric::PendingItems, Comparison::Above, 1.0);
        AlertNotice { rule, state, value: None, fired_for: Duration::ZERO, time: SystemTime::UNIX_EPOCH }
    }

    fn firing(name: usize) -> AlertNotice {
        notice(name, AlertState::Firing)
    }

    fn resolved(name: usize) -> AlertNotice {
        notice(name, AlertState::Resolved)
    }

    /// With room for four, all of which is taken by alerts that fire.
    fn full() -> Waiting {
        let mut waiting = Waiting::with_room(4);
        (0..4).for_each(|name| assert_eq!(waiting.put(&firing(name)), 0));
        waiting
    }

    fn names(waiting: &mut Waiting) -> Vec<(String, bool)> {
        let next = || waiting.next().map(|notice| (notice.name().to_owned(), notice.is_resolved()));
        std::iter::from_fn(next).collect()
    }

    fn all(of: &[(usize, bool)]) -> Vec<(String, bool)> {
        of.iter().map(|(name, is_resolved)| (name.to_string(), *is_resolved)).collect()
    }

    #[test]
    fn without_room_an_alert_that_nobody_heard_of_is_left_out_with_its_end() {
        let mut waiting = full();
        assert_eq!(waiting.put(&firing(5)), 1);
        assert_eq!(waiting.put(&resolved(5)), 1, "nobody heard that it fires");
        assert_eq!(waiting.put(&resolved(2)), 2);
        assert_eq!(names(&mut waiting), all(&[(0, false), (1, false), (3, false)]));
    }

    #[test]
    fn the_end_of_an_alert_that_was_heard_of_finds_room() {
        let mut waiting = full();
        assert_eq!(waiting.next(), Some(firing(0)));
        assert_eq!(waiting.put(&firing(5)), 0);
        assert_eq!(waiting.put(&resolved(0)), 1);
        assert_eq!(names(&mut waiting), all(&[(2, false), (3, false), (5, false), (0, true)]));
    }

    proptest! {
        #[test]
        fn each_notice_is_taken_or_left_out_and_no_alert_is_left_firing(
            steps in prop::collection::vec((0_usize..8, prop::bool::weighted(0.2)), 0..300),
        ) {
            let (mut waiting, mut is_firing) = (Waiting::with_room(8), [false; 8]);
            let (mut put, mut heard, mut left_out) = (0, Vec::new(), 0);
            for (name, takes) in steps {
                is_firing[name] = !is_firing[name];
                left_out += waiting.put(&if is_firing[name] { firing(name) } else { resolved(name) });
                put += 1;
                prop_assert!(waiting.notices.len() <= 8 && waiting.heard.len() <= 8);
                if takes {
                    heard.extend(waiting.next());
                }
            }
            heard.extend(std::iter::from_fn(|| waiting.next()));
            prop_assert_eq!(heard.len() + left_out, put);
            for (name, is_firing) in is_firing.iter().enumerate() {
                let last = heard.iter().rfind(|notice| notice.name() == name.to_string());
                let is_heard_to_fire = last.is_some_and(|last| !last.is_resolved());
                prop_assert!(!is_heard_to_fire || *is_firing, "{name} is over and nobody heard of it");
            }
        }
    }
}
