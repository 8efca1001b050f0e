//! What somebody would rather have: `ActivityPub`, or a page.

/// Whether somebody with this `Accept` would rather have `ActivityPub` than a page.
pub(super) fn prefers_activity(accept: &str) -> bool {
    /// What the server can give, the page first (it wins a tie).
    const OFFERS: [(&str, &str); 4] = [
        ("text", "html"),
        ("application", "json"),
        ("application", "activity+json"),
        ("application", "ld+json"),
    ];
    let mut best = (0, 0, usize::MAX);
    let mut chosen = 0;
    for (offer, (kind, sub)) in OFFERS.iter().enumerate() {
        for (order, range) in accept.split(',').enumerate() {
            let mut parts = range.split(';').map(str::trim);
            let (a, b) = parts.next().and_then(|t| t.split_once('/')).unwrap_or_default();
            let exactness = match (a.eq_ignore_ascii_case(kind), b.eq_ignore_ascii_case(sub)) {
                (true, true) => 3,
                (true, false) if b == "*" => 2,
                (false, _) if a == "*" && b == "*" => 1,
                _ => continue,
            };
            let quality = parts.find_map(|p| p.strip_prefix("q=")).map_or(1000, thousandths);
            let better = quality > best.0
                || (quality == best.0 && (exactness > best.1 || (exactness == best.1 && order < best.2)));
            if quality > 0 && better {
                (best, chosen) = ((quality, exactness, order), offer);
            }
        }
    }
    best.0 > 0 && chosen >= 2
}

/// A quality between 0 and 1, in thousandths.
fn thousandths(quality: &str) -> u32 {
    let digits = if quality == "0" {
        "0"
    } else {
        quality.strip_prefix("0.").unwrap_or("1000")
    };
    format!("{digits:0<3}").parse().unwrap_or(1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_accept_for_it_gets_activitypub() {
        let yes = [
            "application/activity+json",
            "application/ld+json; profile=\"https://www.w3.org/ns/activitystreams\"",
            "application/activity+json, application/ld+json",
            "text/html;q=0.5, application/activity+json",
        ];
        let no = [
            "*/*",
            "text/html",
            "application/json",
            "text/html, application/activity+json",
            "",
        ];
        assert!(yes.iter().all(|accept| prefers_activity(accept)));
        assert!(no.iter().all(|accept| !prefers_activity(accept)));
    }
}
