//! Hashtags that a server's moderators don't allow: a status with one of them is refused, which names it (contract mastodon
//! §3.4).

use std::collections::HashSet;

use serde_json::Value;
use tombolo_net::Answer;
use tombolo_text::{normalised_hashtag, tags_in, urls};

/// The hashtags of the text that a refusal names, in normal form; none where it is about something else. Whatever its
/// language, it ends with a colon and their names.
pub(crate) fn named(answer: &Answer, text: &str) -> Vec<String> {
    let body = answer.json::<Value>().unwrap_or_default();
    let said = body.get("error").and_then(Value::as_str).unwrap_or_default();
    let Some((_, list)) = said.rsplit_once([':', '：']) else {
        return Vec::new();
    };
    let ours: HashSet<String> = tags_in(text).collect();
    let named: Vec<String> = list
        .split([',', '、'])
        .map(|name| normalised_hashtag(name.trim()))
        .collect();
    if named.iter().all(|name| ours.contains(name)) {
        named
    } else {
        Vec::new()
    }
}

/// The text with these words in it as words: their `#` goes. So it still begins as it was noted to begin.
pub(crate) fn without(text: &str, names: &[String]) -> String {
    let links = urls(text);
    let mut out = String::with_capacity(text.len());
    for (at, c) in text.char_indices() {
        let goes = matches!(c, '#' | '＃')
            && !links.iter().any(|link| link.contains(&at))
            && tags_in(&text[at..]).next().is_some_and(|tag| names.contains(&tag));
        if !goes {
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_named_hashtags_go_and_no_link_is_touched() {
        let names = ["spam".to_owned(), "ete".to_owned()];
        let text = "#Spam a #spammer, #Été https://a.org/#spam\n#ok #SPAM";
        assert_eq!(
            without(text, &names),
            "Spam a #spammer, Été https://a.org/#spam\n#ok SPAM"
        );
    }
}
