//! One program per topic, in `examples/`. Each brings its own receiver, does its work for real, and fails unless the
//! receiver got what it should have.
