mod composing;
mod contract;
mod html;
mod markdown;
mod properties;
mod templates;
mod threads;
mod video;

use tombolo_model::{LengthUnit, LinkCost, TextRules};

/// Mastodon's rules, with another limit.
fn mastodon(max: usize) -> TextRules {
    TextRules {
        max,
        unit: LengthUnit::Graphemes,
        link: LinkCost::Fixed(23),
        warning_counts: true,
        alt_max: 1500,
        alt_min: 0,
        warning_max: None,
        escape_angle: false,
        alone: true,
    }
}

fn code_points(max: usize) -> TextRules {
    TextRules {
        max,
        unit: LengthUnit::CodePoints,
        link: LinkCost::Full,
        warning_counts: false,
        alt_max: 1500,
        alt_min: 0,
        warning_max: None,
        escape_angle: false,
        alone: true,
    }
}

/// Pixelfed's rules (contract pixelfed §4).
fn pixelfed(max: usize) -> TextRules {
    TextRules {
        warning_max: Some(140),
        escape_angle: true,
        alone: false,
        ..code_points(max)
    }
}

/// `GoToSocial` counts code points, the warning among them, and links in full whatever it says of them.
fn gotosocial(max: usize) -> TextRules {
    TextRules {
        link: LinkCost::AtLeast(25),
        warning_counts: true,
        ..code_points(max)
    }
}
