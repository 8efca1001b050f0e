//! Reading JSON as it occurs in the wild: a value, an array of values, an object with an id, null, a number as text.
//!
//! Contract activitypub §4.1. These functions never fail: what can't be read is absent.

use serde_json::Value;

/// The elements of an array; one element for anything else; none for null.
pub fn as_array(value: &Value) -> &[Value] {
    match value {
        Value::Null => &[],
        Value::Array(items) => items,
        other => std::slice::from_ref(other),
    }
}

/// The id of something that is an id, or an object with an `id` or `href`.
pub fn id_of(value: &Value) -> Option<&str> {
    match value {
        Value::String(id) => Some(id),
        Value::Object(object) => object
            .get("id")
            .and_then(Value::as_str)
            .or_else(|| object.get("href")?.as_str()),
        _ => None,
    }
}

/// Text; numbers count as text.
pub fn string_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// A truth value; `"true"` and `"false"` count.
pub fn bool_of(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(truth) => Some(*truth),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

/// A finite number; numbers written as text count.
pub fn number_of(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok().filter(|n: &f64| n.is_finite()),
        _ => None,
    }
}

/// A whole number from 0 on.
pub fn unsigned_of(value: &Value) -> Option<u64> {
    match value {
        Value::Number(number) => number.as_u64().or_else(|| whole(number.as_f64()?)),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // checked: whole, not negative, below 2^53
fn whole(number: f64) -> Option<u64> {
    ((0.0..9_007_199_254_740_992.0).contains(&number) && number.fract() == 0.0).then_some(number as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn one_value_counts_as_a_list_of_one() {
        assert_eq!(as_array(&json!(null)).len(), 0);
        assert_eq!(as_array(&json!("a")), [json!("a")]);
        assert_eq!(as_array(&json!(["a", "b"])).len(), 2);
    }

    #[test]
    fn an_object_is_known_by_its_id_or_href() {
        assert_eq!(id_of(&json!({"id": "x"})), Some("x"));
        assert_eq!(id_of(&json!({"href": "y"})), Some("y"));
        assert_eq!(id_of(&json!({"id": null})), None);
        assert_eq!(id_of(&json!(3)), None);
    }

    #[test]
    fn numbers_may_be_text_and_never_overflow() {
        assert_eq!(unsigned_of(&json!("12")), Some(12));
        assert_eq!(unsigned_of(&json!(12.0)), Some(12));
        assert_eq!(unsigned_of(&json!(-1)), None);
        assert_eq!(unsigned_of(&json!(1e300)), None);
        assert_eq!(number_of(&json!("NaN")), None);
    }
}
