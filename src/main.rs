//! The way in.

use std::process::ExitCode;

fn main() -> ExitCode {
    tombolo::cli::main()
}
