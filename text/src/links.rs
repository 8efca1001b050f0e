//! Where links are in a text: by Mastodon's own pattern (contract mastodon §3.2), and by any reader's eye.

use std::collections::HashMap;
use std::ops::Range;

use super::chars::{is_directional, is_invalid};
use super::{link_tail, tlds};

/// Longest link, in code points.
const MAX_URL: usize = 4096;
/// Longest label of a domain name.
const MAX_LABEL: usize = 63;
/// Longest path of a t.co link.
const MAX_TCO: usize = 40;

const SCHEMES: [&str; 10] = [
    "https", "http", "dat", "dweb", "ipfs", "ipns", "ssb", "gopher", "gemini", "",
];

/// A link by Mastodon's pattern.
pub(super) struct Link {
    pub(super) range: Range<usize>,
    /// False where the server also asks whether the host name can be written in ASCII, which we don't imitate.
    pub(super) certain: bool,
}

/// The links that Mastodon recognises and counts at a fixed cost.
pub fn links(text: &str) -> Vec<Range<usize>> {
    scan(text).into_iter().map(|link| link.range).collect()
}

/// Every `http` and `https` URL in the text, whatever a server makes of it, without the punctuation that ends a sentence.
pub fn urls(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(at) = text[from..].find("://").map(|i| from + i) {
        let body = at + 3;
        let end = text[body..].find(ends_url).map_or(text.len(), |i| body + i);
        let start = ["https", "http"].iter().find_map(|scheme| {
            let start = at.checked_sub(scheme.len()).filter(|&s| s >= from)?;
            text.get(start..at)?.eq_ignore_ascii_case(scheme).then_some(start)
        });
        let trimmed = body + trim_url(&text[body..end]).len();
        match start {
            Some(start) if trimmed > body => {
                found.push(start..trimmed);
                from = trimmed;
            }
            _ => from = body,
        }
    }
    found
}

/// What must not be cut in the middle: both kinds of links, merged where they overlap.
pub(super) fn unbreakable(text: &str) -> Vec<Range<usize>> {
    let mut all = links(text);
    all.extend(urls(text));
    all.sort_by_key(|r| r.start);
    let mut merged: Vec<Range<usize>> = Vec::new();
    for range in all {
        match merged.last_mut() {
            Some(last) if range.start < last.end => last.end = last.end.max(range.end),
            _ => merged.push(range),
        }
    }
    merged
}

fn ends_url(c: char) -> bool {
    c.is_whitespace() || c.is_control() || matches!(c, '<' | '>' | '"')
}

/// Takes off closing punctuation, and closing brackets that the URL doesn't open.
fn trim_url(mut url: &str) -> &str {
    let count = |url: &str, c: char| url.chars().filter(|&x| x == c).count();
    let mut round = (count(url, '('), count(url, ')'));
    let mut square = (count(url, '['), count(url, ']'));
    while let Some(last) = url.chars().next_back() {
        let drop = match last {
            ')' => round.1 > round.0,
            ']' => square.1 > square.0,
            '(' | '[' => true,
            _ => ".,:;!?'*…。、，！？；：」』】）》”’".contains(last),
        };
        if !drop {
            break;
        }
        match last {
            ')' => round.1 -= 1,
            ']' => square.1 -= 1,
            '(' => round.0 -= 1,
            '[' => square.0 -= 1,
            _ => {}
        }
        url = &url[..url.len() - last.len_utf8()];
    }
    url
}

/// Finds what the server's pattern finds. A domain without a scheme is found too, as the server does, and dropped:
/// it uses up its text, so that `example.com/https://a.org` holds no link.
pub(super) fn scan(text: &str) -> Vec<Link> {
    let mut found = Vec::new();
    let mut domains = Domains {
        text,
        runs: None,
        memo: HashMap::new(),
    };
    let mut at = 0;
    while at < text.len() {
        let c = text[at..].chars().next().unwrap_or_default();
        let next = at + c.len_utf8();
        let after = may_precede(c).then(|| domains.link_at(next)).flatten();
        let here = || (at == 0 || text[..at].ends_with('\n')).then_some(at);
        match after.or_else(|| here().and_then(|at| domains.link_at(at))) {
            Some(candidate) => {
                at = candidate.range.end;
                found.extend(accept(text, candidate));
            }
            None => at = next,
        }
    }
    found
}

