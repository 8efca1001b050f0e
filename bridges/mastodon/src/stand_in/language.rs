//! Which languages a status can be in (contract mastodon §3.5).

/// ISO 639-1, and the others that Mastodon knows by three letters or with a region.
const KNOWN: &str = "aa ab ae af ak am an ar as av ay az ba be bg bh bi bm bn bo br bs ca ce ch co cr cs cu cv cy da \
                     de dv dz ee el en eo es et eu fa ff fi fj fo fr fy ga gd gl gu gv ha he hi ho hr ht hu hy hz ia \
                     id ie ig ii ik io is it iu ja jv ka kg ki kj kk kl km kn ko kr ks ku kv kw ky la lb lg li ln lo \
                     lt lu lv mg mh mi mk ml mn mr ms mt my na nb nd ne ng nl nn no nr nv ny oc oj om or os pa pi pl \
                     ps pt qu rm rn ro ru rw sa sc sd se sg si sk sl sn so sq sr ss st su sv sw ta te tg th ti tk tl \
                     tn to tr ts tt tw ty ug uk ur uz ve vi vo wa wo xh yi yo za zh zu ast chr ckb cnr csb gsw jbo \
                     kab kmr ldn lfn moh nds pdc sco sma smj szl tok vai xal zba zgh zh-CN zh-HK zh-TW zh-YUE nan-TW";

/// The language a code stands for there: itself, or without its region; None if it is unknown.
pub(super) fn known(code: &str) -> Option<String> {
    let bare = code.split(['-', '_']).next().unwrap_or_default();
    let mut known = KNOWN.split(' ');
    let exact = known.clone().find(|language| *language == code);
    exact
        .or_else(|| known.find(|language| *language == bare))
        .map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::known;

    #[test]
    fn regions_are_dropped_unless_they_are_known() {
        assert_eq!(known("pt-BR").as_deref(), Some("pt"));
        assert_eq!(known("zh-TW").as_deref(), Some("zh-TW"));
        assert_eq!(known("zh-Hant").as_deref(), Some("zh"));
        assert_eq!(known("xx-invalid"), None);
        assert_eq!(known(""), None);
    }
}
