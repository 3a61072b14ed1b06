//! What `docker compose config --format json` prints, as far as it is used.
//!
//! Unknown keys are ignored, and scalars are taken whatever their type: on 128
//! real projects stricter readers rejected more than a quarter.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};
use serde_json::Value;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ResolvedProject {
    #[serde(deserialize_with = "scalar_or_empty")]
    pub(super) name: String,
    #[serde(deserialize_with = "null_is_default")]
    pub(super) services: BTreeMap<String, ResolvedService>,
    #[serde(deserialize_with = "null_is_default")]
    pub(super) secrets: BTreeMap<String, ResolvedSecret>,
    #[serde(deserialize_with = "null_is_default")]
    pub(super) models: BTreeMap<String, Value>,
    #[serde(deserialize_with = "null_is_default")]
    pub(super) volumes: BTreeMap<String, Value>,
    #[serde(rename = "x-offline")]
    pub(super) offline: Value,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ResolvedService {
    #[serde(deserialize_with = "scalar")]
    pub(super) image: Option<String>,
    pub(super) build: Option<ResolvedBuild>,
    #[serde(deserialize_with = "scalar")]
    pub(super) pull_policy: Option<String>,
    #[serde(deserialize_with = "scalar")]
    pub(super) platform: Option<String>,
    #[serde(deserialize_with = "names")]
    pub(super) depends_on: Vec<String>,
    #[serde(deserialize_with = "names")]
    pub(super) profiles: Vec<String>,
    pub(super) provider: Option<Value>,
    #[serde(deserialize_with = "null_is_default")]
    pub(super) volumes: Vec<Value>,
    #[serde(deserialize_with = "null_is_default")]
    pub(super) ports: Vec<Value>,
    #[serde(deserialize_with = "null_is_default")]
    pub(super) devices: Vec<Value>,
    #[serde(deserialize_with = "scalar")]
    pub(super) container_name: Option<String>,
    #[serde(deserialize_with = "scalar")]
    pub(super) runtime: Option<String>,
    pub(super) gpus: Value,
    pub(super) deploy: Value,
    pub(super) command: Value,
    pub(super) entrypoint: Value,
    #[serde(deserialize_with = "null_is_default")]
    pub(super) post_start: Vec<Value>,
    #[serde(deserialize_with = "scalar")]
    pub(super) working_dir: Option<String>,
    #[serde(deserialize_with = "pairs")]
    pub(super) environment: BTreeMap<String, Option<String>>,
    #[serde(deserialize_with = "names")]
    pub(super) models: Vec<String>,
    #[serde(rename = "x-offline")]
    pub(super) offline: Value,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ResolvedBuild {
    #[serde(deserialize_with = "scalar")]
    pub(super) context: Option<String>,
    #[serde(deserialize_with = "scalar")]
    pub(super) dockerfile: Option<String>,
    #[serde(deserialize_with = "scalar")]
    pub(super) dockerfile_inline: Option<String>,
    #[serde(deserialize_with = "pairs")]
    pub(super) args: BTreeMap<String, Option<String>>,
    #[serde(deserialize_with = "scalar")]
    pub(super) target: Option<String>,
    #[serde(deserialize_with = "pairs")]
    pub(super) additional_contexts: BTreeMap<String, Option<String>>,
    #[serde(deserialize_with = "scalar")]
    pub(super) network: Option<String>,
    #[serde(deserialize_with = "null_is_default")]
    pub(super) secrets: Vec<Value>,
    #[serde(deserialize_with = "names")]
    pub(super) ssh: Vec<String>,
    #[serde(deserialize_with = "names")]
    pub(super) platforms: Vec<String>,
    pub(super) extra_hosts: Value,
    #[serde(deserialize_with = "scalar")]
    pub(super) shm_size: Option<String>,
    #[serde(deserialize_with = "null_is_default")]
    pub(super) ulimits: BTreeMap<String, Value>,
    #[serde(deserialize_with = "pairs")]
    pub(super) labels: BTreeMap<String, Option<String>>,
    #[serde(deserialize_with = "names")]
    pub(super) tags: Vec<String>,
    #[serde(deserialize_with = "names")]
    pub(super) entitlements: Vec<String>,
    #[serde(deserialize_with = "null_is_default")]
    pub(super) privileged: bool,
    #[serde(deserialize_with = "names")]
    pub(super) cache_from: Vec<String>,
    #[serde(deserialize_with = "names")]
    pub(super) cache_to: Vec<String>,
    #[serde(deserialize_with = "null_is_default")]
    pub(super) no_cache: bool,
    #[serde(deserialize_with = "names")]
    pub(super) no_cache_filter: Vec<String>,
    #[serde(deserialize_with = "null_is_default")]
    pub(super) pull: bool,
    #[serde(deserialize_with = "scalar")]
    pub(super) isolation: Option<String>,
    #[serde(deserialize_with = "scalar")]
    pub(super) provenance: Option<String>,
    #[serde(deserialize_with = "scalar")]
    pub(super) sbom: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ResolvedSecret {
    #[serde(deserialize_with = "scalar")]
    pub(super) file: Option<String>,
    #[serde(deserialize_with = "scalar")]
    pub(super) environment: Option<String>,
}

/// A string, number or bool as text; anything else is nothing.
pub(super) fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

fn scalar<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(text_of(&Value::deserialize(deserializer)?))
}

fn scalar_or_empty<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Ok(scalar(deserializer)?.unwrap_or_default())
}

/// A list of scalars, one scalar, or the keys of a map.
fn names<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    Ok(match Value::deserialize(deserializer)? {
        Value::Array(list) => list.iter().filter_map(text_of).collect(),
        Value::Object(map) => map.into_iter().map(|(key, _)| key).collect(),
        other => text_of(&other).into_iter().collect(),
    })
}

/// A map, or a list of `key=value`.
fn pairs<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<String, Option<String>>, D::Error> {
    Ok(match Value::deserialize(deserializer)? {
        Value::Object(map) => map.into_iter().map(|(k, v)| (k, text_of(&v))).collect(),
        Value::Array(list) => list
            .iter()
            .filter_map(text_of)
            .map(|entry| match entry.split_once('=') {
                Some((key, value)) => (key.to_owned(), Some(value.to_owned())),
                None => (entry, None),
            })
            .collect(),
        _ => BTreeMap::new(),
    })
}

fn null_is_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Option::<T>::deserialize(deserializer)?.unwrap_or_default())
}
