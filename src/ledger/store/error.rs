//! What can go wrong with the ledger, in sentences that say what to do.

use std::io;
use std::path::PathBuf;

use super::Holder;

/// Why the ledger can't be used. Whichever it is: nothing may be posted.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another process holds the lock.
    #[error(
        "The data directory {} is in use by {}. Two at once could post things twice. Wait until the other is done, or \
         stop it.",
        .dir.display(),
        holder_or_unknown(.holder.as_ref())
    )]
    InUse {
        /// The data directory.
        dir: PathBuf,
        /// Who uses it, if they could be asked for their name.
        holder: Option<Holder>,
    },

    /// The ledger doesn't hold what it should.
    #[error(
        "The ledger in {} is damaged: {what}. Without it tombolo can't know what was posted already, so nothing is \
         posted. The directory was left as it was. Either restore the whole data directory from a backup (posts \
         published since that backup was made would then be posted a second time), or move it away and run tombolo \
         again: it then begins with a first contact, which posts nothing old unless `since` asks for it.",
        .dir.display()
    )]
    Damaged {
        /// What was found.
        what: String,
        /// The data directory.
        dir: PathBuf,
    },

    /// The ledger was written by another version of tombolo.
    #[error(
        "The ledger in {} has layout {found}, and this tombolo knows layout {known}. Nothing was changed. Run the \
         version of tombolo that wrote it{}.",
        .dir.display(),
        if found > known { ", or a newer one" } else { "" }
    )]
    Schema {
        /// The ledger's version.
        found: u32,
        /// Ours.
        known: u32,
        /// The data directory.
        dir: PathBuf,
    },

    /// A file or directory couldn't be used.
    #[error(
        "tombolo couldn't {doing} {}: {source}. Nothing is posted without a ledger. See that the disk is there and has \
         room, and that the directory belongs to the user that runs tombolo; then run it again.",
        .path.display()
    )]
    Files {
        /// What was tried, as a verb.
        doing: &'static str,
        /// With which path.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },

    /// A record couldn't be read from the open ledger.
    #[error(
        "A record couldn't be read from the ledger in {}: {what}. Nothing more is posted. Run tombolo again: it then \
         checks the whole ledger and says what can be done.",
        .dir.display()
    )]
    Unreadable {
        /// What was found.
        what: String,
        /// The data directory.
        dir: PathBuf,
    },

    /// The ledger couldn't be written.
    #[error(
        "The ledger in {} couldn't be written: {what}. Nothing more is posted. See that the disk is sound and has \
         room, then run tombolo again.",
        .dir.display()
    )]
    Unwritten {
        /// What was found.
        what: String,
        /// The data directory.
        dir: PathBuf,
    },

    /// An earlier call failed, so this one wasn't tried.
    #[error("Nothing more is written to the ledger since this happened: {first}")]
    Stopped {
        /// The first error, as it was shown.
        first: String,
    },

    /// A record is larger than the ledger takes.
    #[error(
        "A record of {size} bytes is too large for the ledger's tree `{tree}`, which takes {limit}. Nothing was \
         written. This is a fault in tombolo: please report it."
    )]
    TooLarge {
        /// The tree it was meant for.
        tree: &'static str,
        /// Key and value together.
        size: usize,
        /// What is allowed.
        limit: usize,
    },
}

fn holder_or_unknown(holder: Option<&Holder>) -> String {
    holder.map_or_else(|| "another process".to_owned(), ToString::to_string)
}
