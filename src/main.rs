//! tombolo.
fn main() {}
