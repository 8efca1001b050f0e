mod composing;
mod contract;
mod markdown;
mod properties;

use tombolo_model::{LengthUnit, LinkCost, TextRules};

/// Mastodon's rules, with another limit.
fn mastodon(max: usize) -> TextRules {
    TextRules {
        max,
        unit: LengthUnit::Graphemes,
        link: LinkCost::Fixed(23),
        warning_counts: true,
        alt_max: 1500,
    }
}

fn code_points(max: usize) -> TextRules {
    TextRules {
        max,
        unit: LengthUnit::CodePoints,
        link: LinkCost::Full,
        warning_counts: false,
        alt_max: 1500,
    }
}
