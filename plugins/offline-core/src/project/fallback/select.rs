//! Profiles.

use super::super::ProjectOptions;
use super::super::resolved::text_of;
use super::environment::Environment;
use super::interpolate::Lookup as _;
use super::{Map, Tree};

/// The active profiles: those asked for, else those of `COMPOSE_PROFILES`.
pub(super) fn profiles(options: &ProjectOptions, environment: &Environment) -> Vec<String> {
    if options.all_profiles {
        return vec!["*".into()];
    }
    if !options.profiles.is_empty() {
        return options.profiles.clone();
    }
    let value = environment.get("COMPOSE_PROFILES").unwrap_or_default();
    value.split(',').map(|p| p.trim().to_owned()).collect()
}

/// The model with the services that the profiles enable.
pub(super) fn select(model: &Map, active: &[String]) -> Map {
    let enabled = |service: &Tree| {
        let own: Vec<String> = match service.get("profiles") {
            Some(Tree::Array(list)) => list.iter().filter_map(text_of).collect(),
            _ => Vec::new(),
        };
        own.is_empty() || active.iter().any(|a| a == "*" || own.contains(a))
    };
    let mut model = model.clone();
    if let Some(Tree::Object(services)) = model.get_mut("services") {
        services.retain(|_, service| enabled(service));
    }
    model
}
