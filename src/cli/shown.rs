//! A dry run's plan as people read it: the text as it would stand there, and what happens to each medium.

use serde_json::Value;

use crate::sync::Line;

/// One post for one destination.
pub(crate) fn plan(line: &Line) -> String {
    let title = line.title.as_deref().unwrap_or("(no title)");
    let page = line.link.as_deref().unwrap_or(&line.post);
    let mut text = format!("── {title} → {} ({})\n   {page}\n", line.to, line.route);
    let list = |value: &Value, key: &str| value[key].as_array().cloned().unwrap_or_default();
    let plan = line.plan.clone().unwrap_or_default();
    let parts = list(&plan, "parts");
    if parts.is_empty() {
        text.push_str(&format!(
            "   {}: {}\n",
            line.state,
            line.reason.as_deref().unwrap_or_default()
        ));
    }
    let all = parts.len();
    for (place, part) in parts.iter().enumerate() {
        if all > 1 {
            text.push_str(&format!("   part {} of {all}\n", place + 1));
        }
        text.push_str(&words(part));
        for media in list(part, "media") {
            text.push_str(&medium(&media));
        }
    }
    for note in list(&plan, "notes") {
        text.push_str(&format!("   note: {}\n", note.as_str().unwrap_or_default()));
    }
    text
}

fn words(part: &Value) -> String {
    let mut text = String::new();
    let word = |key: &str| part[key].as_str();
    if let Some(original) = word("boosts") {
        text.push_str(&format!(
            "   boost of {original}; where the instance doesn't know it:\n"
        ));
    }
    if let Some(parent) = word("answers") {
        text.push_str(&format!("   continues {parent}\n"));
    }
    if let Some(title) = word("title") {
        text.push_str(&format!("   title: {title}\n"));
    }
    for row in word("text").unwrap_or_default().lines() {
        text.push_str(&format!("   │ {row}\n"));
    }
    text.push_str(&format!(
        "   {} of {} characters, {}",
        part["length"],
        part["max"],
        word("visibility").unwrap_or_default()
    ));
    if let Some(language) = word("language") {
        text.push_str(&format!(", language {language}"));
    }
    if part["sensitive"] == true {
        text.push_str(", sensitive");
    }
    if let Some(warning) = word("content_warning") {
        text.push_str(&format!(", content warning: {warning}"));
    }
    if part["cut"] == true {
        text.push_str(", cut");
    }
    let words = |key: &str| {
        let list = part[key].as_array().into_iter().flatten().filter_map(Value::as_str);
        list.collect::<Vec<_>>().join(", ")
    };
    for (key, what) in [("tags", "tags"), ("captions", "subtitles")] {
        let list = words(key);
        if !list.is_empty() {
            text.push_str(&format!(", {what}: {list}"));
        }
    }
    if let Some(count @ 1..) = part["dropped_tags"].as_u64() {
        text.push_str(&format!(", tags left out: {count}"));
    }
    text.push('\n');
    text
}

fn medium(media: &Value) -> String {
    let mut text = String::new();
    let list = |key: &str| media[key].as_array().cloned().unwrap_or_default();
    let rungs = list("rungs");
    if let Some(first) = rungs.first().and_then(|rung| rung["rung"].as_str()) {
        let alt = match media["alt"].as_str() {
            None => "none",
            // A platform without a place for it has it in the text.
            Some("") => "stands in the text",
            Some(alt) => alt,
        };
        text.push_str(&format!("   media: {first}; alt text: {alt}\n"));
        if let Some(language) = media["alt_goes_on_with_subtitles"].as_str() {
            text.push_str(&format!(
                "   the words of its subtitles ({language}) follow the alt text, as far as there is room\n"
            ));
        }
    }
    let others: Vec<&str> = rungs.iter().skip(1).filter_map(|rung| rung["rung"].as_str()).collect();
    if !others.is_empty() {
        text.push_str(&format!("   else: {}\n", others.join("; else ")));
    }
    for why in list("passed_over") {
        text.push_str(&format!("   not taken: {}\n", why.as_str().unwrap_or_default()));
    }
    text
}
