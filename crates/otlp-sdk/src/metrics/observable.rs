//! Observable instruments: callbacks observe their values at each collection.

use std::{
    marker::PhantomData,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, atomic::Ordering},
};

use otlp_core::AttributeSet;

use super::{
    aggregation::Round,
    instrument::{Callback, Instrument},
    number::{MetricNumber, repr::Bits},
};

/// Takes what a callback observes.
pub struct Observer<'a, T> {
    instrument: &'a Instrument,
    number: PhantomData<T>,
}

impl<T: MetricNumber> Observer<'_, T> {
    /// Observes `value` for `attributes`. For a counter and an up-down counter it is the whole sum so far, not a
    /// change. If the same attributes are observed again in the same collection, the last value counts.
    ///
    /// A value that is not finite is ignored and counted, and so is a negative one of a counter
    /// ([`MeterProvider::ignored_measurements`](super::MeterProvider::ignored_measurements)).
    pub fn observe<A: AttributeSet + ?Sized>(&self, value: T, attributes: &A) {
        if self.instrument.accepts(value, !self.instrument.description.kind.is_monotonic()) {
            self.instrument.observe(Bits::bits(value), attributes);
        }
    }
}

/// Makes a callback of a function over an observer.
pub(super) fn callback<T: MetricNumber>(observe: impl Fn(&Observer<'_, T>) + Send + Sync + 'static) -> Callback {
    Arc::new(move |instrument| observe(&Observer { instrument, number: PhantomData }))
}

impl Instrument {
    /// Calls `callbacks` at each collection from now on.
    pub(super) fn add_callbacks(&self, callbacks: Vec<Callback>) {
        if !callbacks.is_empty() {
            Arc::make_mut(&mut self.callbacks.write()).extend(callbacks);
        }
    }

    /// Calls all callbacks and returns the number of the round.
    pub(super) fn call_callbacks(&self) -> Round {
        let round = self.rounds.fetch_add(1, Ordering::Relaxed) + 1;
        // No lock is held meanwhile: a callback may create instruments and record with them.
        let callbacks = Arc::clone(&self.callbacks.read());
        for callback in callbacks.iter() {
            if catch_unwind(AssertUnwindSafe(|| callback(self))).is_err() {
                self.warn_of_panic();
            }
        }
        round
    }
}

macro_rules! observable {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        ///
        /// This handle only names the instrument: its callbacks run for as long as the provider exists, whether or not
        /// the handle is kept.
        #[derive(Debug, Clone)]
        pub struct $name<T> {
            instrument: Arc<Instrument>,
            number: PhantomData<T>,
        }

        impl<T> $name<T> {
            pub(super) fn new(instrument: Arc<Instrument>) -> Self {
                $name { instrument, number: PhantomData }
            }

            /// The name of the instrument.
            pub fn name(&self) -> &str {
                &self.instrument.description.name
            }
        }
    };
}

observable! {
    /// Observes a sum that only grows, such as the processor time of the process.
    ///
    /// Where deltas are asked for, the difference to the collection before is reported; a value below the one before
    /// means that the source began again from zero.
    ObservableCounter
}

observable! {
    /// Observes a sum that may fall, such as the number of open files.
    ObservableUpDownCounter
}

observable! {
    /// Observes a value that is no sum, such as a temperature.
    ObservableGauge
}
