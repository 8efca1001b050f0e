//! Configuration: figment layers in, one validated and typed value out, or all mistakes at once.
//!
//! Reads the configuration file and nothing else; token files are read when a token is needed. The environment is
//! handed in. Values of secrets never reach a message.

mod check;
mod errors;
mod layers;
mod reader;
mod routes;
mod secret;
mod spans;
mod suggest;
mod types;
mod values;

#[cfg(test)]
mod tests;

pub use self::errors::{ConfigError, ConfigErrors};
pub use self::layers::{DEFAULTS, EXAMPLE, Inputs};
pub use self::secret::{TokenError, TokenSource, clean_password, clean_token, read_secret, read_token};
pub use self::types::{
    Account, Config, Destination, FfmpegChoice, Handle, MediaWork, Network, Platform, ReadMode, Route, Settings, Since,
    Sources,
};

pub use self::values::parse_duration;

/// Says what is wrong with a schedule, if anything is.
pub type CheckSchedule = fn(&str) -> Result<(), String>;

/// A configuration, and where it came from.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// What is configured.
    pub config: Config,
    sources: Sources,
}

impl Loaded {
    /// The file and the variables that the configuration came from.
    pub fn sources(&self) -> &Sources {
        &self.sources
    }
}

/// Finds, reads, merges and checks the configuration.
pub fn load(inputs: &Inputs, check_schedule: CheckSchedule) -> Result<Loaded, ConfigErrors> {
    let layers = layers::gather(inputs)?;
    let config = check::check(&layers, inputs, check_schedule)?;
    let file = layers.file.map(|file| file.path);
    let variables = layers.variables.into_values().collect();
    Ok(Loaded {
        config,
        sources: Sources { file, variables },
    })
}
