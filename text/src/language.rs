//! Language tags as Mastodon takes them (contract mastodon §3.5).

/// The two-letter codes that Mastodon knows.
const SHORT: &str = "aa ab ae af ak am an ar as av ay az ba be bg bh bi bm bn bo br bs ca ce ch co cr cs cu cv cy da de dv dz \
    ee el en eo es et eu fa ff fi fj fo fr fy ga gd gl gn gu gv ha he hi ho hr ht hu hy hz ia id ie ig ii ik io is it iu ja \
    jv ka kg ki kj kk kl km kn ko kr ks ku kv kw ky la lb lg li ln lo lt lu lv mg mh mi mk ml mn mr ms mt my na nb nd ne ng \
    nl nn no nr nv ny oc oj om or os pa pi pl ps pt qu rm rn ro ru rw sa sc sd se sg si sk sl sm sn so sq sr ss st su sv sw \
    ta te tg th ti tk tl tn to tr ts tt tw ty ug uk ur uz ve vi vo wa wo xh yi yo za zh zu";

/// Three-letter codes that Mastodon knows.
const LONG: &str = "ast chr ckb cnr csb gsw jbo kab ldn lfn moh nds pdc sco sma smj szl tok vai xal zba zgh";

/// A source's language code as the destination takes it: regions go, but for Chinese; `None` where it has no such
/// language, as for sign languages.
pub fn language(tag: &str) -> Option<String> {
    let tag = tag.trim().replace('_', "-").to_ascii_lowercase();
    let well_formed = tag
        .split('-')
        .all(|part| matches!(part.len(), 1..=8) && part.bytes().all(|b| b.is_ascii_alphanumeric()));
    if !well_formed {
        return None;
    }
    let mut parts = tag.split('-');
    let primary = parts.next()?;
    let rest: Vec<&str> = parts.collect();
    let has = |part: &str| rest.contains(&part);
    let known = match primary {
        "zh" if has("yue") => "zh-YUE",
        "zh" if has("hk") || has("mo") => "zh-HK",
        "zh" if has("tw") || has("hant") => "zh-TW",
        "zh" if has("cn") || has("sg") || has("hans") => "zh-CN",
        "yue" => "zh-YUE",
        "cmn" => "zh",
        "nan" if has("tw") => "nan-TW",
        code => SHORT
            .split_whitespace()
            .chain(LONG.split_whitespace())
            .find(|known| *known == code)?,
    };
    Some(known.to_owned())
}

/// A well-formed language tag of at most `max` characters, written as is usual (`zh-Hant-TW`), for servers that take any;
/// `None` where there is none. What is too long loses its last parts (contract peertube §7.1: ten characters).
pub fn language_bcp47(tag: &str, max: usize) -> Option<String> {
    let tag = tag.trim().replace('_', "-");
    let letters = |part: &str| part.bytes().all(|b| b.is_ascii_alphabetic());
    let mut out = String::new();
    for (i, part) in tag.split('-').enumerate() {
        if !matches!(part.len(), 1..=8) || !part.bytes().all(|b| b.is_ascii_alphanumeric()) {
            return None;
        }
        let part = part.to_ascii_lowercase();
        if i == 0 {
            if !(2..=8).contains(&part.len()) || !letters(&part) || matches!(part.as_str(), "und" | "zxx" | "mul") {
                return None;
            }
            out = part;
            continue;
        }
        out.push('-');
        match part.len() {
            2 => out.push_str(&part.to_ascii_uppercase()),
            4 if letters(&part) => {
                out.push_str(&part[..1].to_ascii_uppercase());
                out.push_str(&part[1..]);
            }
            _ => out.push_str(&part),
        }
    }
    while out.len() > max {
        out.truncate(out.rfind('-')?);
        // A single character only leads to what follows.
        if out.as_bytes().iter().rev().nth(1) == Some(&b'-') {
            out.truncate(out.len() - 2);
        }
    }
    Some(out).filter(|tag| !tag.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sources_code_becomes_the_destinations() {
        let cases = [
            ("en", Some("en")),
            ("pt-BR", Some("pt")),
            ("pt_PT", Some("pt")),
            ("es-419", Some("es")),
            ("ca-valencia", Some("ca")),
            ("zh-Hans", Some("zh-CN")),
            ("zh-Hant", Some("zh-TW")),
            ("zh-Hant-HK", Some("zh-HK")),
            ("zh-CN", Some("zh-CN")),
            ("zh", Some("zh")),
            ("tok", Some("tok")),
            ("ase", None),
            ("zxx", None),
            ("zz", None),
            ("", None),
            ("en-", None),
            ("e n", None),
            ("English (UK)", None),
        ];
        for (tag, expected) in cases {
            assert_eq!(language(tag).as_deref(), expected, "{tag}");
        }
    }

    #[test]
    fn a_tag_is_written_as_is_usual_and_fits() {
        let cases = [
            ("EN", Some("en")),
            ("pt_br", Some("pt-BR")),
            ("zh-hant-tw", Some("zh-Hant-TW")),
            ("de-CH-1996", Some("de-CH-1996")),
            ("de-CH-1996-x-ab", Some("de-CH-1996")),
            ("ca-valencia", Some("ca")),
            ("ase", Some("ase")),
            ("und", None),
            ("x-private", None),
            ("en--GB", None),
            ("日本", None),
            ("", None),
        ];
        for (tag, expected) in cases {
            assert_eq!(language_bcp47(tag, 10).as_deref(), expected, "{tag}");
        }
    }
}
