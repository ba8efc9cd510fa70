//! When a fault strikes: how often, on which signal, or by chance.

use otlp_core::Signal;

use super::Fault;

/// A fault and when it strikes. A [`Fault`] and a [`FaultMix`] are rules by themselves: always, on all signals.
///
/// ```
/// use otlp_core::Signal;
/// use otlp_receiver::{Fault, FaultRule, GrpcCode};
/// let rule: FaultRule = Fault::grpc(GrpcCode::Unavailable).times(3).on(Signal::Traces);
/// ```
#[derive(Debug, Clone)]
pub struct FaultRule {
    signal: Option<Signal>,
    /// How often it still strikes; for ever without.
    left: Option<u64>,
    choice: Choice,
}

#[derive(Debug, Clone)]
enum Choice {
    One(Fault),
    Mix(FaultMix),
}

/// Faults by chance: some requests get a random one of a list.
///
/// The n-th request that a mix sees gets the same fault in each run with the same seed.
#[derive(Debug, Clone)]
pub struct FaultMix {
    probability: f64,
    choices: Vec<Fault>,
    random: fastrand::Rng,
}

impl FaultMix {
    /// With `probability` (0.0 to 1.0) a request gets one of `choices`, each as likely as the others; the others are
    /// served.
    pub fn new(probability: f64, seed: u64, choices: Vec<Fault>) -> Self {
        FaultMix { probability, choices, random: fastrand::Rng::with_seed(seed) }
    }

    /// A rule that does this to requests of `signal` alone.
    pub fn on(self, signal: Signal) -> FaultRule {
        FaultRule::from(self).on(signal)
    }

    fn next(&mut self) -> Option<Fault> {
        // Both are drawn each time, so that the list does not shift who is struck.
        let (strikes, choice) = (self.random.f64() < self.probability, self.random.usize(..));
        (strikes && !self.choices.is_empty()).then(|| self.choices[choice % self.choices.len()].clone())
    }
}

impl FaultRule {
    /// The same rule for the next `count` strikes alone; then it is gone.
    pub fn times(self, count: u64) -> Self {
        FaultRule { left: Some(count), ..self }
    }

    /// The same rule for requests of `signal` alone.
    pub fn on(self, signal: Signal) -> Self {
        FaultRule { signal: Some(signal), ..self }
    }

    pub(super) fn is_spent(&self) -> bool {
        self.left == Some(0)
    }

    /// What this rule does to a request of `signal`.
    pub(super) fn next(&mut self, signal: Signal) -> Option<Fault> {
        if self.is_spent() || self.signal.is_some_and(|only| only != signal) {
            return None;
        }
        let fault = match &mut self.choice {
            Choice::One(fault) => fault.clone(),
            Choice::Mix(mix) => mix.next()?,
        };
        if let Some(left) = &mut self.left {
            *left -= 1;
        }
        Some(fault)
    }
}

impl Fault {
    /// A rule that does this to the next `count` requests.
    pub fn times(self, count: u64) -> FaultRule {
        FaultRule::from(self).times(count)
    }

    /// A rule that does this to requests of `signal` alone.
    pub fn on(self, signal: Signal) -> FaultRule {
        FaultRule::from(self).on(signal)
    }
}

impl From<Fault> for FaultRule {
    fn from(fault: Fault) -> Self {
        FaultRule { signal: None, left: None, choice: Choice::One(fault) }
    }
}

impl From<FaultMix> for FaultRule {
    fn from(mix: FaultMix) -> Self {
        FaultRule { signal: None, left: None, choice: Choice::Mix(mix) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{FaultKind, GrpcCode};

    #[test]
    fn a_mix_repeats_itself_with_the_same_seed_and_strikes_as_often_as_told() {
        let choices = vec![Fault::grpc(GrpcCode::Aborted), Fault::reset()];
        let kinds = |seed| {
            let mut rule = FaultRule::from(FaultMix::new(0.5, seed, choices.clone()));
            (0..1000).map(|_| rule.next(Signal::Logs).map(|fault| fault.kind())).collect::<Vec<_>>()
        };
        let first = kinds(7);
        assert_eq!(first, kinds(7));
        assert_ne!(first, kinds(8));
        let count = |kind| first.iter().filter(|fault| **fault == kind).count();
        assert!((400..600).contains(&count(None)), "{}", count(None));
        assert!((150..350).contains(&count(Some(FaultKind::Reset))));
    }

    #[test]
    fn a_rule_of_another_signal_is_not_spent() {
        let mut rule = Fault::reset().times(1).on(Signal::Logs);
        assert_eq!(rule.next(Signal::Traces), None);
        assert_eq!(rule.next(Signal::Logs), Some(Fault::reset()));
        assert!(rule.is_spent());
        assert_eq!(rule.next(Signal::Logs), None);
    }
}
