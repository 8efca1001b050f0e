//! The HTML of a post, as Mastodon, GoToSocial and Pixelfed write it, to readable plain text.
//!
//! A stream of tags is read, never a tree built: depth costs nothing, and what is badly nested is read as far as it goes.

use std::cell::{Cell, RefCell};
use std::collections::HashSet;

use html5ever::tendril::StrTendril;
use html5ever::tokenizer::states::{RawKind, Rawtext, Rcdata, ScriptData};
use html5ever::tokenizer::{BufferQueue, Tag, TagKind, Token, TokenSink, TokenSinkResult, Tokenizer, TokenizerOpts};
use tombolo_model::Mention;

use super::anchor::{Anchor, Names};
use super::flow::Flow;
use super::hashtags::{normalised_hashtag, split_trailing_tags, written_tags};
use super::plain::clean;

/// Most bytes of HTML that are read: several times what any server takes.
const MAX_HTML: usize = 256 * 1024;
/// How much is given to the tokenizer at once.
const PIECE: usize = 4 * 1024;
/// A tag or comment that goes on for more than so many pieces isn't read: the tokenizer compares each attribute of a tag
/// with all the others.
const MAX_SILENT_PIECES: usize = 4;

/// A post's text without its markup.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plain {
    /// The text, by the rules of [`clean`].
    pub text: String,
    /// Where its links lead, as they stand in the text, in order; not those of mentions and hashtags.
    pub hrefs: Vec<String>,
    /// The hashtags in it, as written, with their `#`, each once.
    pub hashtags: Vec<String>,
    /// Those that stand in lines of their own at its end: they may be moved.
    pub trailing_tags: Vec<String>,
    /// Whether the HTML was too long to be read to its end.
    pub clipped: bool,
}

impl Plain {
    /// The text without the hashtags at its end.
    pub fn body(&self) -> &str {
        split_trailing_tags(&self.text).0
    }
}

/// A post's HTML as plain text.
///
/// Paragraphs stand apart by a blank line; line breaks, lists, quotations and code are kept; emphasis goes. A link is its
/// real address, after its text where that doesn't say the address, whole or shortened (contract mastodon §3.2). A person
/// linked is `@name@host`, by `mentions` or the link; whoever publishes the text makes that harmless. What isn't for
/// readers goes, also the address that stands in for a quotation. Text that was never escaped (contract pixelfed §5) comes
/// out as typed, as far as a browser would show it.
pub fn html_to_plain(html: &str, mentions: &[Mention]) -> Plain {
    let sink = Sink {
        reader: RefCell::new(Reader::new(mentions)),
        heard: Cell::new(false),
    };
    let tokenizer = Tokenizer::new(sink, TokenizerOpts::default());
    let input = BufferQueue::default();
    let mut rest = beginning(html);
    let mut clipped = rest.len() < html.len();
    let mut silent = 0;
    while !rest.is_empty() {
        let (piece, more) = rest.split_at(rest.floor_char_boundary(PIECE));
        rest = more;
        input.push_back(StrTendril::from_slice(piece));
        // The tokenizer stops after each script.
        while !input.is_empty() {
            let _ = tokenizer.feed(&input);
        }
        silent = if tokenizer.sink.heard.take() { 0 } else { silent + 1 };
        if silent > MAX_SILENT_PIECES {
            clipped = true;
            break;
        }
    }
    tokenizer.end();
    let mut reader = tokenizer.sink.reader.into_inner();
    reader.close_anchor();
    let text = clean(&reader.flow.out);
    let mut hashtags = Vec::new();
    let mut seen = HashSet::new();
    for tag in reader
        .hashtags
        .into_iter()
        .chain(written_tags(&text).map(|name| format!("#{name}")))
    {
        if seen.insert(normalised_hashtag(&tag)) {
            hashtags.push(tag);
        }
    }
    Plain {
        trailing_tags: split_trailing_tags(&text).1,
        hrefs: reader.hrefs,
        hashtags,
        text,
        clipped,
    }
}

/// The beginning that is read, which doesn't end within a tag.
fn beginning(html: &str) -> &str {
    if html.len() <= MAX_HTML {
        return html;
    }
    let head = &html[..html.floor_char_boundary(MAX_HTML)];
    let open = head.rfind('<').filter(|&i| !head[i..].contains('>'));
    &head[..open.unwrap_or(head.len())]
}

