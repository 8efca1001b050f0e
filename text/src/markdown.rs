//! Markdown, as PeerTube keeps descriptions (contract peertube §6, §11.13), to readable plain text.

use std::ops::Range;

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

use super::address::{address, says};
use super::flow::{Flow, Gap};
use super::links::urls;
use super::plain::clean;
use super::raw_html;

/// A description as plain text.
///
/// Paragraphs stand apart by a blank line; line breaks, list marks and code are kept; quotations
/// are marked `>`; emphasis goes; a link is its text
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
    clean(&writer.flow.out)
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

struct Link {
    href: String,
    /// Where its text begins in the output.
    start: usize,
}

struct Writer<'a> {
    source: &'a str,
    flow: Flow,
    links: Vec<Link>,
    in_code: bool,
    html: raw_html::Stripper,
    /// Addresses that stand in the text as they are: emphasis marks in them belong to them.
    bare: std::iter::Peekable<std::vec::IntoIter<Range<usize>>>,
    /// Up to where an address has been written already.
    written: usize,
}

impl<'a> Writer<'a> {
    fn new(source: &'a str) -> Self {
        Self {
            source,
            flow: Flow::default(),
            links: Vec::new(),
            in_code: false,
            html: raw_html::Stripper::default(),
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
            Event::SoftBreak | Event::HardBreak => self.flow.want(Gap::Line),
            Event::Rule => self.flow.want_block(),
            Event::Html(html) | Event::InlineHtml(html) => self.html(&html),
            // Extensions that aren't switched on.
            Event::InlineMath(text) | Event::DisplayMath(text) | Event::FootnoteReference(text) => self.push(&text),
            Event::TaskListMarker(_) => {}
        }
    }

    fn start(&mut self, tag: Tag<'_>) {
        match tag {
            Tag::List(first) => self.flow.open_list(first),
            Tag::Item => self.flow.open_item(),
            Tag::BlockQuote(_) => self.flow.open_quote(),
            Tag::Link { dest_url, .. } => {
                self.flow.flush();
                self.links.push(Link {
                    href: dest_url.to_string(),
                    start: self.flow.out.len(),
                });
            }
            Tag::CodeBlock(_) => {
                self.flow.want_block();
                self.in_code = true;
            }
            Tag::HtmlBlock | Tag::Paragraph | Tag::Heading { .. } => self.flow.want_block(),
            _ => {}
        }
    }

    fn end(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::List(_) => self.flow.close_list(),
            TagEnd::Item => self.flow.close_item(),
            TagEnd::BlockQuote(_) => self.flow.close_quote(),
            TagEnd::Link => self.link(),
            TagEnd::CodeBlock => {
                self.in_code = false;
                self.flow.want_block();
            }
            TagEnd::HtmlBlock | TagEnd::Paragraph | TagEnd::Heading(_) => {
                // A tag left open swallows no more than its own block.
                self.html = raw_html::Stripper::default();
                self.flow.want_block();
            }
            _ => {}
        }
    }

    fn push(&mut self, text: &str) {
        if !self.html.in_silence() {
            self.flow.push(text);
        }
    }

    fn lines(&mut self, text: &str) {
        for (i, line) in text.split('\n').enumerate() {
            if i > 0 {
                self.flow.want(Gap::Line);
            }
            self.push(line);
        }
    }

    /// A stretch of a code block, whose empty lines stay.
    fn code(&mut self, text: &str) {
        for line in text.split_inclusive('\n') {
            match line.strip_suffix('\n') {
                Some("") => self.flow.want(Gap::Blank),
                Some(line) => {
                    self.push(line);
                    self.flow.want(Gap::Line);
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
                raw_html::Piece::Text(text) => self.lines(&text),
                raw_html::Piece::Line => self.flow.want(Gap::Line),
                raw_html::Piece::Block => self.flow.want_block(),
            }
        }
    }

    fn link(&mut self) {
        let Some(Link { href, start }) = self.links.pop() else {
            return;
        };
        // A path on a server that we don't know, or a script, is only its text.
        let Some(address) = address(&href) else { return };
        let text = self.flow.out[start..].trim();
        if !text.is_empty() && !says(text, &address) {
            self.push(&format!(" ({address})"));
        } else {
            self.flow.out.truncate(start);
            self.push(&address);
        }
    }
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
