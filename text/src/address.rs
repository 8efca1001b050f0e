//! How an address is written in plain text.

use url::Url;

/// The address that a link leads to, as it stands in plain text; `None` for paths on servers that we don't know, and for
/// scripts.
pub(super) fn address(href: &str) -> Option<String> {
    let href = href.trim();
    let begins = |scheme: &str| href.get(..scheme.len()).is_some_and(|s| s.eq_ignore_ascii_case(scheme));
    if begins("http://") || begins("https://") {
        Some(encoded(href))
    } else if begins("mailto:") {
        Some(href["mailto:".len()..].to_owned()).filter(|address| !address.is_empty())
    } else {
        None
    }
}

/// Whether a link's text says its address: whole, without what people leave out, or shortened with an ellipsis.
pub(super) fn says(text: &str, address: &str) -> bool {
    let (text, address) = (text.trim(), bare(address));
    let shortened = text.strip_suffix('…').or_else(|| text.strip_suffix("..."));
    if let Some(start) = shortened.map(bare).filter(|start| start.contains('.')) {
        return address.starts_with(start) && start.contains('/');
    }
    let text = bare(text);
    if text == address {
        return true;
    }
    let parse = |text: &str| Url::parse(&format!("https://{text}")).ok();
    !text.contains(char::is_whitespace) && parse(text).is_some_and(|a| Some(a) == parse(address))
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
