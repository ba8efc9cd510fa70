//! A share of all traces, the same ones wherever the same share is asked for.

use otlp_core::TraceId;
use thiserror::Error;

use super::{Decision, Sampler, SamplingParameters, SamplingResult};

/// How many random bits of a trace id decide: its last seven bytes.
const BITS: u32 = 56;

/// Records a share of all traces by their ids, whatever the parent says; within a [`ParentBased`](super::ParentBased)
/// it decides about roots only.
///
/// A trace is recorded if its randomness is at or above a threshold (OpenTelemetry specification, Trace SDK,
/// "TraceIdRatioBased"): everyone who asks for the same ratio picks the same traces, and a larger ratio picks all that
/// a smaller one does. The randomness is the last seven bytes of the trace id, or the value `rv` of the entry `ot` in
/// `tracestate` if there is one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TraceIdRatio {
    ratio: f64,
    threshold: u64,
}

/// A sampling ratio outside of 0 to 1, or not a number.
#[derive(Debug, Clone, Copy, PartialEq, Error)]
#[error("the sampling ratio is {0}, but takes 0 to 1")]
pub struct InvalidRatio(pub f64);

impl TraceIdRatio {
    /// Records the share `ratio` of all traces, from 0 (none) to 1 (all). Ratios below 2⁻⁵⁶ record none.
    ///
    /// # Errors
    /// If the ratio is out of range or not a number.
    pub fn new(ratio: f64) -> Result<Self, InvalidRatio> {
        if !(0.0..=1.0).contains(&ratio) {
            return Err(InvalidRatio(ratio));
        }
        let all = 1u64 << BITS;
        // Exact also for tiny ratios, which `1.0 - ratio` would round away.
        let taken = (ratio * all as f64).round() as u64;
        Ok(TraceIdRatio { ratio, threshold: all - taken })
    }

    /// The share.
    pub fn ratio(&self) -> f64 {
        self.ratio
    }
}

impl Sampler for TraceIdRatio {
    #[inline]
    fn should_sample(&self, span: &SamplingParameters<'_>) -> SamplingResult {
        let state = span.parent.and_then(|parent| parent.trace_state.as_deref());
        let randomness = state.and_then(explicit_randomness).unwrap_or_else(|| randomness(span.trace_id));
        let decision = if randomness >= self.threshold { Decision::RecordAndSample } else { Decision::Drop };
        decision.into()
    }

    fn description(&self) -> String {
        format!("TraceIdRatioBased{{{}}}", self.ratio)
    }
}

/// The last seven bytes of a trace id.
#[inline]
fn randomness(id: TraceId) -> u64 {
    u128::from_be_bytes(id.to_bytes()) as u64 & ((1 << BITS) - 1)
}

/// The randomness that the origin of the trace stated: `ot=…;rv:<14 hex digits>;…`.
fn explicit_randomness(trace_state: &str) -> Option<u64> {
    let entry = trace_state.split(',').find_map(|entry| entry.trim().strip_prefix("ot="))?;
    let digits = entry.split(';').find_map(|part| part.strip_prefix("rv:"))?;
    let is_valid = digits.len() == 14 && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    is_valid.then(|| u64::from_str_radix(digits, 16).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use otlp_core::TraceContext;

    use super::{
        super::{super::ids::RandomIds, parameters},
        *,
    };
    use crate::trace::IdGenerator;

    fn is_sampled(sampler: TraceIdRatio, id: TraceId) -> bool {
        sampler.should_sample(&parameters(id, None)).decision == Decision::RecordAndSample
    }

    #[test]
    fn the_share_is_what_was_asked_for() {
        for ratio in [0.0, 0.001, 0.1, 0.5, 0.9, 1.0] {
            let sampler = TraceIdRatio::new(ratio).unwrap();
            let count = 200_000;
            let sampled = (0..count).filter(|_| is_sampled(sampler, RandomIds.trace_id())).count() as f64;
            let expected = ratio * f64::from(count);
            // Seven standard deviations: fails once in some 10^11 runs.
            let tolerance = 7.0 * (expected * (1.0 - ratio)).sqrt();
            assert!((sampled - expected).abs() <= tolerance, "{ratio}: {sampled} of {count}");
        }
    }

    #[test]
    fn a_larger_ratio_takes_all_that_a_smaller_one_takes() {
        let ratios = [0.01, 0.2, 0.5, 0.99].map(|ratio| TraceIdRatio::new(ratio).unwrap());
        for _ in 0..10_000 {
            let id = RandomIds.trace_id();
            assert!(ratios.map(|sampler| is_sampled(sampler, id)).is_sorted());
        }
    }

    #[test]
    fn the_threshold_is_that_of_the_specification() {
        let half = TraceIdRatio::new(0.5).unwrap();
        let id = |low: u64| TraceId::from_bytes((0xffff << 64 | u128::from(low)).to_be_bytes());
        assert!(!is_sampled(half, id(0x7f_ffff_ffff_ffff)));
        assert!(is_sampled(half, id(0x80_0000_0000_0000)));
        // The eighth byte from the right is not part of the randomness.
        assert!(!is_sampled(half, id(0xff00_0000_0000_0000)));
        let smallest = TraceIdRatio::new(2f64.powi(-56)).unwrap();
        assert!(is_sampled(smallest, id(0xff_ffff_ffff_ffff)));
        assert!(!is_sampled(smallest, id(0xff_ffff_ffff_fffe)));
    }

    #[test]
    fn a_stated_randomness_beats_the_trace_id() {
        let sampler = TraceIdRatio::new(0.5).unwrap();
        let decide = |state: &str| {
            let parent = TraceContext { trace_state: Some(state.into()), ..TraceContext::default() };
            sampler.should_sample(&parameters(TraceId::from_bytes([0; 16]), Some(&parent))).decision
        };
        assert_eq!(decide("a=b, ot=th:0;rv:80000000000000"), Decision::RecordAndSample);
        assert_eq!(decide("ot=rv:7fffffffffffff"), Decision::Drop);
        assert_eq!(decide("ot=rv:+8000000000000"), Decision::Drop);
        assert_eq!(decide("ot=rv:8"), Decision::Drop);
    }

    #[test]
    fn a_ratio_that_is_none_is_refused() {
        for ratio in [-0.1, 1.000_1, f64::NAN, f64::INFINITY] {
            assert!(TraceIdRatio::new(ratio).is_err(), "{ratio}");
        }
        let error = TraceIdRatio::new(1.5).unwrap_err();
        assert_eq!(error.to_string(), "the sampling ratio is 1.5, but takes 0 to 1");
    }

    #[test]
    fn the_description_names_the_ratio() {
        assert_eq!(TraceIdRatio::new(0.0001).unwrap().description(), "TraceIdRatioBased{0.0001}");
    }
}
