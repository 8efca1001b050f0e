//! A creator's own layout of a status, in the language of minijinja; checked when the configuration is read.
//!
//! A template reads no file and calls nothing: its only input is [`Vars`], its work and its output are bounded.

use std::error::Error;
use std::fmt;

use minijinja::syntax::SyntaxConfig;
use minijinja::{Environment, UndefinedBehavior, filters};
use tombolo_model::{LengthUnit, LinkCost, TextRules};

use super::compose::{Fitted, StatusText, TooSmall, compose, fitted_warning};
use super::filters::{self as own, is_sign};
use super::hashtags::hashtags;
use super::length::length;
use super::mentions::neutralise_mentions;
use super::page::{Laid, Page, Seg, has_address};
use super::plain::clean_line;
use super::thread::{compose_thread, divide};
use super::vars::{self, Vars};
use super::words::contains_word;

/// The default layout: what [`compose`] and [`compose_thread`] do by themselves.
pub const DEFAULT_TEMPLATE: &str = "\
{% if part == 1 %}
{{ title }}

{% endif %}
{{ body | fit }}

{% if part == 1 %}
{{ link }}

{{ tags | hashtags }}

{% endif %}
{% if parts > 1 %}
({{ part }}/{{ parts }})
{% endif %}
";

/// Longest template, in bytes.
const MAX_SOURCE: usize = 16 * 1024;
/// Most work of one rendering: about an instruction, or 64 bytes, each.
const FUEL: u64 = 200_000;
/// Longest output before it is fitted, in bytes.
const MAX_OUTPUT: usize = 1024 * 1024;
/// Most hashtags where the fallback needs a number.
const MAX_HASHTAGS: usize = 100;

/// A template that renders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    source: String,
    /// Whether it shows the title: then the body needn't begin with it.
    titled: bool,
}

/// Why a template can't be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemplateError {
    /// What is wrong, in a sentence.
    pub message: String,
    /// The line of the template, from 1, where it is known.
    pub line: Option<usize>,
}

impl fmt::Display for TemplateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{} (line {line} of the template)", self.message),
            None => f.write_str(&self.message),
        }
    }
}

impl Error for TemplateError {}

/// A status made by a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendered {
    /// The status.
    pub status: Fitted,
    /// Whether the link to the original stands in it: else it must be recognised by something else.
    pub has_link: bool,
    /// Why the default composition was taken instead of the template, if it was.
    pub fell_back: Option<String>,
}

impl Template {
    /// Reads a template and tries it out on sample values, so that mistakes are found when the configuration is read:
    /// unknown names in any case, unknown filters unless they stand where no sample leads.
    pub fn parse(source: &str) -> Result<Self, TemplateError> {
        let error = |message: &str| TemplateError {
            message: message.to_owned(),
            line: None,
        };
        if source.len() > MAX_SOURCE {
            return Err(error("the template is longer than 16 KiB"));
        }
        if let Some(line) = source.lines().position(|line| line.contains(is_sign)) {
            return Err(TemplateError {
                message: "the template has a character that isn't one (U+FDD0 to U+FDEF)".to_owned(),
                line: Some(line + 1),
            });
        }
        let env = environment();
        let compiled = env.template_from_str(source).map_err(|e| explained(&e))?;
        let names = compiled.undeclared_variables(false);
        let unknown = names.iter().filter(|name| !vars::NAMES.contains(&name.as_str())).min();
        if let Some(unknown) = unknown {
            let has = |line: &str| line.contains('{') && contains_word(line, unknown);
            let line = source.lines().position(has);
            return Err(TemplateError {
                message: format!("there is no variable `{unknown}`; there are {}", vars::NAMES.join(", ")),
                line: line.map(|i| i + 1),
            });
        }
        let template = Self {
            source: source.to_owned(),
            titled: names.contains("title"),
        };
        for (vars, part, parts) in vars::samples() {
            template.page(&vars, part, parts)?;
        }
        Ok(template)
    }

    /// Whether every status by it shows the link to the original, as far as samples tell.
    pub fn shows_link(&self) -> bool {
        let rules = TextRules {
            max: 1 << 20,
            unit: LengthUnit::CodePoints,
            link: LinkCost::Full,
            warning_counts: false,
            alt_max: 0,
            alt_min: 0,
            warning_max: None,
            escape_angle: false,
            alone: true,
        };
        let whole = vars::samples().filter(|(_, _, parts)| *parts == 1);
        whole
            .map(|(vars, _, _)| self.render(&vars, &rules))
            .all(|rendered| rendered.is_ok_and(|r| r.has_link && r.fell_back.is_none()))
    }

