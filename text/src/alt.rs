//! The alternative text of a video or its poster.

use super::cut::{Cut, cut};
use super::plain::clean_line;

/// `Video: TITLE`, of at most `max_code_points`.
pub fn alt_text(title: &str, max_code_points: usize) -> String {
    let title = clean_line(title);
    let fits = |text: &str| text.chars().count() <= max_code_points;
    let whole = if title.is_empty() {
        "Video".to_owned()
    } else {
        format!("Video: {title}")
    };
    match cut(&whole, fits) {
        Cut::Whole => whole,
        Cut::Short(text) => text,
        Cut::Nothing => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_title_is_fitted() {
        assert_eq!(alt_text("A walk\nby the sea", 1500), "Video: A walk by the sea");
        assert_eq!(alt_text("A walk by the sea", 20), "Video: A walk by…");
        assert_eq!(alt_text(" ", 20), "Video");
        assert_eq!(alt_text("x", 0), "");
        assert!(alt_text(&"👨‍👩‍👧‍👦".repeat(100), 30).chars().count() <= 30);
    }
}
