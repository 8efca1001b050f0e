//! The transformer: a post, facts about its media, rules and a destination's limits become a plan. Pure: no clock, no
//! network, no platform's name.

pub mod ladder;
pub mod plan;
pub mod rules;
#[cfg(test)]
mod tests;
pub mod words;

pub use ladder::{Facts, FileFacts, MediaPlan, Rung, human_bytes};
pub use plan::{Captions, FormPlan, Mode, Overflow, PartPlan, Plan, Settings, VideoPlan, plan};
pub use rules::{Kind, Replies, RequireAlt, Rules, Sensitive, Verdict};
