//! Markdown, as PeerTube keeps descriptions (contract peertube §6, §11.13), to readable plain text.

use std::ops::Range;

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

use super::html;
use super::links::urls;
use super::plain::clean;

/// Lists nested deeper than this aren't set in any further.
const MAX_INDENT: usize = 6;

/// A description as plain text.
///
/// Paragraphs stand apart by a blank line; line breaks, list marks and code are kept; emphasis goes; a link is its text
/// and, unless that is the same, its address; a picture is its alternative text; of raw HTML the text stays.
/// Tables and `~~` aren't CommonMark, and PeerTube shows them as they are typed: so do we. Plain text comes out by the
/// rules of [`clean`].
///
/// Takes time and memory in proportion to its input, which the caller keeps to 256 KiB.
pub fn markdown_to_plain(markdown: &str) -> String {
    // Control characters go first: in the middle of a mark they would hide it from the parser.
    let markdown = tidy_source(markdown);
    let mut writer = Writer::new(&markdown);
    for (event, range) in Parser::new_ext(&markdown, Options::empty()).into_offset_iter() {
        writer.event(event, range);
    }
    clean(&writer.out)
}

/// The source without control characters, but with its tabs and indents, which mean something in Markdown.
fn tidy_source(markdown: &str) -> String {
    let kept = |c: &char| matches!(c, '\n' | '\t') || !c.is_control();
    markdown
        .replace("\r\n", "\n")
        .replace('\r', "\n")
        .chars()
        .filter(kept)
        .collect()
}

/// How much the next text stands apart from the last.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Gap {
    None,
    Line,
    Blank,
}

struct Link {
    href: String,
    /// Where its text begins in the output.
    start: usize,
}

struct Writer<'a> {
    source: &'a str,
    out: String,
    gap: Gap,
    /// The number of the next item of each open list, if it has numbers.
    lists: Vec<Option<u64>>,
    /// The mark of an item that has no text yet.
    mark: Option<String>,
    links: Vec<Link>,
    in_code: bool,
    html: html::Stripper,
    /// Addresses that stand in the text as they are: emphasis marks in them belong to them.
    bare: std::iter::Peekable<std::vec::IntoIter<Range<usize>>>,
    /// Up to where an address has been written already.
    written: usize,
}

impl<'a> Writer<'a> {
    fn new(source: &'a str) -> Self {
        Self {
            source,
            out: String::with_capacity(source.len()),
            gap: Gap::None,
            lists: Vec::new(),
            mark: None,
            links: Vec::new(),
            in_code: false,
            html: html::Stripper::default(),
            bare: bare_urls(source).into_iter().peekable(),
            written: 0,
        }
    }

    fn event(&mut self, event: Event<'_>, range: Range<usize>) {
        match event {
            Event::Start(tag) => self.start(tag),
            Event::End(tag) => self.end(tag),
            Event::Text(text) if self.in_code => self.code(&text),
            Event::Text(text) => self.text(&text, range),
            Event::Code(code) => self.push(&code),
            Event::SoftBreak | Event::HardBreak => self.want(Gap::Line),
            Event::Rule => self.want_block(),
            Event::Html(html) | Event::InlineHtml(html) => self.html(&html),
            // Extensions that aren't switched on.
            Event::InlineMath(text) | Event::DisplayMath(text) | Event::FootnoteReference(text) => self.push(&text),
            Event::TaskListMarker(_) => {}
        }
    }

    fn start(&mut self, tag: Tag<'_>) {
        match tag {
            Tag::List(first) => {
                self.want_block();
                self.lists.push(first);
            }
            Tag::Item => {
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
            Tag::Link { dest_url, .. } => {
                self.flush();
                self.links.push(Link {
                    href: dest_url.to_string(),
                    start: self.out.len(),
                });
            }
            Tag::CodeBlock(_) => {
                self.want_block();
                self.in_code = true;
            }
            Tag::HtmlBlock | Tag::Paragraph | Tag::Heading { .. } | Tag::BlockQuote(_) => self.want_block(),
            _ => {}
        }
    }

    fn end(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::List(_) => {
                self.lists.pop();
                self.want_block();
            }
            TagEnd::Item => {
                self.mark = None;
                self.want(Gap::Line);
            }
            TagEnd::Link => self.link(),
            TagEnd::CodeBlock => {
                self.in_code = false;
                self.want_block();
            }
            TagEnd::HtmlBlock | TagEnd::Paragraph | TagEnd::Heading(_) => {
                // A tag left open swallows no more than its own block.
                self.html = html::Stripper::default();
                self.want_block();
            }
            TagEnd::BlockQuote(_) => self.want_block(),
            _ => {}
        }
    }

    fn want(&mut self, gap: Gap) {
        self.gap = self.gap.max(gap);
    }

    /// Blocks stand apart by a blank line, in lists by a line.
    fn want_block(&mut self) {
        self.want(if self.lists.is_empty() { Gap::Blank } else { Gap::Line });
    }