    /// One status, fitted to `rules`.
    ///
    /// What `fit` marks is cut first, then hashtags go from the end, then what `fit` marks goes. Where even that is too
    /// long, or the template fails on these values or leaves nothing, the post is written by [`compose`]. A hashtag that
    /// the text has anyway isn't repeated, nor the link, where it stands in a line of its own. Nobody is mentioned.
    pub fn render(&self, vars: &Vars, rules: &TextRules) -> Result<Rendered, TooSmall> {
        let link = written_link(vars);
        let (warning, warning_cut) = fitted_warning(vars.summary.as_deref(), &link, rules)?;
        let fits = |text: &str| length(text, warning.as_deref(), rules) <= rules.max && !text.is_empty();
        let laid = match self.page(vars, 1, 1) {
            Ok(page) => page
                .fitted(fits)
                .ok_or("the template leaves nothing that fits".to_owned()),
            Err(e) => Err(e.to_string()),
        };
        match laid {
            Ok(laid) => {
                let cut = laid.cut || warning_cut;
                let status = Fitted::new(&laid.text, warning.as_deref(), rules, cut, laid.dropped);
                Ok(rendered(status, &link, None))
            }
            Err(why) => Ok(rendered(compose(&fallback(vars), rules)?, &link, Some(why))),
        }
    }

    /// The same as several statuses, at most `max_parts`, if the marked text doesn't fit into one: each is laid out by the
    /// template, with its `part` of `parts`, and only what `fit` marks goes on. See [`compose_thread`].
    pub fn render_thread(&self, vars: &Vars, rules: &TextRules, max_parts: usize) -> Result<Vec<Rendered>, TooSmall> {
        let single = self.render(vars, rules)?;
        if !single.status.cut || max_parts < 2 {
            return Ok(vec![single]);
        }
        let link = written_link(vars);
        if single.fell_back.is_some() {
            let statuses = compose_thread(&fallback(vars), rules, max_parts, 1)?;
            let rendered = statuses
                .into_iter()
                .map(|status| rendered(status, &link, single.fell_back.clone()));
            return Ok(rendered.collect());
        }
        let (warning, warning_cut) = fitted_warning(vars.summary.as_deref(), &link, rules)?;
        let fits = |text: &str| length(text, warning.as_deref(), rules) <= rules.max && !text.is_empty();
        let Some(pages) = divide(|part, parts| self.page(vars, part, parts).ok(), fits, max_parts, 1) else {
            return Ok(vec![single]);
        };
        let status = |laid: &Laid| {
            let cut = laid.cut || warning_cut;
            Fitted::new(&laid.text, warning.as_deref(), rules, cut, laid.dropped)
        };
        Ok(pages.iter().map(|laid| rendered(status(laid), &link, None)).collect())
    }

    /// The template's output, still with the text that gives way.
    fn page(&self, vars: &Vars, part: usize, parts: usize) -> Result<Page, TemplateError> {
        let env = environment();
        let template = env.template_from_str(&self.source).map_err(|e| explained(&e))?;
        let values = vars::values(vars, self.titled, part, parts);
        let output = template.render(values).map_err(|e| explained(&e))?;
        if output.len() > MAX_OUTPUT {
            return Err(TemplateError {
                message: "the template writes more than 1 MiB".to_owned(),
                line: None,
            });
        }
        let page = own::page(&output);
        if page.segs.iter().filter(|seg| **seg == Seg::Fit).count() > 1 {
            return Err(TemplateError {
                message: "only one text of a template can give way: `fit` stands in it twice".to_owned(),
                line: None,
            });
        }
        Ok(page)
    }
}

fn written_link(vars: &Vars) -> String {
    neutralise_mentions(&clean_line(&vars.link))
}

fn rendered(status: Fitted, link: &str, fell_back: Option<String>) -> Rendered {
    Rendered {
        has_link: has_address(&status.text, link),
        status,
        fell_back,
    }
}

/// What [`compose`] makes the post of.
fn fallback(vars: &Vars) -> StatusText<'_> {
    StatusText {
        title: vars.title.clone(),
        body: vars.body.clone(),
        link: &vars.link,
        hashtags: hashtags(&vars.tags, "", MAX_HASHTAGS),
        warning: vars.summary.clone(),
    }
}

fn environment<'a>() -> Environment<'a> {
    let mut env = Environment::empty();
    env.set_undefined_behavior(UndefinedBehavior::Strict);
    env.set_fuel(Some(FUEL));
    env.set_recursion_limit(50);
    if let Ok(syntax) = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build() {
        env.set_syntax(syntax);
    }
    env.add_filter("upper", filters::upper);
    env.add_filter("lower", filters::lower);
    env.add_filter("capitalize", filters::capitalize);
    env.add_filter("trim", filters::trim);
    env.add_filter("replace", filters::replace);
    env.add_filter("default", filters::default);
    env.add_filter("join", filters::join);
    env.add_filter("first", filters::first);
    env.add_filter("last", filters::last);
    env.add_filter("length", filters::length);
    own::add(&mut env);
    env
}

/// An error of the template language in a sentence.
fn explained(error: &minijinja::Error) -> TemplateError {
    let kind = error.kind().to_string();
    let mut message = match error.detail() {
        Some(detail) => format!("{kind}: {detail}"),
        None => kind,
    };
    if error.kind() == minijinja::ErrorKind::UnknownFilter {
        message.push_str(&format!("; there are {}", own::NAMES));
    }
    TemplateError {
        message,
        line: error.line(),
    }
}
