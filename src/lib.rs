//! tombolo.
