//! `/oauth/authorize`: what a browser sees in which somebody is logged in (contract §2).

use std::sync::Arc;

use axum::extract::{RawQuery, Request, State};
use axum::http::{HeaderMap, header};
use serde_json::json;
use url::{Host, Url};

use super::oauth::DEFAULT_SCOPES;
use super::params::Params;
use super::reply::{Answered, Reply};
use super::world::{App, Asked, Code, World};
use super::{Shared, address, lock, pages};

/// The cookie of whoever is logged in.
pub(super) const COOKIE: &str = "pixelfed_session";
const OUT_OF_BAND: &str = "urn:ietf:wg:oauth:2.0:oob";
const SCOPES: [&str; 8] = [
    "read",
    "write",
    "follow",
    "push",
    "admin:read",
    "admin:read:domain_blocks",
    "admin:write",
    "admin:write:domain_blocks",
];

/// The session of a browser, with its account.
fn session(headers: &HeaderMap, world: &World) -> Option<(String, u64)> {
    let cookies = headers.get(header::COOKIE)?.to_str().ok()?;
    let mut cookies = cookies.split(';').filter_map(|cookie| cookie.trim().split_once('='));
    let (_, session) = cookies.find(|(name, _)| *name == COOKIE)?;
    Some((session.to_owned(), *world.sessions.get(session)?))
}

/// `GET /oauth/authorize`
pub(super) async fn ask(State(shared): State<Arc<Shared>>, RawQuery(query): RawQuery, headers: HeaderMap) -> Answered {
    let params = Params::query(&query.unwrap_or_default());
    let mut world = lock(&shared.world);
    let redirect_uri = params.text("redirect_uri").unwrap_or_default();
    let id = params.number("client_id").ok().flatten().unwrap_or_default();
    let app = world.apps.get(&id).filter(|app| is_registered(app, &redirect_uri));
    let Some(app) = app else {
        let text = "Client authentication failed";
        let body = json!({ "error": "invalid_client", "error_description": text, "message": text });
        return Err(Reply::json(401, &body));
    };
    let scopes = params.text("scope").unwrap_or_else(|| DEFAULT_SCOPES.to_owned());
    let scopes: Vec<String> = scopes.split_whitespace().map(str::to_owned).collect();
    if let Some(wrong) = scopes.iter().find(|scope| !SCOPES.contains(&scope.as_str())) {
        let text = "The requested scope is invalid, unknown, or malformed";
        let hint = format!("Check the `{wrong}` scope");
        let answer = [
            ("error", "invalid_scope"),
            ("error_description", text),
            ("hint", &hint),
            ("message", text),
        ];
        return Ok(back(&redirect_uri, &answer));
    }
    let page = pages::consent(&app.name, &scopes);
    let Some((session, account)) = session(&headers, &world) else {
        return Ok(Reply::redirect(&address(&shared.base, "/login")));
    };
    let asked = Asked {
        app: id,
        redirect_uri,
        scopes,
        state: params.text("state").unwrap_or_default(),
        challenge: params.text("code_challenge"),
    };
    let now = shared.clock.now();
    let agreed = world.tokens.values().any(|token| {
        token.account == Some(account)
            && token.app == id
            && !token.revoked
            && now < token.expires_at
            && asked.scopes.iter().all(|scope| token.scopes.contains(scope))
    });
    if agreed && params.text("prompt").as_deref() != Some("consent") {
        // Even out of band, where no browser can follow.
        let code = new_code(&mut world, account, asked.clone(), now);
        return Ok(back(&asked.redirect_uri, &[("code", &code), ("state", &asked.state)]));
    }
    world.asked.insert(session, asked);
    Ok(Reply::page(200, page))
}

/// `POST /oauth/authorize`: somebody agrees, or with `_method=DELETE` doesn't.
pub(super) async fn decide(State(shared): State<Arc<Shared>>, request: Request) -> Answered {
    let headers = request.headers().clone();
    let params = Params::read(request).await?;
    let mut world = lock(&shared.world);
    let Some((session, account)) = session(&headers, &world) else {
        return Ok(Reply::redirect(&address(&shared.base, "/login")));
    };
    let asked = world.asked.remove(&session);
    let asked = asked.ok_or_else(|| Reply::crash("Authorization request was not present in the session."))?;
    if params.text("_method").as_deref() == Some("DELETE") {
        let text = "The resource owner or authorization server denied the request.";
        let answer = [
            ("state", asked.state.as_str()),
            ("error", "access_denied"),
            ("error_description", text),
            ("hint", "The user denied the request"),
            ("message", text),
        ];
        return Ok(back(&asked.redirect_uri, &answer));
    }
    let code = new_code(&mut world, account, asked.clone(), shared.clock.now());
    if asked.redirect_uri == OUT_OF_BAND {
        return Ok(Reply::json(200, &json!({ "code": code, "state": asked.state })));
    }
    Ok(back(&asked.redirect_uri, &[("code", &code), ("state", &asked.state)]))
}

fn new_code(world: &mut World, account: u64, asked: Asked, at: chrono::DateTime<chrono::Utc>) -> String {
    let secret = world.next_secret("code");
    let code = Code {
        account,
        scopes: asked.scopes.clone(),
        asked: Some(asked),
        at,
        used: false,
    };
    world.codes.insert(secret.clone(), code);
    secret
}

/// The way back to the application.
fn back(redirect_uri: &str, answer: &[(&str, &str)]) -> Reply {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(answer);
    let separator = if redirect_uri.contains('?') { '&' } else { '?' };
    let location = format!("{redirect_uri}{separator}{}", query.finish());
    Reply::page(302, String::new()).with(header::LOCATION, &location)
}

/// Whether an application has registered an address. On the own machine the port doesn't matter.
fn is_registered(app: &App, asked: &str) -> bool {
    let same_but_for_the_port = |registered: &str| {
        let (Ok(mut registered), Ok(mut asked)) = (Url::parse(registered), Url::parse(asked)) else {
            return false;
        };
        let is_loopback = matches!(registered.host(), Some(Host::Ipv4(address)) if address.is_loopback());
        is_loopback && registered.set_port(None).is_ok() && asked.set_port(None).is_ok() && registered == asked
    };
    app.redirect_uris
        .iter()
        .any(|registered| registered == asked || same_but_for_the_port(registered))
}
