//! Statuses as ActivityPub objects.

use serde_json::{Value, json};

use super::entities::{Writer, address, original_path, preview_path};
use super::sniff::Kind;
use super::world::{Audience, Medium, Status};

/// The vocabulary that everything is written in.
pub(super) const STREAMS: &str = "https://www.w3.org/ns/activitystreams";
const PUBLIC: &str = "https://www.w3.org/ns/activitystreams#Public";

/// A status's ActivityPub id.
pub(super) fn uri(writer: &Writer<'_>, status: &Status) -> String {
    address(
        writer.base,
        &format!("/ap/users/{}/statuses/{}", status.account, status.id),
    )
}

/// The activity that a status came to be with.
pub(super) fn create(writer: &Writer<'_>, status: &Status) -> Value {
    if let Some(boosted) = status.boost_of {
        return announce(writer, status, boosted);
    }
    let object = note_object(writer, status);
    json!({
        "id": format!("{}/activity", uri(writer, status)),
        "type": "Create",
        "actor": object["attributedTo"],
        "published": object["published"],
        "to": object["to"],
        "cc": object["cc"],
        "object": object,
    })
}

/// The activity of a boost: what is boosted is named by its id.
fn announce(writer: &Writer<'_>, status: &Status, boosted: u64) -> Value {
    let at = |path: &str| address(writer.base, path);
    let actor = at(&format!("/ap/users/{}", status.account));
    let elsewhere = || {
        writer
            .world
            .elsewhere
            .iter()
            .find(|(id, _)| *id == boosted)
            .map(|(_, post)| post.uri.clone())
    };
    let here = writer.world.statuses.get(&boosted);
    let mut cc = Vec::new();
    cc.extend(here.map(|boosted| at(&format!("/ap/users/{}", boosted.account))));
    cc.push(format!("{actor}/followers"));
    json!({
        "id": format!("{}/activity", uri(writer, status)),
        "type": "Announce",
        "actor": actor,
        "published": status.created_at.format("%Y-%m-%dT%H:%M:%SZ").to_string(),
        "to": [PUBLIC],
        "cc": cc,
        "object": here.map(|boosted| uri(writer, boosted)).or_else(elsewhere),
    })
}

/// A Note.
pub(super) fn note_object(writer: &Writer<'_>, status: &Status) -> Value {
    let at = |path: &str| address(writer.base, path);
    let id = uri(writer, status);
    let actor = at(&format!("/ap/users/{}", status.account));
    let followers = format!("{actor}/followers");
    let named = |id: &u64| at(&format!("/ap/users/{id}"));
    let (to, mut cc) = if status.audience == Audience::Public {
        (PUBLIC.to_owned(), vec![followers])
    } else {
        (followers, vec![PUBLIC.to_owned()])
    };
    cc.extend(status.mentions.iter().map(named));
    let mentions =
        status.mentions.iter().filter_map(|id| writer.world.account(*id)).map(
            |account| json!({"type": "Mention", "href": named(&account.id), "name": format!("@{}", account.name)}),
        );
    let tags = status.tags.iter().map(
        |tag| json!({"type": "Hashtag", "href": super::text::tag_page(writer.base, tag), "name": format!("#{tag}")}),
    );
    let name = writer
        .world
        .account(status.account)
        .map(|account| account.name.as_str());
    let content = writer.content(status);
    let parent = status
        .in_reply_to
        .and_then(|id| writer.world.statuses.get(&id))
        .map(|parent| uri(writer, parent));
    let conversation = at(&format!("/contexts/{}-{}", status.account, status.id));
    let media = status.media.iter().filter_map(|id| writer.world.media.get(id));
    let seconds = |date: chrono::DateTime<chrono::Utc>| date.format("%Y-%m-%dT%H:%M:%SZ").to_string();
    let mut note = json!({
        "id": id,
        "type": "Note",
        "summary": (!status.spoiler.is_empty()).then_some(&status.spoiler),
        "inReplyTo": parent,
        "published": seconds(status.created_at),
        "url": at(&format!("/@{}/{}", name.unwrap_or_default(), status.id)),
        "attributedTo": actor,
        "to": [to],
        "cc": cc,
        "sensitive": status.sensitive,
        "atomUri": id,
        "inReplyToAtomUri": parent,
        "conversation": conversation,
        "context": conversation,
        "content": content,
        "interactionPolicy": {"canQuote": {"automaticApproval": [PUBLIC]}},
        "attachment": media.map(|medium| document(writer, medium)).collect::<Vec<_>>(),
        "tag": mentions.chain(tags).collect::<Vec<_>>(),
        "replies": {
            "id": format!("{id}/replies"),
            "type": "Collection",
            "first": {
                "type": "CollectionPage",
                "next": format!("{id}/replies?only_other_accounts=true&page=true"),
                "partOf": format!("{id}/replies"),
                "items": [],
            },
        },
        "likes": {"id": format!("{id}/likes"), "type": "Collection", "totalItems": 0},
        "shares": {"id": format!("{id}/shares"), "type": "Collection", "totalItems": 0},
    });
    if !status.poll.is_empty() {
        note["type"] = json!("Question");
        let choice =
            |name: &String| json!({"type": "Note", "name": name, "replies": {"type": "Collection", "totalItems": 0}});
        note["oneOf"] = status.poll.iter().map(choice).collect();
    }
    if let Some(quoted) = status.quote.and_then(|id| writer.world.statuses.get(&id)) {
        for name in ["quote", "_misskey_quote", "quoteUri"] {
            note[name] = json!(uri(writer, quoted));
        }
    }
    if let Some(language) = &status.language {
        note["contentMap"] = json!({ language: content });
    }
    if let Some(edited) = status.edited_at {
        note["updated"] = json!(seconds(edited));
    }
    note
}

