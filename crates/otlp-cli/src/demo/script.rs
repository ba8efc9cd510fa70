//! The script: which fault is played when.
//!
//! One cycle lasts [`CYCLE`] and begins and ends calmly. A shorter run plays the same cycle faster, a longer one plays it
//! again and again, with a [`REST`] in between; a scene that would not be over before the end is left out.

use std::{fmt, time::Duration};

use super::topology::Service;

/// How long all faults, one after the other, take.
pub(crate) const CYCLE: Duration = Duration::from_secs(18);

/// How long nothing happens after a cycle: who watches sees the backlog of all those faults drain.
const REST: Duration = Duration::from_secs(12);

/// What is done to the receivers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trouble {
    Unavailable,
    Throttled,
    Slow,
    PartialSuccess,
    LostAcknowledgement,
    OneLeaves,
    Killed,
}

/// Whom the demo kills: a service with a disk queue.
pub(crate) const VICTIM: Service = Service::Notification;

/// A trouble and its time, from the beginning of the load.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Scene {
    pub(crate) trouble: Trouble,
    pub(crate) begins: Duration,
    pub(crate) ends: Duration,
}

impl Scene {
    /// When services are told that a receiver is gone: some time after it was killed, as a registry finds out.
    pub(crate) fn is_found_out_at(&self) -> Option<Duration> {
        (self.trouble == Trouble::OneLeaves).then(|| (self.begins + self.ends) / 2)
    }

    /// When [`VICTIM`] is killed: while the receivers take nothing, so that what it has is on its disk or in its memory.
    pub(crate) fn kills_at(&self) -> Option<Duration> {
        (self.trouble == Trouble::Unavailable).then(|| (self.begins + self.ends) / 2)
    }
}

/// The cycle, in milliseconds.
const SCENES: [(Trouble, u64, u64); 7] = [
    (Trouble::Unavailable, 1_500, 4_500),
    (Trouble::Throttled, 5_300, 7_000),
    (Trouble::Slow, 7_700, 9_200),
    (Trouble::PartialSuccess, 9_900, 10_900),
    (Trouble::LostAcknowledgement, 11_600, 12_600),
    (Trouble::OneLeaves, 13_200, 14_800),
    (Trouble::Killed, 15_400, 17_000),
];

/// All scenes of a run of this length; for ever without one.
pub(crate) fn scenes(length: Option<Duration>) -> impl Iterator<Item = Scene> {
    let pace = length.map_or(1.0, |length| length.div_duration_f64(CYCLE).min(1.0));
    let all = (0u32..).flat_map(move |cycle| {
        SCENES.into_iter().map(move |(trouble, begins, ends)| {
            let time = |ms| ((CYCLE + REST) * cycle + Duration::from_millis(ms)).mul_f64(pace);
            Scene { trouble, begins: time(begins), ends: time(ends) }
        })
    });
    all.take_while(move |scene| length.is_none_or(|length| scene.ends <= length))
}

impl Trouble {
    /// In a word or two, no more than eleven characters, for the status line.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Trouble::Unavailable => "unavailable",
            Trouble::Throttled => "throttled",
            Trouble::Slow => "slow",
            Trouble::PartialSuccess => "rejecting",
            Trouble::LostAcknowledgement => "acks lost",
            Trouble::OneLeaves => "one gone",
            Trouble::Killed => "dead",
        }
    }
}

impl fmt::Display for Trouble {
    /// As a sentence.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Trouble::Unavailable => "the receivers are unavailable (UNAVAILABLE, 503)",
            Trouble::Throttled => "the receivers throttle and say when to come back (RetryInfo, Retry-After)",
            Trouble::Slow => "the receivers are slow (400 ms more per request)",
            Trouble::PartialSuccess => "the receivers reject a tenth of each request (partial success)",
            Trouble::LostAcknowledgement => {
                "the receivers store every other request, then reset the connection before its answer"
            }
            Trouble::OneLeaves => "receiver 2 is killed, and the other one takes its part",
            Trouble::Killed => "the receivers are killed",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_cycle_plays_every_trouble_once_and_unavailability_for_three_seconds() {
        let scenes: Vec<Scene> = scenes(Some(CYCLE)).collect();
        assert_eq!(scenes.iter().map(|scene| scene.trouble).collect::<Vec<_>>(), SCENES.map(|(trouble, ..)| trouble));
        assert_eq!(scenes[0].ends - scenes[0].begins, Duration::from_secs(3));
        let kills: Vec<Duration> = scenes.iter().filter_map(Scene::kills_at).collect();
        assert!(kills.len() == 1 && scenes[0].begins < kills[0] && kills[0] < scenes[0].ends);
    }

    #[test]
    fn scenes_follow_each_other_without_overlap_and_end_in_time() {
        for seconds in [1, 4, 18, 19, 50] {
            let length = Duration::from_secs(seconds);
            let scenes: Vec<Scene> = scenes(Some(length)).collect();
            assert!(scenes.len() >= SCENES.len(), "{seconds} s have {} scenes", scenes.len());
            assert!(scenes.windows(2).all(|pair| pair[0].ends < pair[1].begins));
            assert!(scenes.iter().all(|scene| scene.begins < scene.ends && scene.ends <= length));
        }
    }

    #[test]
    fn a_run_without_end_goes_on() {
        assert_eq!(
            scenes(None).nth(7 * 1000).map(|scene| scene.begins),
            Some((CYCLE + REST) * 1000 + Duration::from_millis(1_500))
        );
    }
}