fn may_precede(c: char) -> bool {
    !(c.is_ascii_alphanumeric() || matches!(c, '@' | '＠' | '$' | '#' | '＃' | 'ſ' | '\u{212A}') || is_invalid(c))
}

/// What the pattern matched, before the server's further conditions.
struct Candidate {
    range: Range<usize>,
    domain: Range<usize>,
    scheme: bool,
}

fn accept(text: &str, candidate: Candidate) -> Option<Link> {
    let domain = &text[candidate.domain.clone()];
    let mut range = candidate.range;
    let url = &text[range.clone()];
    if !candidate.scheme
        || url.chars().count() > MAX_URL
        || domain.split('.').any(|l| l.is_ascii() && l.len() > MAX_LABEL)
    {
        return None;
    }
    if domain.eq_ignore_ascii_case("t.co") && url.as_bytes()[..4].eq_ignore_ascii_case(b"http") {
        let slug = candidate.domain.end + 1;
        let length = text
            .get(slug..)
            .map_or(0, |s| s.bytes().take_while(u8::is_ascii_alphanumeric).count());
        if text[candidate.domain.end..].starts_with('/') && length > 0 {
            if length > MAX_TCO {
                return None;
            }
            range.end = slug + length;
        }
    }
    Some(Link {
        range,
        certain: domain.is_ascii(),
    })
}

/// A stretch of characters that may stand in a label of a domain name.
#[derive(Clone)]
struct Run {
    range: Range<usize>,
    /// Where the last `_` in it stands.
    underscore: Option<usize>,
    ends_well: bool,
}

/// Reads domain names, each stretch of text once, so that hostile input costs no more than its length.
struct Domains<'a> {
    text: &'a str,
    runs: Option<Run>,
    memo: HashMap<usize, Option<usize>>,
}

impl Domains<'_> {
    fn link_at(&mut self, start: usize) -> Option<Candidate> {
        let text = self.text;
        let scheme = SCHEMES.iter().find_map(|scheme| {
            let end = start + scheme.len();
            let head = text.get(start..end)?;
            (head.eq_ignore_ascii_case(scheme) && text[end..].starts_with("://") && end > start).then_some(end + 3)
        });
        let host = scheme.unwrap_or(start);
        let domain = host..self.domain(host)?;
        let end = link_tail::end(text, domain.end);
        Some(Candidate {
            range: start..end,
            domain,
            scheme: scheme.is_some(),
        })
    }

    /// The end of the domain name at `start`: as many labels as possible, then a top-level domain.
    fn domain(&mut self, start: usize) -> Option<usize> {
        let mut labels = Vec::new();
        let mut at = start;
        let mut end = loop {
            if let Some(known) = self.memo.get(&at) {
                break *known;
            }
            let Some(run) = self.label(at) else { break None };
            at = run.range.end + 1;
            labels.push(run);
        };
        for run in labels.into_iter().rev() {
            end = end.or_else(|| {
                let next = run.range.end + 1;
                let name = run.underscore.is_none_or(|u| u < run.range.start);
                name.then(|| tlds::prefix(&self.text[next..]).map(|length| next + length))
                    .flatten()
            });
            self.memo.insert(run.range.start, end);
        }
        end
    }

    /// The label at `start`, if it is one and a dot follows.
    fn label(&mut self, start: usize) -> Option<Run> {
        let first = self.text[start..].chars().next().filter(|&c| in_label(c))?;
        let mut run = self.run(start, first);
        run.range.start = start;
        (is_domain_char(first) && run.ends_well && self.text[run.range.end..].starts_with('.')).then_some(run)
    }

    fn run(&mut self, start: usize, first: char) -> Run {
        if let Some(run) = self.runs.as_ref().filter(|run| run.range.contains(&start)) {
            return run.clone();
        }
        let mut run = Run {
            range: start..start,
            underscore: None,
            ends_well: false,
        };
        let mut last = first;
        for (i, c) in self.text[start..].char_indices().take_while(|&(_, c)| in_label(c)) {
            if c == '_' {
                run.underscore = Some(start + i);
            }
            last = c;
            run.range.end = start + i + c.len_utf8();
        }
        run.ends_well = is_domain_char(last);
        self.runs = Some(run.clone());
        run
    }
}

fn in_label(c: char) -> bool {
    c == '-' || c == '_' || is_domain_char(c)
}

fn is_domain_char(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_alphanumeric();
    }
    !(is_directional(c) || is_invalid(c) || c.is_whitespace() || c == '\u{180E}')
}