fn document(writer: &Writer<'_>, medium: &Medium) -> Value {
    let facts = &medium.facts;
    let mut document = json!({
        "type": "Document",
        "mediaType": if facts.extension == "mp4" { "video/mp4" } else { facts.mime },
        "url": address(writer.base, &original_path(medium)),
        "name": medium.description,
        "blurhash": "U~KxPD,$jY*ZoMW-fQn,bHaybHjZbZjabHWV",
        "width": facts.width,
        "height": facts.height,
    });
    if facts.kind != Kind::Image {
        document["duration"] = json!(format!("PT{:?}S", facts.duration));
    }
    if let Some((x, y)) = medium.focus {
        document["focalPoint"] = json!([x, y]);
    }
    if medium.thumbnail.is_some() {
        let url = preview_path(medium).map(|path| address(writer.base, &path));
        document["icon"] = json!({"type": "Image", "mediaType": "image/jpeg", "url": url});
    }
    document
}

/// The `Link` to an object's ActivityPub form.
pub(super) fn alternate(uri: &str) -> String {
    format!("<{uri}>; rel=\"alternate\"; type=\"application/activity+json\"")
}

/// The terms that these notes use.
pub(super) fn note_context(notes: &[&Status]) -> Value {
    let mut terms = json!({
        "ostatus": "http://ostatus.org#",
        "atomUri": "ostatus:atomUri",
        "inReplyToAtomUri": "ostatus:inReplyToAtomUri",
        "conversation": "ostatus:conversation",
        "sensitive": "as:sensitive",
        "toot": "http://joinmastodon.org/ns#",
        "votersCount": "toot:votersCount",
        "quote": {"@id": "https://w3id.org/fep/044f#quote", "@type": "@id"},
        "quoteUri": "http://fedibird.com/ns#quoteUri",
        "_misskey_quote": "https://misskey-hub.net/ns#_misskey_quote",
        "quoteAuthorization": {"@id": "https://w3id.org/fep/044f#quoteAuthorization", "@type": "@id"},
    });
    add_policy_terms(&mut terms);
    if notes.iter().any(|status| !status.tags.is_empty()) {
        terms["Hashtag"] = json!("as:Hashtag");
    }
    if notes.iter().any(|status| !status.media.is_empty()) {
        terms["blurhash"] = json!("toot:blurhash");
        terms["focalPoint"] = json!({"@container": "@list", "@id": "toot:focalPoint"});
    }
    json!([STREAMS, terms])
}

/// The terms of policies, which actors use too.
pub(super) fn add_policy_terms(terms: &mut Value) {
    terms["gts"] = json!("https://gotosocial.org/ns#");
    for (name, id) in [
        ("interactionPolicy", "gts:interactionPolicy"),
        ("canFeature", "https://w3id.org/fep/7aa9#canFeature"),
        ("canQuote", "gts:canQuote"),
        ("automaticApproval", "gts:automaticApproval"),
        ("manualApproval", "gts:manualApproval"),
    ] {
        terms[name] = json!({"@id": id, "@type": "@id"});
    }
}
