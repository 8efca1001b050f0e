//! Where videos go: one channel of one account, what its instance takes, and its lists of codes.
//!
//! Only reads. Asked of the instance, kept for a while.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tombolo_model::{
    AccountIdentity, Cache, DestinationError, LengthUnit, Limits, LinkCost, MediaLimits, Mix, Origin, TextRules,
    VideoRules, number_of, unsigned_of,
};

use crate::caller::{Caller, json};
use crate::config::Config;
use crate::licence;
use crate::wire::Problem;

/// How long an instance's configuration is believed.
const CONFIG_AGE: Duration = Duration::from_secs(3600);
/// How long its lists of categories, licences and languages are believed.
const LISTS_AGE: Duration = Duration::from_secs(86_400);
/// What stands for "no bound": a pebibyte, which nobody uploads, and which can be calculated with.
const UNBOUNDED: u64 = 1 << 50;
/// More frames per second than any video has.
const ANY_FPS: u32 = 1000;
/// Longest summary of why a video is sensitive that is sent (PeerTube 7.2 and later).
pub(crate) const SUMMARY: usize = 250;
/// A quota used beyond this share is worth a warning.
const NEARLY: f64 = 0.9;
/// Most channels and list entries that are looked at.
const MAX_ENTRIES: usize = 1000;

/// The list of licences.
pub(crate) const LICENCES: &str = "licences";

/// A channel of the account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Channel {
    pub(crate) id: u64,
    pub(crate) name: String,
    pub(crate) actor: Option<String>,
}

impl Channel {
    fn of(value: &Value) -> Option<Self> {
        Some(Self {
            id: value.get("id").and_then(unsigned_of)?,
            name: value.get("name")?.as_str()?.to_owned(),
            actor: value.get("url").and_then(Value::as_str).map(str::to_owned),
        })
    }
}

fn identity_of(user: u64, channel: Channel, warnings: Vec<String>) -> AccountIdentity {
    AccountIdentity {
        account: format!("{user}/{}", channel.id),
        url: channel.actor.clone(),
        actor: channel.actor,
        username: channel.name,
        warnings,
    }
}

/// Whose token it is.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Me {
    user: u64,
    name: String,
    channels: Vec<Channel>,
    /// `None`: unlimited.
    quota: Option<u64>,
    daily: Option<u64>,
}

/// How much of the quota is used, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Used {
    all: u64,
    today: u64,
}

/// One channel at one instance.
pub(crate) struct Place {
    pub(crate) caller: Caller,
    handle: String,
    cache: Arc<dyn Cache>,
    known: Mutex<Option<Channel>>,
}

impl Place {
    pub(crate) fn new(caller: Caller, handle: &str, cache: Arc<dyn Cache>) -> Self {
        let name = handle
            .trim_start_matches(['@', '!'])
            .split('@')
            .next()
            .unwrap_or_default();
        Self {
            caller,
            handle: name.to_owned(),
            cache,
            known: Mutex::new(None),
        }
    }

    pub(crate) async fn identity(&self) -> Result<AccountIdentity, DestinationError> {
        let me = match self.me().await {
            // A dry run signs nobody in.
            Err(DestinationError::Transient(_)) if !self.caller.signs_in() => return self.seen_from_outside().await,
            me => me?,
        };
        let channel = self.choose(&me)?;
        let mut warnings = Vec::new();
        if me.quota.is_some() || me.daily.is_some() {
            let used = self.used().await?;
            for (quota, used, which) in [(me.quota, used.all, ""), (me.daily, used.today, "daily ")] {
                if let Some(quota) = quota
                    && nearly_used(used, quota)
                {
                    let how = if used >= quota { "used up" } else { "nearly used" };
                    warnings.push(format!(
                        "the {which}quota of {} is {how}: {used} of {quota} bytes",
                        me.name
                    ));
                }
            }
        }
        warnings.extend(self.moderation().await?);
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = Some(channel.clone());
        Ok(identity_of(me.user, channel, warnings))
    }

    /// Who it is by what the instance shows to everybody: its channel by that name, or the only one of the account by it.
    async fn seen_from_outside(&self) -> Result<AccountIdentity, DestinationError> {
        let shown = |value: &Value| {
            let owner = value.get("ownerAccount")?.get("userId").and_then(unsigned_of)?;
            Some((owner, Channel::of(value)?))
        };
        let channel = self.caller.find_public(&["video-channels", &self.handle]).await?;
        let (user, channel) = if let Some(found) = channel.as_ref().and_then(shown) {
            found
        } else {
            let of_account = ["accounts", &self.handle, "video-channels"];
            let listed = self.caller.find_public(&of_account).await?.unwrap_or_default();
            let channels = listed.get("data").and_then(Value::as_array);
            let channels: Vec<_> = channels.into_iter().flatten().filter_map(shown).collect();
            let instance = Origin::of(self.caller.instance());
            let [only] = channels.as_slice() else {
                return Err(DestinationError::Malformed(format!(
                    "{instance} shows no channel {0}, nor an account {0} with one channel; check the handle",
                    self.handle
                )));
            };
            only.clone()
        };
        let mut warnings = vec!["not signed in, as this is a dry run: its quota isn't known".to_owned()];
        warnings.extend(self.moderation().await?);
        Ok(identity_of(user, channel, warnings))
    }