struct Sink<'a> {
    reader: RefCell<Reader<'a>>,
    /// Whether anything was read since this was asked last.
    heard: Cell<bool>,
}

impl TokenSink for Sink<'_> {
    type Handle = ();

    fn process_token(&self, token: Token, _line: u64) -> TokenSinkResult<()> {
        let mut reader = self.reader.borrow_mut();
        self.heard
            .set(self.heard.get() || !matches!(token, Token::ParseError(_)));
        match token {
            Token::CharacterTokens(text) => reader.text(&text),
            Token::TagToken(tag) if tag.kind == TagKind::EndTag => reader.end(&tag.name),
            Token::TagToken(tag) => {
                reader.start(&tag);
                if let Some(kind) = raw_kind(&tag.name) {
                    return TokenSinkResult::RawData(kind);
                }
            }
            _ => {}
        }
        TokenSinkResult::Continue
    }
}

/// How the content of an element is read in which tags aren't tags.
fn raw_kind(name: &str) -> Option<RawKind> {
    Some(match name {
        "script" => ScriptData,
        "style" | "iframe" | "noembed" | "noframes" | "xmp" => Rawtext,
        "title" | "textarea" => Rcdata,
        _ => return None,
    })
}

/// Elements whose content isn't for readers.
const SILENT: [&str; 11] = [
    "script", "style", "template", "iframe", "noembed", "noframes", "title", "textarea", "svg", "math", "select",
];
/// Elements without an end.
const VOID: [&str; 8] = ["br", "hr", "img", "input", "wbr", "meta", "link", "source"];
/// Elements that stand apart from what is before and after them.
const BLOCKS: [&str; 26] = [
    "p",
    "div",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "pre",
    "table",
    "section",
    "article",
    "header",
    "footer",
    "main",
    "nav",
    "aside",
    "figure",
    "figcaption",
    "details",
    "summary",
    "dl",
    "form",
    "address",
    "hr",
    "body",
];
/// Elements that take a line.
const LINES: [&str; 5] = ["br", "tr", "dt", "dd", "option"];

/// What is passed over, and how many elements of its name are open within.
struct Silence {
    name: String,
    depth: usize,
}

struct Reader<'a> {
    flow: Flow,
    names: Names<'a>,
    anchor: Option<Anchor>,
    silence: Option<Silence>,
    /// Whether white space came since the last word.
    space: bool,
    /// How many elements are open that keep their white space.
    preformatted: usize,
    /// The address that ends the text so far: what follows mustn't melt into it.
    after_address: bool,
    hrefs: Vec<String>,
    hashtags: Vec<String>,
}

impl<'a> Reader<'a> {
    fn new(mentions: &'a [Mention]) -> Self {
        Self {
            flow: Flow::default(),
            names: Names::new(mentions),
            anchor: None,
            silence: None,
            space: false,
            preformatted: 0,
            after_address: false,
            hrefs: Vec::new(),
            hashtags: Vec::new(),
        }
    }

    fn start(&mut self, tag: &Tag) {
        let name: &str = &tag.name;
        if let Some(silence) = &mut self.silence {
            if silence.name == "p" && name == "p" {
                // A paragraph ends the one before it.
                self.silence = None;
            } else {
                silence.depth += usize::from(silence.name == name && !tag.self_closing);
                return;
            }
        }
        if SILENT.contains(&name) || is_hidden(tag, self.anchor.is_some()) {
            if !VOID.contains(&name) {
                let name = name.to_owned();
                self.silence = Some(Silence { name, depth: 1 });
            }
            return;
        }
        match name {
            "a" => {
                self.close_anchor();
                self.anchor = Some(Anchor::new(tag));
            }
            "span" => {
                if let Some(anchor) = &mut self.anchor {
                    anchor.open_span(tag);
                }
            }
            "img" => self.text(attribute(tag, "alt").unwrap_or_default()),
            "td" | "th" => self.text(" "),
            "ul" => self.block(|flow| flow.open_list(None)),
            "ol" => {
                let first = attribute(tag, "start").and_then(|n| n.trim().parse().ok());
                self.block(|flow| flow.open_list(Some(first.unwrap_or(1))));
            }
            "li" => self.block(Flow::open_item),
            "blockquote" => self.block(Flow::open_quote),
            _ => {
                self.preformatted += usize::from(name == "pre");
                self.gap(name);
            }
        }
    }

