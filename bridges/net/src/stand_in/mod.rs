//! What all stand-ins share: a small HTTP server on loopback, a record of the requests that arrived, faults by script,
//! and rate limits in fixed windows on a clock the test owns.
//!
//! A stand-in never reaches out; it only answers.

mod faults;
mod limits;
pub mod recordings;
mod server;

pub use faults::{Fault, FaultRule, Faults, Gate};
pub use limits::{Verdict, WindowLimit};
pub use server::{Arrival, Arrivals, Server, serve};
