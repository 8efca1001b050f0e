//! Plain text as it is written block by block: gaps, lists, quotations. Both markups come out of it alike.

/// Lists and quotations nested deeper than this aren't set in any further.
const MAX_INDENT: usize = 6;

/// How much the next text stands apart from the last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Gap {
    #[default]
    None,
    Line,
    Blank,
}

/// The text so far, and what comes before the next.
#[derive(Default)]
pub(super) struct Flow {
    pub(super) out: String,
    gap: Gap,
    /// The number of the next item of each open list, if it has numbers.
    lists: Vec<Option<u64>>,
    /// The mark of an item that has no text yet.
    mark: Option<String>,
    /// How many quotations are open, and were when the last text was written.
    quotes: (usize, usize),
}

impl Flow {
    pub(super) fn want(&mut self, gap: Gap) {
        self.gap = self.gap.max(gap);
    }

    /// Blocks stand apart by a blank line, in lists by a line.
    pub(super) fn want_block(&mut self) {
        self.want(if self.lists.is_empty() { Gap::Blank } else { Gap::Line });
    }

    /// Whether the next text begins a line.
    pub(super) fn at_line_start(&self) -> bool {
        self.out.is_empty() || self.gap != Gap::None || self.mark.is_some()
    }

    /// The end of a line; a second one leaves a blank line, if the breaks are the writer's own.
    pub(super) fn break_line(&mut self, own: bool) {
        let second = own && self.gap != Gap::None;
        self.want(if second { Gap::Blank } else { Gap::Line });
    }

    pub(super) fn open_list(&mut self, first: Option<u64>) {
        self.want_block();
        self.lists.push(first);
    }

    pub(super) fn close_list(&mut self) {
        self.lists.pop();
        self.mark = None;
        self.want_block();
    }

    pub(super) fn open_item(&mut self) {
        self.want(Gap::Line);
        let deep = self.lists.len() > 1;
        self.mark = Some(match self.lists.last_mut() {
            Some(Some(number)) => {
                let mark = format!("{number}. ");
                *number = number.saturating_add(1);
                mark
            }
            _ if deep => "◦ ".to_owned(),
            _ => "• ".to_owned(),
        });
    }

    pub(super) fn close_item(&mut self) {
        self.mark = None;
        self.want(Gap::Line);
    }

    pub(super) fn open_quote(&mut self) {
        self.want_block();
        self.quotes.0 += 1;
    }

    pub(super) fn close_quote(&mut self) {
        self.quotes.0 = self.quotes.0.saturating_sub(1);
        self.want_block();
    }

    pub(super) fn push(&mut self, text: &str) {
        if !text.is_empty() {
            self.flush();
            self.out.push_str(text);
        }
    }

    /// Writes what stands between the last text and the next: a gap, the marks of quotations and of a list's item.
    pub(super) fn flush(&mut self) {
        if self.gap == Gap::None && self.mark.is_none() {
            return;
        }
        let (quotes, before) = self.quotes;
        let marks = |n: usize| ">".repeat(n.min(MAX_INDENT));
        if !self.out.is_empty() {
            self.out.push('\n');
            if self.gap == Gap::Blank {
                self.out.push_str(&marks(quotes.min(before)));
                self.out.push('\n');
            }
        }
        if quotes > 0 {
            self.out.push_str(&marks(quotes));
            self.out.push(' ');
        }
        self.quotes.1 = quotes;
        let depth = self.lists.len().min(MAX_INDENT);
        let mark = self.mark.take();
        let indent = if mark.is_some() { depth.saturating_sub(1) } else { depth };
        self.out.extend(std::iter::repeat_n("  ", indent));
        self.out.push_str(&mark.unwrap_or_default());
        self.gap = Gap::None;
    }
}
