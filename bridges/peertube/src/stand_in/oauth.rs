//! Signing in: the client's secret, tokens for a password or for a refresh token, and signing out (contract §2).

use axum::Router;
use axum::body::to_bytes;
use axum::extract::{Request, State as Shared};
use axum::http::{StatusCode, header};
use axum::response::Response;
use axum::routing::{get, post};
use serde_json::{Value, json};

use super::answers::{Ask, Problem, Reply};
use super::rates::{Bucket, limited};
use super::sessions::{Grant, Stale};
use super::site::{Site, signed_in};
use super::world::World;

/// Forms to sign in with are short.
const MOST: usize = 64 * 1024;

pub(super) fn routes(site: &Site) -> Router<Site> {
    let token = Router::new().route("/api/v1/users/token", post(token));
    let others = Router::new()
        .route("/api/v1/oauth-clients/local", get(client))
        .route("/api/v1/users/revoke-token", post(revoke))
        .merge(limited(token, site, Bucket::Token));
    limited(others, site, Bucket::Api)
}

async fn client(Shared(site): Shared<Site>, ask: Ask) -> Response {
    let world = site.world();
    let (id, secret) = &world.sessions.client;
    ask.answer(Ok(Reply::json(&json!({"client_id": id, "client_secret": secret}))))
}

async fn token(Shared(site): Shared<Site>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let ask = Ask::of(&parts);
    let body = to_bytes(body, MOST).await.unwrap_or_default();
    let is_form = ask
        .header("content-type")
        .is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded"));
    let form = Form(url::form_urlencoded::parse(&body).into_owned().collect());
    let found = if is_form {
        granted(&mut site.world(), &ask, &form)
    } else {
        let detail = "Invalid request: content must be application/x-www-form-urlencoded";
        Err(refused(detail, "invalid_request"))
    };
    let found = found.map_err(|problem| problem.of_operation("getOAuthToken"));
    ask.answer(found.map(|pair| Reply::json(&pair).with_header(header::CACHE_CONTROL, "no-store")))
}

async fn revoke(Shared(site): Shared<Site>, ask: Ask) -> Response {
    let mut world = site.world();
    let found = signed_in(&world, &ask).map(|_| {
        let value = ask.header("authorization").unwrap_or_default();
        let access = value.strip_prefix("Bearer ").unwrap_or_default().trim();
        world.sessions.end(access);
        Reply::json(&json!({"success": true}))
    });
    ask.answer(found)
}

struct Form(Vec<(String, String)>);

impl Form {
    fn get(&self, name: &str) -> &str {
        let found = self.0.iter().find(|(key, _)| key == name);
        found.map_or("", |(_, value)| value)
    }

    /// A field that can't be left out.
    fn need(&self, name: &str) -> Result<&str, Problem> {
        let value = self.get(name);
        if value.is_empty() {
            return Err(refused(&format!("Missing parameter: `{name}`"), "invalid_request"));
        }
        Ok(value)
    }
}

fn refused(detail: &str, code: &'static str) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, detail).code(code)
}

fn granted(world: &mut World, ask: &Ask, form: &Form) -> Result<Value, Problem> {
    let (id, secret) = &world.sessions.client;
    if form.get("client_id") != id || form.get("client_secret") != secret {
        return Err(refused("Invalid client: client is invalid", "invalid_client"));
    }
    let (account, grant) = match form.need("grant_type")? {
        "password" => (by_password(world, ask, form)?, Grant::Password),
        "refresh_token" => {
            let ended = world.sessions.end_by_refresh(form.need("refresh_token")?, world.now);
            let account = ended.map_err(|stale| {
                let detail = match stale {
                    Stale::Unknown => "Invalid grant: refresh token is invalid",
                    Stale::Expired => "Invalid grant: refresh token has expired",
                };
                refused(detail, "invalid_grant")
            })?;
            (account, Grant::Refresh)
        }
        _ => {
            let detail = "Unsupported grant type: `grant_type` is invalid";
            return Err(refused(detail, "unsupported_grant_type"));
        }
    };
    let lifetimes = (world.settings.access_token, world.settings.refresh_token);
    let session = world
        .sessions
        .begin(&mut world.names, account, grant, Some(lifetimes), world.now);
    // The real server rounds down, a moment after it took the time.
    let left = |seconds: u64| seconds.saturating_sub(1);
    Ok(json!({
        "token_type": "Bearer",
        "access_token": session.access,
        "refresh_token": session.refresh.as_ref().map(|(token, _)| token),
        "expires_in": left(lifetimes.0.as_secs()),
        "refresh_token_expires_in": left(lifetimes.1.as_secs()),
    }))
}

fn by_password(world: &World, ask: &Ask, form: &Form) -> Result<usize, Problem> {
    let (name, password) = (form.need("username")?, form.need("password")?);
    let account = world
        .account(name)
        .filter(|index| world.accounts[*index].password == password);
    let account = account.ok_or_else(|| refused("Invalid grant: user credentials are invalid", "invalid_grant"))?;
    match (&world.accounts[account].second_factor, ask.header("x-peertube-otp")) {
        (None, _) => Ok(account),
        (Some(code), Some(given)) if code == given => Ok(account),
        (Some(_), Some(_)) => Err(refused("Invalid two factor header", "invalid_two_factor")),
        (Some(_), None) => {
            let detail = "Missing two factor header";
            Err(Problem::new(StatusCode::UNAUTHORIZED, detail).code("missing_two_factor"))
        }
    }
}
