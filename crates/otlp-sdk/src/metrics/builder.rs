//! [`InstrumentBuilder`]: describes an instrument before it is made.

use std::{marker::PhantomData, sync::Arc};

use self::build::Buildable;
use super::{
    Counter, Gauge, Histogram, InstrumentKind, Meter, MetricNumber, ObservableCounter, ObservableGauge,
    ObservableUpDownCounter, Observer, Unit, UpDownCounter,
    instrument::{Callback, Description, Instrument},
    number::repr::Bits,
    observable::callback,
};

/// Describes an instrument of type `I`, to be made by [`InstrumentBuilder::init`].
#[must_use = "an instrument is made by `init`"]
pub struct InstrumentBuilder<I> {
    meter: Meter,
    name: String,
    description: String,
    unit: Unit,
    boundaries: Option<Vec<f64>>,
    callbacks: Vec<Callback>,
    instrument: PhantomData<I>,
}

impl<I: Buildable> InstrumentBuilder<I> {
    pub(super) fn new(meter: Meter, name: String) -> Self {
        InstrumentBuilder {
            meter,
            name,
            description: String::new(),
            unit: Unit::default(),
            boundaries: None,
            callbacks: Vec::new(),
            instrument: PhantomData,
        }
    }

    /// Says what is measured.
    pub fn with_description(mut self, description: impl Into<String>) -> Self {
        self.description = description.into();
        self
    }

    /// Says in which unit: a [`Unit`], or its notation.
    pub fn with_unit(mut self, unit: impl Into<Unit>) -> Self {
        self.unit = unit.into();
        self
    }

    /// Makes the instrument.
    ///
    /// If the scope has an instrument of this name (in upper or lower case), kind, number type, unit and description,
    /// both are one. One that differs in any of those is made all the same, and both report under one name; this is
    /// warned of ([`MetricsWarning`](super::MetricsWarning)), as is a name that the specification does not allow.
    pub fn init(self) -> I {
        let description = Description {
            name: self.name,
            description: self.description,
            unit: self.unit.as_str().to_owned(),
            kind: I::KIND,
            number: <I::Number as Bits>::KIND,
        };
        I::build(self.meter.instrument(description, self.boundaries, self.callbacks))
    }
}

impl<T: MetricNumber> InstrumentBuilder<Histogram<T>> {
    /// Sets the inclusive upper bounds of the buckets: finite numbers in rising order. None make a single bucket of
    /// everything.
    ///
    /// Others are warned of, and the default boundaries used as if these had not been given, as the specification of
    /// advisory parameters says. They do not identify the histogram: the boundaries of the first of its name count.
    pub fn with_boundaries(mut self, boundaries: impl Into<Vec<f64>>) -> Self {
        self.boundaries = Some(boundaries.into());
        self
    }
}

macro_rules! with_callback {
    ($($instrument:ident),*) => {$(
        impl<T: MetricNumber> InstrumentBuilder<$instrument<T>> {
            /// Calls `observe` at each collection, and whenever aggregates are read, on the thread that does so. Several
            /// callbacks are called in turn.
            ///
            /// It should be quick, for other metrics wait for it. It may record with other instruments and make new
            /// ones; reading or collecting from within it yields nothing. If it panics, what it observed before is
            /// reported.
            pub fn with_callback(mut self, observe: impl Fn(&Observer<'_, T>) + Send + Sync + 'static) -> Self {
                self.callbacks.push(callback(observe));
                self
            }
        }
    )*};
}

with_callback!(ObservableCounter, ObservableUpDownCounter, ObservableGauge);

mod build {
    use super::{Arc, Instrument, InstrumentKind, MetricNumber};

    /// An instrument that a builder can make.
    pub trait Buildable {
        /// What it measures.
        type Number: MetricNumber;
        /// Its kind.
        const KIND: InstrumentKind;
        /// The instrument, of what is behind it.
        fn build(instrument: Arc<Instrument>) -> Self;
    }
}

macro_rules! buildable {
    ($($instrument:ident),*) => {$(
        impl<T: MetricNumber> Buildable for $instrument<T> {
            type Number = T;
            const KIND: InstrumentKind = InstrumentKind::$instrument;
            fn build(instrument: Arc<Instrument>) -> Self {
                $instrument::new(instrument)
            }
        }
    )*};
}

buildable!(Counter, UpDownCounter, Histogram, Gauge, ObservableCounter, ObservableUpDownCounter, ObservableGauge);
