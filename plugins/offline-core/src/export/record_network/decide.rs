use std::net::IpAddr;

use super::super::ExportOptions;
use crate::closure::Closure;
use crate::compatibility::major_minor;
use crate::engine::{Docker, EngineInfo, NoProxyPlace};

/// The first buildx that says at once when a step starts.
const BUILDX_SINCE: (u32, u32) = (0, 13);

/// Whether what the builds fetch is recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RecordingPlan {
    /// It was not asked for, or there is nothing to record.
    Off,
    /// No proxy can serve this engine: the export goes on without a recording.
    Impossible(NoProxyPlace),
    /// By a proxy that listens here.
    Through(IpAddr),
}

impl RecordingPlan {
    /// Asks the engine where a proxy would listen, if one may be needed.
    pub(in crate::export) fn decide(
        docker: &Docker,
        engine: &EngineInfo,
        options: &ExportOptions,
        closure: &Closure,
    ) -> Self {
        let builds = closure.services.iter().any(|s| s.build.is_some());
        if !(builds && options.record_network && options.builder.buildkit()) {
            return Self::Off;
        }
        if let Some(version) = engine.buildx.as_deref().filter(|v| is_old(v)) {
            let (major, minor) = BUILDX_SINCE;
            return Self::Impossible(NoProxyPlace {
                why: format!("buildx {version} does not say when a step runs"),
                remedy: format!("install buildx {major}.{minor} or later"),
            });
        }
        match docker.proxy_place(engine) {
            Ok(address) => Self::Through(address),
            Err(place) => Self::Impossible(place),
        }
    }

    /// Whether the bundle will hold what network steps fetch.
    pub(in crate::export) fn records(&self) -> bool {
        matches!(self, Self::Through(_))
    }
}

/// Whether this buildx is too old for raw progress; one that cannot be read is not.
fn is_old(version: &str) -> bool {
    major_minor(version).is_some_and(|version| version < BUILDX_SINCE)
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
            assert_eq!(is_old(version), expected, "{version}");
        }
    }
}
