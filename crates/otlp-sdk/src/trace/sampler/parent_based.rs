//! As the parent was sampled, so is the child.

use std::sync::Arc;

use super::{AlwaysOff, AlwaysOn, Sampler, SamplingParameters, SamplingResult};

/// Leaves the decision to one of five samplers, by whether there is a parent, where it is, and whether it is sampled
/// (OpenTelemetry specification, Trace SDK, "ParentBased").
///
/// ```
/// use otlp_sdk::trace::sampler::{ParentBased, TraceIdRatio};
/// // A tenth of the traces that begin here; of all others what their origin decided.
/// let sampler = ParentBased::new(TraceIdRatio::new(0.1)?);
/// # Ok::<(), otlp_sdk::trace::sampler::InvalidRatio>(())
/// ```
#[derive(Debug, Clone)]
pub struct ParentBased {
    root: Arc<dyn Sampler>,
    remote_parent_sampled: Arc<dyn Sampler>,
    remote_parent_not_sampled: Arc<dyn Sampler>,
    local_parent_sampled: Arc<dyn Sampler>,
    local_parent_not_sampled: Arc<dyn Sampler>,
}

impl ParentBased {
    /// Asks `root` about spans without parent; a child is recorded if its parent is sampled.
    pub fn new(root: impl Sampler + 'static) -> Self {
        ParentBased {
            root: Arc::new(root),
            remote_parent_sampled: Arc::new(AlwaysOn),
            remote_parent_not_sampled: Arc::new(AlwaysOff),
            local_parent_sampled: Arc::new(AlwaysOn),
            local_parent_not_sampled: Arc::new(AlwaysOff),
        }
    }

    /// Asks `sampler` if the parent is of another process and sampled.
    pub fn with_remote_parent_sampled(mut self, sampler: impl Sampler + 'static) -> Self {
        self.remote_parent_sampled = Arc::new(sampler);
        self
    }

    /// Asks `sampler` if the parent is of another process and not sampled.
    pub fn with_remote_parent_not_sampled(mut self, sampler: impl Sampler + 'static) -> Self {
        self.remote_parent_not_sampled = Arc::new(sampler);
        self
    }

    /// Asks `sampler` if the parent is of this process and sampled.
    pub fn with_local_parent_sampled(mut self, sampler: impl Sampler + 'static) -> Self {
        self.local_parent_sampled = Arc::new(sampler);
        self
    }

    /// Asks `sampler` if the parent is of this process and not sampled.
    pub fn with_local_parent_not_sampled(mut self, sampler: impl Sampler + 'static) -> Self {
        self.local_parent_not_sampled = Arc::new(sampler);
        self
    }
}

impl Sampler for ParentBased {
    #[inline]
    fn should_sample(&self, span: &SamplingParameters<'_>) -> SamplingResult {
        let sampler = match span.parent {
            None => &self.root,
            Some(parent) => match (parent.is_remote, parent.is_sampled()) {
                (true, true) => &self.remote_parent_sampled,
                (true, false) => &self.remote_parent_not_sampled,
                (false, true) => &self.local_parent_sampled,
                (false, false) => &self.local_parent_not_sampled,
            },
        };
        sampler.should_sample(span)
    }

    fn description(&self) -> String {
        format!(
            "ParentBased{{root:{},remoteParentSampled:{},remoteParentNotSampled:{},localParentSampled:{},\
             localParentNotSampled:{}}}",
            self.root.description(),
            self.remote_parent_sampled.description(),
            self.remote_parent_not_sampled.description(),
            self.local_parent_sampled.description(),
            self.local_parent_not_sampled.description()
        )
    }
}

#[cfg(test)]
mod tests {
    use otlp_core::{SpanId, TraceContext, TraceFlags, TraceId};

    use super::{
        super::{Decision, parameters},
        *,
    };

    fn decide(sampler: &ParentBased, parent: Option<(bool, bool)>) -> bool {
        let trace_id = TraceId::from_bytes([1; 16]);
        let parent = parent.map(|(is_remote, sampled)| TraceContext {
            trace_id,
            span_id: SpanId::from_bytes([1; 8]),
            flags: TraceFlags::default().with_sampled(sampled),
            trace_state: None,
            is_remote,
        });
        sampler.should_sample(&parameters(trace_id, parent.as_ref())).decision == Decision::RecordAndSample
    }

    const CASES: [Option<(bool, bool)>; 5] =
        [None, Some((true, true)), Some((true, false)), Some((false, true)), Some((false, false))];

    #[test]
    fn a_child_follows_its_parent_and_a_root_its_sampler() {
        let on = ParentBased::new(AlwaysOn);
        assert_eq!(CASES.map(|case| decide(&on, case)), [true, true, false, true, false]);
        let off = ParentBased::new(AlwaysOff);
        assert_eq!(CASES.map(|case| decide(&off, case)), [false, true, false, true, false]);
    }

    #[test]
    fn each_delegate_decides_its_own_case() {
        let base = || ParentBased::new(AlwaysOff);
        let inverted = [
            base().with_remote_parent_sampled(AlwaysOff),
            base().with_remote_parent_not_sampled(AlwaysOn),
            base().with_local_parent_sampled(AlwaysOff),
            base().with_local_parent_not_sampled(AlwaysOn),
        ];
        for (changed, sampler) in inverted.iter().enumerate() {
            for (index, case) in CASES.into_iter().enumerate() {
                let differs = decide(sampler, case) != decide(&base(), case);
                assert_eq!(differs, index == changed + 1, "{sampler:?} {case:?}");
            }
        }
    }

    #[test]
    fn the_description_names_all_five() {
        assert_eq!(
            ParentBased::new(AlwaysOn).description(),
            "ParentBased{root:AlwaysOnSampler,remoteParentSampled:AlwaysOnSampler,\
             remoteParentNotSampled:AlwaysOffSampler,localParentSampled:AlwaysOnSampler,\
             localParentNotSampled:AlwaysOffSampler}"
        );
    }
}
