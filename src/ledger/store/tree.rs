//! The names of the trees. What their records mean is the ledger's affair, not the store's.

/// One of the ledger's trees: a keyspace of its own.
///
/// The names go into the seal's sum: a tree is never renamed, only added. An unused one costs nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tree {
    /// The state of each post on its way to each destination.
    Deliveries,
    /// What exists at destinations, found by its uri.
    Copies,
    /// The ids that were publishable when a route first looked.
    Baselines,
    /// When a destination first met a source.
    Contacts,
    /// How far each reader of each account has read.
    Cursors,
}

impl Tree {
    /// All trees, each at the place of its discriminant.
    pub const ALL: [Self; 5] = [
        Self::Deliveries,
        Self::Copies,
        Self::Baselines,
        Self::Contacts,
        Self::Cursors,
    ];

    /// The tree's name on disk.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Deliveries => "deliveries",
            Self::Copies => "copies",
            Self::Baselines => "baselines",
            Self::Contacts => "contacts",
            Self::Cursors => "cursors",
        }
    }

    /// The tree's place in [`Tree::ALL`].
    pub(super) const fn index(self) -> usize {
        self as usize
    }
}

/// A number for each tree.
pub(super) type PerTree = [u64; Tree::ALL.len()];
