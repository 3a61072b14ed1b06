use super::super::ExportOptions;
use crate::closure::Closure;
use crate::compatibility::{BUILDX_WATCHES_SINCE, can_watch_builds};
use crate::engine::{Docker, EngineInfo, NoProxyPlace, ProxyPlace};

/// Whether what the builds fetch is recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RecordingPlan {
    /// It was not asked for, or there is nothing to record.
    Off,
    /// No proxy can serve this engine: the export goes on without a recording.
    Impossible(NoProxyPlace),
    /// By a proxy in this place.
    Through(ProxyPlace),
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
        if !(builds && options.record_network) {
            return Self::Off;
        }
        if !can_watch_builds(engine.buildx.as_deref()) {
            let version = engine.buildx.as_deref().unwrap_or_default();
            let (major, minor) = BUILDX_WATCHES_SINCE;
            return Self::Impossible(NoProxyPlace {
                why: format!("buildx {version} does not say when a step runs"),
                remedy: format!("install buildx {major}.{minor} or later"),
            });
        }
        match docker.proxy_place(engine) {
            Ok(place) => Self::Through(place),
            Err(place) => Self::Impossible(place),
        }
    }

    /// Whether the bundle will hold what network steps fetch.
    pub(in crate::export) fn records(&self) -> bool {
        matches!(self, Self::Through(_))
    }
}