    fn end(&mut self, name: &str) {
        if let Some(silence) = &mut self.silence {
            if silence.name == name {
                silence.depth -= 1;
            }
            let ended = silence.depth == 0;
            // What is left open swallows no more than its own block.
            let outer = name != silence.name && matches!(name, "p" | "div" | "li" | "blockquote");
            let inline = matches!(silence.name.as_str(), "span" | "a" | "b" | "i" | "em" | "strong");
            if ended || (outer && inline) {
                self.silence = None;
            }
            if ended || self.silence.is_some() {
                return;
            }
        }
        match name {
            "a" => self.close_anchor(),
            "span" => {
                if let Some(anchor) = &mut self.anchor {
                    anchor.close_span();
                }
            }
            "ul" | "ol" => self.block(Flow::close_list),
            "li" => self.block(Flow::close_item),
            "blockquote" => self.block(Flow::close_quote),
            "br" | "hr" => {}
            _ => {
                if name == "pre" {
                    self.preformatted = self.preformatted.saturating_sub(1);
                }
                self.gap(name);
            }
        }
    }

    fn gap(&mut self, name: &str) {
        if BLOCKS.contains(&name) {
            self.block(Flow::want_block);
        } else if name == "br" && self.anchor.is_some() {
            self.text(" ");
        } else if LINES.contains(&name) {
            self.block(|flow| flow.break_line(name == "br"));
        }
    }

    fn block(&mut self, change: impl FnOnce(&mut Flow)) {
        self.close_anchor();
        self.space = false;
        self.after_address = false;
        change(&mut self.flow);
    }

    fn text(&mut self, text: &str) {
        if self.silence.is_some() {
            return;
        }
        if let Some(anchor) = &mut self.anchor {
            anchor.text(text);
        } else if self.preformatted > 0 {
            for (i, line) in text.split('\n').enumerate() {
                if i > 0 {
                    self.flow.break_line(true);
                }
                self.flow.push(line);
            }
        } else {
            self.words(text);
        }
    }

    /// Text in which any white space is one space.
    fn words(&mut self, text: &str) {
        let is_space = |c: char| matches!(c, ' ' | '\t' | '\n' | '\r' | '\u{C}');
        for (i, word) in text.split(is_space).enumerate() {
            self.space |= i > 0;
            if word.is_empty() {
                continue;
            }
            let melts = self.after_address && !word.starts_with(|c| ".,:;!?)]}…。、，）」".contains(c));
            if (self.space || melts) && !self.flow.at_line_start() {
                self.flow.push(" ");
            }
            self.space = false;
            self.after_address = false;
            self.flow.push(word);
        }
    }

    fn close_anchor(&mut self) {
        let Some(anchor) = self.anchor.take() else { return };
        let written = anchor.written(&self.names);
        self.space |= written.space_before;
        let melts = written.href.is_some() && self.flow.out.ends_with(|c: char| c.is_ascii_alphanumeric());
        self.space |= melts;
        self.words(&written.text);
        self.space |= written.space_after;
        if let Some(href) = written.href {
            self.after_address = written.text.ends_with(&href);
            self.hrefs.push(href);
        }
        self.hashtags.extend(written.hashtag);
    }
}

/// Whether a browser, or Mastodon's own style, wouldn't show the element. Within a link, `invisible` is a part of the
/// address.
fn is_hidden(tag: &Tag, in_link: bool) -> bool {
    let style = attribute(tag, "style").unwrap_or_default().to_ascii_lowercase();
    attribute(tag, "hidden").is_some()
        || style.replace(' ', "").contains("display:none")
        || has_class(tag, "quote-inline")
        || (!in_link && has_class(tag, "invisible"))
}

pub(super) fn attribute<'a>(tag: &'a Tag, name: &str) -> Option<&'a str> {
    tag.attrs
        .iter()
        .find(|attribute| &*attribute.name.local == name)
        .map(|attribute| &*attribute.value)
}

pub(super) fn has_class(tag: &Tag, class: &str) -> bool {
    attribute(tag, "class").is_some_and(|classes| classes.split_ascii_whitespace().any(|c| c == class))
}
