//! Documents are held against the schemas that are published for them.

use std::collections::BTreeSet;

use serde_json::Value;

/// Whether a value follows a schema, as much of JSON Schema as ours use.
pub(crate) fn conforms(value: &Value, schema: &Value, root: &Value) -> Result<(), String> {
    let fail = |why: &str| Err(format!("{value} {why} {schema}"));
    if let Some(to) = schema["$ref"].as_str() {
        let target = root.pointer(to.trim_start_matches('#'));
        return conforms(value, target.ok_or("no such $ref")?, root);
    }
    if let Some(options) = schema["oneOf"].as_array() {
        let fits = options.iter().filter(|o| conforms(value, o, root).is_ok());
        return if fits.count() == 1 {
            Ok(())
        } else {
            fail("fits not one of")
        };
    }
    if schema["const"] != Value::Null && schema["const"] != *value {
        return fail("is not the const of");
    }
    if schema["enum"]
        .as_array()
        .is_some_and(|e| !e.contains(value))
    {
        return fail("is not in the enum of");
    }
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let allowed: Vec<&str> = match &schema["type"] {
        Value::String(one) => vec![one],
        Value::Array(all) => all.iter().filter_map(Value::as_str).collect(),
        _ => vec![kind],
    };
    if !allowed.contains(&kind) {
        return fail("has not the type of");
    }
    for item in value.as_array().into_iter().flatten() {
        conforms(item, &schema["items"], root)?;
    }
    let Some(object) = value.as_object() else {
        return Ok(());
    };
    let names: BTreeSet<&str> = object.keys().map(String::as_str).collect();
    let known = schema["properties"].as_object().ok_or("no properties")?;
    let required = schema["required"].as_array().ok_or("nothing required")?;
    if !required
        .iter()
        .filter_map(Value::as_str)
        .all(|r| names.contains(r))
    {
        return fail("lacks what is required by");
    }
    for (name, inner) in object {
        match known.get(name) {
            Some(schema) => conforms(inner, schema, root)?,
            None => return fail("has what is not known to"),
        }
    }
    Ok(())
}
