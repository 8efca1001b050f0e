//! The few HTML pages a client can stumble into.

use url::Url;

use super::world::{Account, Status};

/// The body of a redirection.
pub(super) fn redirection(location: &str) -> String {
    let location = escaped(location);
    format!(
        "<!DOCTYPE html>\n<html>\n    <head>\n        <meta charset=\"UTF-8\" />\n        \
         <meta http-equiv=\"refresh\" content=\"0;url='{location}'\" />\n\n        \
         <title>Redirecting to {location}</title>\n    </head>\n    <body>\n        \
         Redirecting to <a href=\"{location}\">{location}</a>.\n    </body>\n</html>"
    )
}

/// The page of an error.
pub(super) fn error(status: u16) -> String {
    let what = match status {
        403 => "You do not have permission to view this page",
        404 => "Sorry, this page isn't available",
        413 => "Content Too Large",
        429 => "Too Many Requests",
        503 => "Service Unavailable",
        _ => "Something went wrong",
    };
    page("Pixelfed", &format!("<div class=\"container\"><p>{what}</p></div>"))
}

/// An account's page; it tells the account's id (contract §7).
pub(super) fn profile(base: &Url, account: &Account) -> String {
    let name = escaped(&account.name);
    let feed = super::address(base, &format!("/users/{}.atom", account.name));
    let body = format!(
        "<link href=\"{feed}\" rel=\"alternate\" title=\"{name} on Pixelfed\" type=\"application/atom+xml\">\n\
         <profile profile-id=\"{}\" :profile-settings=\"{{}}\" profile-layout=\"metro\"></profile>",
        account.id
    );
    page(&name, &body)
}

/// A post's page.
pub(super) fn status(account: &Account, status: &Status) -> String {
    let name = escaped(&account.name);
    let body = format!(
        "<post-component status-template=\"photo\" status-id=\"{}\" status-username=\"{name}\" \
         status-profile-url=\"/{name}\"></post-component>",
        status.id
    );
    page(&name, &body)
}

/// Where somebody agrees that an application may use an account.
pub(super) fn consent(client: &str, scopes: &[String]) -> String {
    let body = format!(
        "<form method=\"post\" action=\"/oauth/authorize\"><p>{} asks for: {}</p>\
         <button type=\"submit\">Authorize</button></form>",
        escaped(client),
        escaped(&scopes.join(", "))
    );
    page("Authorize", &body)
}

fn page(title: &str, body: &str) -> String {
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n\t<meta charset=\"utf-8\">\n\t<title>{title}</title>\n\
         </head>\n<body>\n{body}\n</body>\n</html>\n"
    )
}

/// Text inside HTML or XML.
pub(super) fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#039;"),
            c => safe.push(c),
        }
    }
    safe
}
