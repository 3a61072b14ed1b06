/// Name, version and platform, as every binary prints them.
pub fn version_text(name: &str) -> String {
    format!(
        "{name} version v{}, {}/{}",
        env!("CARGO_PKG_VERSION"),
        std::env::consts::OS,
        architecture(std::env::consts::ARCH),
    )
}

/// Docker's name for a processor.
fn architecture(rust: &str) -> &str {
    match rust {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        "x86" => "386",
        "powerpc64" => "ppc64le",
        "loongarch64" => "loong64",
        other => other,
    }
}
