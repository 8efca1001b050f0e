//! How a status comes to be: what was wished for, whether it may be, what it becomes.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use url::Url;

use super::accounts::number;
use super::entities::Writer;
use super::language;
use super::params::Params;
use super::reply::Reply;
use super::sniff::Kind;
use super::text::{self, Entity};
use super::viewer::{User, Viewer};
use super::world::{Audience, Hold, Status, Work, World};

/// What a request wishes for.
#[derive(Clone, Debug, Default)]
pub(super) struct Wish {
    pub(super) text: String,
    pub(super) spoiler: String,
    pub(super) visibility: Option<String>,
    pub(super) sensitive: Option<bool>,
    pub(super) language: Option<String>,
    pub(super) in_reply_to: Option<String>,
    pub(super) media: Vec<String>,
    pub(super) allowed_mentions: Option<Vec<String>>,
}

/// What may be published as it is.
#[derive(Clone, Debug)]
pub(super) struct Draft {
    sent: String,
    text: String,
    spoiler: String,
    audience: Audience,
    sensitive: bool,
    language: Option<String>,
    pub(super) media: Vec<u64>,
    mentions: Vec<u64>,
    tags: Vec<String>,
}

impl Draft {
    /// What has no warning isn't sensitive, as with snac.
    pub(super) fn needs_warning(&mut self) {
        self.sensitive = !self.spoiler.is_empty();
    }
}

impl From<&Params> for Wish {
    fn from(params: &Params) -> Self {
        let text = |name: &str| params.text(name).unwrap_or_default();
        Self {
            text: text("status"),
            spoiler: text("spoiler_text"),
            visibility: params.text("visibility").filter(|name| !name.is_empty()),
            sensitive: params.truth("sensitive"),
            language: params.text("language"),
            in_reply_to: params.text("in_reply_to_id").filter(|id| !id.is_empty()),
            media: params.list("media_ids").unwrap_or_default(),
            allowed_mentions: params.list("allowed_mentions"),
        }
    }
}

/// The status that is answered to.
pub(super) fn parent(world: &World, account: u64, wish: &Wish) -> Result<Option<u64>, Reply> {
    let Some(id) = &wish.in_reply_to else { return Ok(None) };
    let parent = world.statuses.get(&number(id));
    let seen = parent.filter(|parent| World::sees(parent, Some(account)));
    let text = "The post you are trying to reply to does not appear to exist.";
    seen.map(|parent| Some(parent.id))
        .ok_or_else(|| Reply::error(404, text))
}