    fn push(&mut self, text: &str) {
        if !text.is_empty() && !self.html.in_silence() {
            self.flush();
            self.out.push_str(text);
        }
    }

    /// Writes what stands between the last text and the next: a gap, a list's mark.
    fn flush(&mut self) {
        if self.gap == Gap::None && self.mark.is_none() {
            return;
        }
        if !self.out.is_empty() {
            self.out.push_str(if self.gap == Gap::Blank { "\n\n" } else { "\n" });
        }
        let depth = self.lists.len().min(MAX_INDENT);
        let mark = self.mark.take();
        let indent = if mark.is_some() { depth.saturating_sub(1) } else { depth };
        self.out.extend(std::iter::repeat_n("  ", indent));
        self.out.push_str(&mark.unwrap_or_default());
        self.gap = Gap::None;
    }

    fn lines(&mut self, text: &str) {
        for (i, line) in text.split('\n').enumerate() {
            if i > 0 {
                self.want(Gap::Line);
            }
            self.push(line);
        }
    }

    /// A stretch of a code block, whose empty lines stay.
    fn code(&mut self, text: &str) {
        for line in text.split_inclusive('\n') {
            match line.strip_suffix('\n') {
                Some("") => self.want(Gap::Blank),
                Some(line) => {
                    self.push(line);
                    self.want(Gap::Line);
                }
                None => self.push(line),
            }
        }
    }

    /// Text of the source, in which an address comes out whole, whatever marks the parser saw in it.
    fn text(&mut self, text: &str, range: Range<usize>) {
        while self.bare.next_if(|url| url.end <= range.start).is_some() {}
        let verbatim = self.source.get(range.clone()) == Some(text);
        let mut at = range.start.max(self.written);
        while let Some(url) = self.bare.next_if(|url| url.start < range.end) {
            if verbatim && at < url.start {
                self.push(&self.source[at..url.start]);
            }
            self.push(&self.source[url.clone()]);
            at = url.end;
            self.written = url.end;
        }
        match self.source.get(at..range.end) {
            Some(rest) if verbatim => self.push(rest),
            _ if at == range.start => self.push(text),
            _ => {}
        }
    }

    fn html(&mut self, html: &str) {
        for piece in self.html.strip(html) {
            match piece {
                html::Piece::Text(text) => self.lines(&text),
                html::Piece::Line => self.want(Gap::Line),
                html::Piece::Block => self.want_block(),
            }
        }
    }

    fn link(&mut self) {
        let Some(Link { href, start }) = self.links.pop() else {
            return;
        };
        let lower = href.to_ascii_lowercase();
        let address = if lower.starts_with("http://") || lower.starts_with("https://") {
            encoded(&href)
        } else if lower.starts_with("mailto:") {
            href["mailto:".len()..].to_owned()
        } else {
            // A path on a server that we don't know, or a script.
            return;
        };
        let text = self.out[start..].trim();
        if !text.is_empty() && bare(text) != bare(&address) {
            self.push(&format!(" ({address})"));
        } else {
            self.out.truncate(start);
            self.push(&address);
        }
    }
}

/// An address without what people leave out when they write it.
fn bare(address: &str) -> &str {
    let address = address
        .strip_prefix("https://")
        .or_else(|| address.strip_prefix("http://"))
        .unwrap_or(address);
    address.strip_prefix("www.").unwrap_or(address).trim_end_matches('/')
}

/// The address without characters that would end it in plain text.
fn encoded(href: &str) -> String {
    let mut out = String::with_capacity(href.len());
    for c in href.chars() {
        if c.is_whitespace() || c.is_control() || matches!(c, '<' | '>' | '"') {
            let mut buffer = [0; 4];
            out.extend(c.encode_utf8(&mut buffer).bytes().map(|b| format!("%{b:02X}")));
        } else {
            out.push(c);
        }
    }
    out
}

/// Addresses that stand free in the source and have no sign in them that the parser should read.
fn bare_urls(source: &str) -> Vec<Range<usize>> {
    let free = |range: &Range<usize>| {
        source[..range.start]
            .chars()
            .next_back()
            .is_none_or(char::is_whitespace)
    };
    let plain = |range: &Range<usize>| !source[range.clone()].contains(['[', ']', '(', ')', '\\', '`', ';']);
    urls(source)
        .into_iter()
        .filter(free)
        .filter(plain)
        .map(|range| range.start..range.start + own_part(&source[range]).len())
        .collect()
}

/// The address without closing emphasis marks that were opened before it.
fn own_part(mut url: &str) -> &str {
    while let Some(mark) = url.chars().next_back().filter(|c| matches!(c, '*' | '_' | '~')) {
        let rest = url.trim_end_matches(mark);
        if rest.contains(mark) {
            break;
        }
        url = rest;
    }
    url
}
