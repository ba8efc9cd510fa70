//! What each field does, seen from outside.