/// Whether what is wished for may be published, in the order in which Mastodon looks. `old` is what an edit replaces.
pub(super) fn check(
    world: &World,
    base: &Url,
    viewer: &Viewer,
    wish: &Wish,
    old: Option<&Status>,
) -> Result<Draft, Reply> {
    let account = viewer
        .user()
        .and_then(|id| world.account(id))
        .ok_or_else(Reply::no_record)?;
    if wish.text.contains('\0') || wish.spoiler.contains('\0') {
        return Err(Reply::rails(500));
    }
    let media = media(world, account.id, &wish.media, old)?;
    let (mut text, mut spoiler) = (wish.text.trim().to_owned(), wish.spoiler.trim().to_owned());
    if text.is_empty() && old.is_none() {
        text = std::mem::take(&mut spoiler);
    }
    let chosen = &account.preferences;
    let audience = match (old, &wish.visibility) {
        (Some(old), _) => old.audience,
        (None, wished) => {
            let name = wished.as_deref().or(chosen.visibility.as_deref()).unwrap_or("public");
            let audience = Audience::named(name);
            match audience.ok_or_else(|| Reply::invalid("Visibility is not included in the list"))? {
                Audience::Public if account.silenced => Audience::Unlisted,
                audience => audience,
            }
        }
    };
    let warned = !wish.spoiler.trim().is_empty();
    let sensitive = match old {
        Some(_) => wish.sensitive.unwrap_or(false) || warned,
        None => wish.sensitive.unwrap_or(chosen.sensitive) || warned,
    };
    let wished = wish.language.as_deref().and_then(language::known);
    let language = wished
        .or_else(|| old.and_then(|old| old.language.clone()))
        .or_else(|| chosen.language.as_deref().and_then(language::known))
        .unwrap_or_else(|| "en".into());
    if text.is_empty() && media.is_empty() {
        return Err(Reply::invalid("Text can't be blank"));
    }
    let (text, mentions) = mentioned(world, &text);
    let limits = &world.limits;
    if text::length(&spoiler, &text, limits.characters_reserved_per_url) > limits.max_characters {
        let max = limits.max_characters;
        return Err(Reply::invalid(&format!("Text character limit of {max} exceeded")));
    }
    let mut banned = tags_of(&text);
    banned.retain(|tag| world.disallowed.contains(tag));
    if !banned.is_empty() {
        let banned = banned.join(", ");
        return Err(Reply::invalid(&format!(
            "Text contained a disallowed hashtag: {banned}"
        )));
    }
    if let Some(allowed) = wish.allowed_mentions.as_ref().filter(|_| old.is_none()) {
        let unexpected = mentions
            .iter()
            .filter(|id| !allowed.contains(&id.to_string()) && **id != account.id);
        let accounts = unexpected.filter_map(|id| world.account(*id));
        let writer = Writer {
            world,
            base,
            viewer,
            tells_audience: true,
        };
        let unexpected: Vec<Value> = accounts.map(|account| writer.account(account)).collect();
        if !unexpected.is_empty() {
            let text = "Post would be sent to unexpected accounts";
            return Err(Reply::json(
                422,
                &json!({"error": text, "unexpected_accounts": unexpected}),
            ));
        }
    }
    Ok(Draft {
        sent: wish.text.clone(),
        tags: tags_of(&text),
        text,
        spoiler,
        audience,
        sensitive,
        language: Some(language),
        media,
        mentions,
    })
}

/// The hashtags of a text, in normal form.
pub(super) fn tags_of(text: &str) -> Vec<String> {
    let mut tags = Vec::new();
    for entity in text::tags(text) {
        if let Entity::Tag(_, name) = entity {
            let name = text::normal_tag(&name);
            if !tags.contains(&name) {
                tags.push(name);
            }
        }
    }
    tags
}

/// Whether all media have alternative texts of at least so many characters, where that is asked for.
pub(super) fn described(world: &World, media: &[u64], least: usize) -> Result<(), Reply> {
    let alts = media
        .iter()
        .filter_map(|id| Some(world.media.get(id)?.description.as_deref()));
    let mut lengths = alts.map(|alt| alt.map_or(0, |alt| alt.chars().count()));
    if lengths.any(|length| length < least) {
        let text = format!("media description less than min chars ({least})");
        return Err(Reply::error(400, &text));
    }
    Ok(())
}

/// The media that may be attached (contract §4.5).
fn media(world: &World, account: u64, wished: &[String], old: Option<&Status>) -> Result<Vec<u64>, Reply> {
    if wished.len() > world.limits.max_media_attachments {
        // The text says 4 whatever the limit.
        return Err(Reply::error(422, "Cannot attach more than 4 files"));
    }
    let usable = |id: u64| {
        let medium = world.media.get(&id).filter(|medium| medium.account == account);
        let of_old = |hold: Hold| old.is_some_and(|old| hold == Hold::Attached(old.id));
        medium.filter(|medium| medium.hold == Hold::Free || of_old(medium.hold))
    };
    let ids: Vec<u64> = wished.iter().map(|id| number(id)).collect();
    let missing: Vec<String> = ids
        .iter()
        .filter(|id| usable(**id).is_none())
        .map(u64::to_string)
        .collect();
    if !missing.is_empty() {
        let missing = missing.join(", ");
        let text = format!("Media {missing} not found or already attached to another post");
        return Err(Reply::error(422, &text));
    }
    let mut distinct: Vec<u64> = Vec::new();
    for id in ids {
        if !distinct.contains(&id) {
            distinct.push(id);
        }
    }
    let media = || distinct.iter().filter_map(|id| world.media.get(id));
    let alone = |kind: Kind| matches!(kind, Kind::Video | Kind::Audio);
    if distinct.len() > 1 && media().any(|medium| alone(medium.facts.kind)) {
        let text = "Cannot attach a video to a post that already contains images";
        return Err(Reply::error(422, text));
    }
    if media().any(|medium| medium.work != Work::Done) {
        let text = "Cannot attach files that have not finished processing. Try again in a moment!";
        return Err(Reply::error(422, text));
    }
    Ok(distinct)
}