    /// What a moderator has to do before a new video shows.
    async fn moderation(&self) -> Result<Option<String>, DestinationError> {
        let moderated = self.config().await?.moderated;
        Ok(moderated.then(|| "a moderator has to approve each new video before others see it".to_owned()))
    }

    /// The channel that is published in.
    pub(crate) async fn channel(&self) -> Result<Channel, DestinationError> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(channel) = known {
            return Ok(channel);
        }
        let channel = self.choose(&self.me().await?)?;
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = Some(channel.clone());
        Ok(channel)
    }

    /// The instance doesn't take that channel (any more): the next look asks again.
    pub(crate) fn doubt_channel(&self) {
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// What the instance takes. The quota isn't among it: it changes with every video and by an administrator's hand, so it
    /// is asked for right before an upload.
    pub(crate) async fn limits(&self) -> Result<Limits, DestinationError> {
        let config = self.config().await?;
        Ok(Limits {
            text: TextRules {
                max: 10_000,
                unit: LengthUnit::CodePoints,
                link: LinkCost::Full,
                warning_counts: false,
                alt_max: 0,
                alt_min: 0,
                warning_max: config.has_summary().then_some(SUMMARY),
                escape_angle: false,
                alone: false,
            },
            media: MediaLimits {
                per_post: 1,
                types: config.types,
                image_bytes: config.image_bytes,
                image_pixels: UNBOUNDED,
                video_bytes: UNBOUNDED,
                video_pixels: UNBOUNDED,
                video_fps: ANY_FPS,
                mix: Mix::OneVideo,
                image_fit: None,
                keeps_files: false,
                resumes: true,
            },
            // Contract peertube §7.1.
            video: Some(VideoRules {
                title: (3, 120),
                description_min: 3,
                tags: 5,
                tag: (2, 30),
            }),
        })
    }

    pub(crate) async fn config(&self) -> Result<Config, DestinationError> {
        let (name, now) = (self.cache_name("writer's configuration of"), self.caller.now());
        let kept = self.cache.get(&name, CONFIG_AGE, now);
        if let Some(config) = kept.and_then(|value| serde_json::from_value(value).ok()) {
            return Ok(config);
        }
        let config = Config::parse(&self.caller.read_public(&["config"]).await?);
        self.cache
            .put(&name, &serde_json::to_value(&config).unwrap_or_default(), now);
        Ok(config)
    }

    /// The instance's id for what the source calls `label`, in one of its lists: `categories` or `licences`.
    pub(crate) async fn code(&self, list: &str, label: &str) -> Result<Option<u64>, DestinationError> {
        let wanted = label.trim().to_lowercase();
        let found = self.list(list).await?;
        let found = found.iter().find(|(_, name)| match list {
            LICENCES => licence::same(name, label),
            _ => name.trim().to_lowercase() == wanted,
        });
        Ok(found.and_then(|(id, _)| id.parse().ok()))
    }

    /// The instance's code for a language tag, or for the language alone where it doesn't have the variety.
    pub(crate) async fn language(&self, tag: &str) -> Result<Option<String>, DestinationError> {
        let all = self.list("languages").await?;
        let primary = tag.split(['-', '_']).next().unwrap_or_default();
        let find = |wanted: &str| {
            all.iter()
                .map(|(id, _)| id)
                .find(|id| id.eq_ignore_ascii_case(wanted))
                .cloned()
        };
        Ok(find(tag).or_else(|| find(primary)).filter(|id| id.len() <= 10))
    }

    async fn list(&self, list: &str) -> Result<Vec<(String, String)>, DestinationError> {
        let (name, now) = (self.cache_name(&format!("{list} of")), self.caller.now());
        let kept = self.cache.get(&name, LISTS_AGE, now);
        if let Some(entries) = kept.and_then(|value| serde_json::from_value(value).ok()) {
            return Ok(entries);
        }
        let value = self.caller.read_public(&["videos", list]).await?;
        let entries: Vec<(String, String)> = value
            .as_object()
            .into_iter()
            .flatten()
            .take(MAX_ENTRIES)
            .filter_map(|(id, label)| Some((id.clone(), label.as_str()?.to_owned())))
            .collect();
        self.cache
            .put(&name, &serde_json::to_value(&entries).unwrap_or_default(), now);
        Ok(entries)
    }

    /// Why a file of this size has no room there now, for the creator; `None`: it has.
    pub(crate) async fn no_room(&self, bytes: u64) -> Result<Option<String>, DestinationError> {
        let me = self.me().await?;
        if me.quota.is_none() && me.daily.is_none() {
            return Ok(None);
        }
        let used = self.used().await?;
        let short = |quota: Option<u64>, used: u64| {
            let quota = quota.filter(|quota| used.saturating_add(bytes) > *quota)?;
            Some((quota, quota.saturating_sub(used)))
        };
        let needs = |left: u64| format!("{left} bytes left, and the video has {bytes}");
        Ok(match (short(me.quota, used.all), short(me.daily, used.today)) {
            (Some((quota, left)), _) => Some(format!(
                "the account's quota of {quota} bytes is used up: {}; delete videos there or ask its administrator for more",
                needs(left)
            )),
            (None, Some((quota, left))) => Some(format!(
                "the account's daily quota of {quota} bytes is used up: {}",
                needs(left)
            )),
            (None, None) => None,
        })
    }

    fn choose(&self, me: &Me) -> Result<Channel, DestinationError> {
        let instance = Origin::of(self.caller.instance());
        let names: Vec<&str> = me.channels.iter().map(|c| c.name.as_str()).collect();
        let names = names.join(", ");
        // Accounts and channels share one name space (contract peertube §1).
        if let Some(channel) = me.channels.iter().find(|c| c.name.eq_ignore_ascii_case(&self.handle)) {
            return Ok(channel.clone());
        }
        if !me.name.eq_ignore_ascii_case(&self.handle) {
            return Err(DestinationError::AuthLost(format!(
                "the sign-in at {instance} is that of {}, which has no channel named {}; its channels: {names}",
                me.name, self.handle
            )));
        }
        match me.channels.as_slice() {
            [only] => Ok(only.clone()),
            [] => Err(DestinationError::Malformed(format!(
                "{} has no channel at {instance}; make one there first",
                me.name
            ))),
            _ => Err(DestinationError::Malformed(format!(
                "{} has several channels at {instance}; use one of them as the handle: {names}",
                me.name
            ))),
        }
    }

    async fn me(&self) -> Result<Me, DestinationError> {
        let value = self.own(&["users", "me"]).await?;
        let text = |key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
        let (Some(user), Some(name)) = (value.get("id").and_then(unsigned_of), text("username")) else {
            return Err(DestinationError::Malformed(format!(
                "{} doesn't say whose sign-in it is",
                Origin::of(self.caller.instance())
            )));
        };
        let channels = value.get("videoChannels").and_then(Value::as_array);
        let channels = channels.into_iter().flatten().take(MAX_ENTRIES).filter_map(Channel::of);
        let quota = |key: &str| {
            value
                .get(key)
                .filter(|q| number_of(q).is_some_and(|q| q >= 0.0))
                .and_then(unsigned_of)
        };
        Ok(Me {
            user,
            name,
            channels: channels.collect(),
            quota: quota("videoQuota"),
            daily: quota("videoQuotaDaily"),
        })
    }

    async fn used(&self) -> Result<Used, DestinationError> {
        let value = self.own(&["users", "me", "video-quota-used"]).await?;
        let number = |key: &str| value.get(key).and_then(unsigned_of).unwrap_or(0);
        Ok(Used {
            all: number("videoQuotaUsed"),
            today: number("videoQuotaUsedDaily"),
        })
    }

    /// A document of the account's own.
    async fn own(&self, path: &[&str]) -> Result<Value, DestinationError> {
        let url = self.caller.api(path, &[])?;
        let answer = self.caller.get(&url).await?;
        match answer.status.as_u16() {
            200 => json(&url, &answer),
            401 | 403 => Err(DestinationError::AuthLost(format!(
                "{} refuses the account: {}",
                Origin::of(&url),
                Problem::of(&answer)
            ))),
            _ => Err(DestinationError::Malformed(format!(
                "{}{}: {}",
                Origin::of(&url),
                url.path(),
                Problem::of(&answer)
            ))),
        }
    }

    fn cache_name(&self, what: &str) -> String {
        format!("peertube {what} {}", Origin::of(self.caller.instance()))
    }
}

#[allow(clippy::cast_precision_loss)] // a share needs no more precision
fn nearly_used(used: u64, quota: u64) -> bool {
    used as f64 >= quota as f64 * NEARLY
}
