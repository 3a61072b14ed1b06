use super::major_minor;

/// The first buildx that says what a build does at the moment (`--progress rawjson`):
/// without that, the network is neither recorded nor replayed.
pub(crate) const BUILDX_WATCHES_SINCE: (u32, u32) = (0, 13);

/// The first generation of engines that comes with such a buildx.
pub(crate) const ENGINE_WATCHES_SINCE: u32 = 26;

/// Whether builds can be watched with this buildx; a version that is not known or
/// cannot be read is not taken for an old one.
pub(crate) fn can_watch_builds(buildx: Option<&str>) -> bool {
    buildx
        .and_then(major_minor)
        .is_none_or(|version| version >= BUILDX_WATCHES_SINCE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buildx_by_its_version() {
        for (version, expected) in [
            ("v0.12.1", true),
            ("0.13.1+ds1", false),
            ("v0.29.1-docker", false),
            ("v1.0", false),
            ("dev", false),
        ] {
            assert_eq!(!can_watch_builds(Some(version)), expected, "{version}");
        }
        assert!(can_watch_builds(None));
    }
}