/// The text with mentions of accounts here in their canonical form, and those accounts.
pub(super) fn mentioned(world: &World, text: &str) -> (String, Vec<u64>) {
    let (mut rewritten, mut accounts, mut at) = (String::new(), Vec::new(), 0);
    for entity in text::mentions(text) {
        let Entity::Mention(range, name, None) = entity else {
            continue;
        };
        let Some(account) = world.account_named(&name) else {
            continue;
        };
        rewritten.push_str(&text[at..range.start]);
        rewritten.push('@');
        rewritten.push_str(&account.name);
        at = range.end;
        if !accounts.contains(&account.id) {
            accounts.push(account.id);
        }
    }
    rewritten.push_str(&text[at..]);
    (rewritten, accounts)
}

/// Makes the status; from here on it exists.
pub(super) fn publish(
    world: &mut World,
    user: &User,
    draft: Draft,
    in_reply_to: Option<u64>,
    key: Option<String>,
    now: DateTime<Utc>,
) -> u64 {
    let id = world.next_id(now);
    attach(world, &draft.media, id);
    let status = Status {
        id,
        account: user.account,
        created_at: now,
        edited_at: None,
        sent: draft.sent,
        text: draft.text,
        spoiler: draft.spoiler,
        audience: draft.audience,
        sensitive: draft.sensitive,
        language: draft.language,
        in_reply_to,
        reply_to_account: in_reply_to
            .and_then(|id| world.statuses.get(&id))
            .map(|parent| parent.account),
        media: draft.media,
        mentions: draft.mentions,
        tags: draft.tags,
        html: None,
        poll: Vec::new(),
        quote: None,
        boost_of: None,
        app: user.app,
        key,
        history: Vec::new(),
    };
    world.statuses.insert(id, status);
    id
}

pub(super) fn attach(world: &mut World, media: &[u64], status: u64) {
    for id in media {
        if let Some(medium) = world.media.get_mut(id) {
            medium.hold = Hold::Attached(status);
        }
    }
}

/// Whether an edit changes anything.
pub(super) fn differs(world: &World, old: &Status, new: &Draft, attributes: &[Params]) -> bool {
    let described = attributes.iter().any(|wish| {
        let id = wish.text("id").map(|id| number(&id)).unwrap_or_default();
        let medium = world.media.get(&id).filter(|_| new.media.contains(&id));
        medium.is_some_and(|medium| wish.text("description") != medium.description || wish.text("focus").is_some())
    });
    described
        || old.text != new.text
        || old.spoiler != new.spoiler
        || old.sensitive != new.sensitive
        || old.language != new.language
        || old.media != new.media
}

/// Replaces a status by its edit.
pub(super) fn revise(world: &mut World, id: u64, draft: Draft, attributes: &[Params], now: DateTime<Utc>) {
    attach(world, &draft.media, id);
    for wish in attributes {
        let medium = wish
            .text("id")
            .map(|id| number(&id))
            .filter(|id| draft.media.contains(id));
        if let Some(medium) = medium.and_then(|id| world.media.get_mut(&id)) {
            medium.description = wish.text("description").or(medium.description.take());
            medium.focus = wish
                .text("focus")
                .map(|focus| super::media::focus(&focus))
                .or(medium.focus);
        }
    }
    let Some(status) = world.statuses.get_mut(&id) else {
        return;
    };
    status.history.push((
        status.edited_at.unwrap_or(status.created_at),
        std::mem::replace(&mut status.text, draft.text),
        std::mem::replace(&mut status.spoiler, draft.spoiler),
        std::mem::replace(&mut status.sensitive, draft.sensitive),
    ));
    status.edited_at = Some(now);
    status.html = None;
    status.sent = draft.sent;
    status.language = draft.language;
    status.media = draft.media;
    status.mentions = draft.mentions;
    status.tags = draft.tags;
}
