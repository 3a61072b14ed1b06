use super::foresight::Foresight;
use super::{BuildOptions, Error};
use crate::bundle::{Record, ServiceRecord};
use crate::closure::Closure;
use crate::compatibility::classic_obstacles;
use crate::engine::{self, Docker, EngineInfo};
use crate::error::Failure;

/// Why this engine cannot be built on as Compose does, with `BuildKit`.
#[derive(Debug)]
pub(super) struct NoBuildKit {
    pub(super) failure: Failure,
    /// In a few words.
    pub(super) why: String,
}

/// Looks at what `docker compose build` needs.
pub(super) fn buildkit(
    docker: &Docker,
    engine: &EngineInfo,
) -> Result<Option<NoBuildKit>, Failure> {
    let no = |failure: Failure, why: String| Ok(Some(NoBuildKit { failure, why }));
    if engine.buildx.is_none() {
        let why = "this engine has no buildx".to_owned();
        return no(engine::Error::BuildxMissing.into(), why);
    }
    if engine.compose.is_none() {
        let why = "there is no Compose plugin here".to_owned();
        return no(engine::Error::ComposeMissing.into(), why);
    }
    let (name, driver) = docker.active_builder()?;
    if driver != "docker" {
        let why = format!("the active builder {name} ({driver}) does not see the engine's images");
        return no(Error::Driver { name, driver }.into(), why);
    }
    Ok(None)
}

/// Which builder builds, and why.
#[derive(Debug)]
pub(super) struct Choice {
    pub(super) classic: bool,
    /// One line for the user; nothing where they asked for it themselves.
    pub(super) words: String,
}

/// Chooses by what is asked for, what the engine has and what the bundle holds.
pub(super) fn choose(
    options: &BuildOptions,
    missing: Option<NoBuildKit>,
    record: &Record,
    closure: &Closure,
    foresight: &Foresight,
    engine: &EngineInfo,
) -> Result<Choice, Failure> {
    let holds = |s: &ServiceRecord| s.classic.is_some() || !s.stages.is_empty();
    let carried = record.services.iter().any(holds);
    if options.classic {
        if !carried && closure.services.iter().any(|s| s.build.is_some()) {
            return Err(Error::NoClassicStages {
                builder: record.engine.version.clone(),
            }
            .into());
        }
        return Ok(Choice {
            classic: true,
            words: "Building with the classic builder, as asked for.".into(),
        });
    }
    if let Some(missing) = missing {
        // A project that only runs images needs no builder, but Compose all the same.
        if !carried {
            return Err(missing.failure);
        }
        return Ok(Choice {
            classic: true,
            words: format!("Building with the classic builder: {}.", missing.why),
        });
    }
    if carried && record.services.iter().all(|s| s.stages.is_empty()) {
        return Ok(Choice {
            classic: true,
            words: "Building with the classic builder: the bundle holds no cache of BuildKit."
                .into(),
        });
    }
    let lost = foresight.refused.iter().find(|(name, _)| {
        let build = closure.service(name).and_then(|s| s.build.as_ref());
        let known = record.services.iter().find(|s| s.name == **name);
        let has = known.is_some_and(|known| match &known.classic {
            Some(classic) => !classic.stages.is_empty(),
            None => !known.stages.is_empty(),
        });
        has && build.is_some_and(|b| classic_obstacles(b, &engine.platform).is_empty())
    });
    if let (Some((name, reason)), false) = (lost, options.force) {
        return Ok(Choice {
            classic: true,
            words: format!(
                "Building with the classic builder: BuildKit would miss its cache here ({name}: {reason})."
            ),
        });
    }
    Ok(Choice {
        classic: false,
        words: format!(
            "Building with BuildKit: Engine {} can use the cache that Engine {} made.",
            engine.version, record.engine.version
        ),
    })
}
