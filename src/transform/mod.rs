//! The transformer: a post, facts about its media and a destination's limits become a plan. Pure: no clock, no network,
//! no platform's name.

pub mod plan;

pub use plan::{Facts, MediaPlan, PartPlan, Plan, Rung, Settings, plan};
