//! The one suite that every adapter passes, whichever platform it speaks to: what the traits of `tombolo-model` promise, as
//! checks. Only for tests.
//!
//! An *island* is a server with one account, an adapter for it, and the means to play its creator and to make things go
//! wrong. The files under `tests/` describe islands; [`source_suite!`] and [`destination_suite!`] make one test of each check
//! and island. What only one platform does stays in that adapter's own tests.
//!
//! Nothing here knows a platform's name.

#![allow(clippy::missing_panics_doc)] // Checks panic by being failed.

mod bad;
pub mod destination;
pub mod files;
#[path = "../../activitypub/src/mangled.rs"]
#[allow(dead_code, unreachable_pub)] // Shared with tests that use more of it.
mod mangled;
pub mod source;
mod watch;

use std::sync::Arc;

use tombolo_model::{Origin, SeededEntropy, TestClock};
use tombolo_net::stand_in::{Arrival, Arrivals, Faults};
use tombolo_net::{Guard, Net, NetConfig};
use url::Url;

pub use destination::{Arrived, ArrivedFile, DestinationFacts, DestinationIsland};
pub use source::{SourceFacts, SourceIsland};

/// What a test sees of a server, and does to it.
#[derive(Clone, Debug)]
pub struct Front {
    /// Where it is.
    pub base: Url,
    /// The clock of the adapter, and of the server where that is a stand-in.
    pub clock: TestClock,
    /// The requests that arrived.
    pub arrivals: Arrivals,
    /// What goes wrong.
    pub faults: Faults,
}

/// How adapters introduce themselves to islands.
const USER_AGENT: &str = "tombolo-tests";

impl Front {
    /// The requests of adapters; a real server also sends some to itself.
    pub fn requests(&self) -> Vec<Arrival> {
        let mut all = self.arrivals.all();
        all.retain(|arrival| arrival.header("user-agent") == Some(USER_AGENT));
        all
    }

    /// The client that adapters speak to it with. `others`: further origins that plain http may be spoken to.
    pub fn net(&self, others: &[&Url]) -> Net {
        let origins = others.iter().copied().chain([&self.base]).map(Origin::of);
        let config = NetConfig {
            guard: Guard::new(vec!["127.0.0.0/8".parse().expect("a network")], origins),
            user_agent: USER_AGENT.into(),
        };
        let entropy = Arc::new(SeededEntropy::new(7));
        Net::new(config, Arc::new(self.clock.clone()), entropy).expect("the client starts")
    }
}
