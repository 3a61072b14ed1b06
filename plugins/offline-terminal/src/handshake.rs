use serde_json::json;

/// The argument with which Docker's CLI asks a plugin who it is
/// (docker/cli, `cli-plugins/metadata`).
pub(crate) const METADATA: &str = "docker-cli-plugin-metadata";

/// The argument with which Docker's CLI would run a plugin's hooks; this plugin
/// declares none, so Docker does not call it, and nothing is done if it does.
pub(crate) const HOOKS: &str = "docker-cli-plugin-hooks";

/// What the plugin says of itself, as docker/cli's `metadata.Metadata`.
pub fn metadata(short_description: &str) -> String {
    let metadata = json!({
        "SchemaVersion": "0.1.0",
        "Vendor": "docker-offline",
        "Version": format!("v{}", env!("CARGO_PKG_VERSION")),
        "ShortDescription": short_description,
        "URL": env!("CARGO_PKG_REPOSITORY"),
    });
    format!("{metadata:#}\n")
}

#[cfg(test)]
mod tests {
    #[test]
    fn docker_finds_the_fields_it_asks_for() {
        let value: serde_json::Value = serde_json::from_str(&super::metadata("x")).unwrap();
        assert_eq!(value["SchemaVersion"], "0.1.0");
        assert_eq!(value["Vendor"], "docker-offline");
        assert_eq!(value["ShortDescription"], "x");
    }
}
