//! Carries a plan out: builds, and says what to type from then on.

use std::ffi::OsString;

use super::adapt::notes;
use super::by_classic::ByClassic;
use super::compose_call::{compose_args, for_old_compose};
use super::failed::Failed;
use super::fetched::Copies;
use super::foresight::Foresight;
use super::next::{next_by_us, next_command, next_for_those_built};
use super::overrides::{Here, Overrides, overrides};
use super::plan::{Plan, Site, fetched_folder};
use super::replay::{Needs, Replayer};
use super::stay::{self, SetUp};
use super::tell_compose::SiteFile;
use super::version::versioned;
use super::warm::Builder;
use super::{BuildOptions, ComposeCall, Error, ServiceResult, Summary};
use crate::engine::Docker;
use crate::error::Failure;
use crate::event::Event;
use crate::project::Project;
use crate::reference::ImageReference;

/// What came of it besides the summary.
pub(super) struct Applied {
    /// The failure of the command where some services have no image of it.
    pub(super) refused: Option<Failure>,
    /// Compose, as it runs what was built.
    pub(super) compose: ComposeCall,
}

/// Builds what a plan says, and completes the summary.
pub(super) fn apply(
    site: &Site<'_>,
    plan: &Plan,
    summary: &mut Summary,
) -> Result<Applied, Failure> {
    for note in notes(&plan.written, &plan.project) {
        site.reporter.event(Event::Note(note));
    }
    let told = plan.told(site.asked);
    let laid = fetched_folder(&told.folder());
    let copies = Copies::write(&plan.closure, &plan.bundle.record, &laid)?;
    let here = Here {
        project: &plan.project,
        copies: &copies,
        store: site.engine.store,
    };
    let overrides = overrides(&plan.written, &here, &plan.closure, &plan.bundle.record);
    let stays = site.stayed || site.options.stay;
    let file = told.site(overrides.text()?.as_deref(), stays)?;
    let replayer = replayer(site, plan);
    let failed = Failed::default();
    let mut results = build(
        site,
        plan,
        &Means {
            compose: &compose_args(&plan.project, site.options, file.file.as_ref()),
            overrides: &overrides,
            failed: &failed,
            replayer: replayer.as_ref(),
        },
        summary,
    )?;
    if let Some(replayer) = &replayer {
        say_what_was_replayed(site, replayer, &failed, &mut results, summary);
    }
    let refused = refused(failed, plan, replayer.as_ref(), &mut results)?;
    finish(site.docker, &plan.project, site.options, &mut results)?;
    if site.options.stay {
        summary.stay = Some(stay_here(site, plan, replayer.as_ref(), &overrides)?);
    } else if let Some(replayer) = replayer.as_ref().filter(|_| !site.stayed) {
        summary.plain_compose_misses.extend(replayer.plain_misses());
    }
    let end = End {
        site,
        plan,
        results: &results,
        some_are_refused: refused.is_some(),
    };
    let file = if summary.plain_compose_misses.is_empty() {
        if summary.stay.is_none() {
            summary.from_copies = copies.services();
        }
        end.plain_compose(summary, &file);
        file
    } else {
        end.by_us(summary, overrides)?
    };
    let compose = ComposeCall::new(site, plan, file.file.as_ref());
    summary.override_file = file.told.map(|told| told.file);
    summary.services = results;
    Ok(Applied { refused, compose })
}

fn replayer<'a>(site: &Site<'a>, plan: &'a Plan) -> Option<Replayer<'a>> {
    Replayer::new(&Needs {
        docker: site.docker,
        engine: site.engine,
        project: &plan.project,
        closure: &plan.closure,
        record: &plan.bundle.record,
        layout: &plan.bundle.layout,
        reporter: site.reporter,
        wanted: site.options.wanted.as_deref(),
        inventories: &plan.inventories,
    })
}

/// What a build needs besides its plan.
struct Means<'a> {
    compose: &'a [OsString],
    overrides: &'a Overrides,
    failed: &'a Failed,
    replayer: Option<&'a Replayer<'a>>,
}

fn build(
    site: &Site<'_>,
    plan: &Plan,
    means: &Means<'_>,
    summary: &mut Summary,
) -> Result<Vec<ServiceResult>, Failure> {
    let builder = Builder {
        docker: site.docker,
        project: &plan.project,
        closure: &plan.closure,
        layout: &plan.bundle.layout,
        record: &plan.bundle.record,
        foresight: &plan.foresight,
        pins: &means.overrides.pins,
        compose: means.compose,
        force: site.options.force,
        failed: means.failed,
        reporter: site.reporter,
        replay: means.replayer,
        stay: site.options.stay,
        store: site.engine.store,
        engine_root: &site.engine.root,
        compose_version: site.engine.compose.as_deref(),
    };
    if plan.choice.classic {
        let built = ByClassic {
            builder,
            engine: site.engine,
            inventories: &plan.inventories,
            no_buildkit: plan.no_buildkit.clone(),
        }
        .build()?;
        summary.loaded += built.loaded.0;
        summary.loaded_bytes += built.loaded.1;
        summary.plain_compose_misses = built.misses;
        return Ok(built.results);
    }
    let built = builder.build();
    if let (Some(replayer), Some(file)) = (means.replayer, &site.options.wanted) {
        replayer.write_wanted(file, &plan.inventories)?;
    }
    let mut results = built?.results(&plan.closure);
    if let Some(replayer) = means.replayer {
        replayer.remember();
    }
    refuse(&mut results, site.options, &plan.foresight);
    Ok(results)
}

fn say_what_was_replayed(
    site: &Site<'_>,
    replayer: &Replayer<'_>,
    failed: &Failed,
    results: &mut [ServiceResult],
    summary: &mut Summary,
) {
    summary.network = replayer.summary();
    for result in results {
        result.replayed = replayer.replayed(&result.service);
    }
    for event in replayer.cleaned() {
        site.reporter.event(event);
    }
    for words in replayer.alike() {
        site.reporter.event(Event::Note(words));
    }
    // The failure names all that is missing.
    let warning = replayer.warning();
    if let Some(warning) = warning.filter(|_| !failed.lack_a_recording()) {
        site.reporter.event(Event::Warning(warning));
    }
}

/// The failure of the whole command; it ends here where nothing was built.
fn refused(
    failed: Failed,
    plan: &Plan,
    replayer: Option<&Replayer<'_>>,
    results: &mut Vec<ServiceResult>,
) -> Result<Option<Failure>, Failure> {
    let refused = refusals(results, plan.choice.classic);
    let merge = |failure| match replayer {
        Some(replayer) => replayer.with_all_misses(failure),
        None => failure,
    };
    let failure = failed.into_failure(results, &merge);
    let nothing = results.iter().all(|r| r.refused.is_some());
    match failure {
        Some(failure) if nothing => Err(failure),
        Some(failure) => Ok(Some(failure)),
        None => Ok(refused),
    }
}

fn stay_here(
    site: &Site<'_>,
    plan: &Plan,
    replayer: Option<&Replayer<'_>>,
    overrides: &Overrides,
) -> Result<stay::Staying, Failure> {
    let Some(replayer) = replayer.filter(|_| !plan.choice.classic) else {
        return Err(stay::Error::NothingRecorded.into());
    };
    stay::set_up(&SetUp {
        docker: site.docker,
        engine: site.engine,
        project: &plan.project,
        closure: &plan.closure,
        bundle: plan.bundle.layout.path(),
        told: &plan.told(site.asked),
        overrides,
        variables: &|service| replayer.variables(service),
        cleans_every_step: &|service| replayer.cleans_every_step(service),
    })
}

/// What is left to say once all is built: what to type next.
struct End<'a> {
    site: &'a Site<'a>,
    plan: &'a Plan,
    results: &'a [ServiceResult],
    some_are_refused: bool,
}

impl End<'_> {
    /// Plain Compose finds everything.
    fn plain_compose(&self, summary: &mut Summary, file: &SiteFile) {
        // The file of `--stay` holds what the other one would.
        let stays = summary.stay.as_ref().and_then(|s| s.env_line.as_deref());
        let told = file.told.as_ref().and_then(|t| t.line.as_deref());
        summary.next = next_command(self.site.asked, stays.or(told));
        if self.some_are_refused || !self.site.options.services.is_empty() {
            summary.next = next_for_those_built(&summary.next, &self.plan.closure, self.results);
        }
    }

    /// Plain Compose would run steps again, and is not to build.
    fn by_us(&self, summary: &mut Summary, mut overrides: Overrides) -> Result<SiteFile, Failure> {
        let Self { site, plan, .. } = self;
        let has_compose = site.engine.compose.is_some();
        overrides.without_builds(&plan.written, has_compose);
        let told = plan.told(site.asked);
        let file = told.site(overrides.text()?.as_deref(), site.stayed)?;
        let old = (!has_compose)
            .then(|| for_old_compose(&plan.project, site.options, file.file.as_ref()))
            .transpose()?;
        let line = file.told.as_ref().and_then(|t| t.line.as_deref());
        let classic = plan.choice.classic;
        summary.next = next_by_us(site.options, site.asked, line, old.as_deref(), classic);
        Ok(file)
    }
}

/// Says what was refused; it has no image of this build.
fn refuse(results: &mut [ServiceResult], options: &BuildOptions, foresight: &Foresight) {
    for result in results {
        if !options.force
            && let Some(reason) = foresight.refused.get(&result.service)
        {
            result.refused = Some(reason.clone());
            result.images.clear();
        }
    }
}

/// Sets the version's tag.
fn finish(
    docker: &Docker,
    project: &Project,
    options: &BuildOptions,
    results: &mut [ServiceResult],
) -> Result<(), Failure> {
    for result in results.iter_mut().filter(|r| r.refused.is_none()) {
        let service = project.service(&result.service);
        if let Some(build) = service.and_then(|s| s.build.as_ref()) {
            result.images.extend(build.tags.iter().cloned());
        }
        if let Some(version) = &options.version
            && let Some(image) = service.and_then(|s| s.image.as_ref())
        {
            let tagged = versioned(image, version)?;
            docker.tag(&image.familiar(), &tagged.familiar())?;
            result.images.push(tagged.to_string());
        }
        for image in &mut result.images {
            if let Ok(reference) = ImageReference::parse(image) {
                *image = reference.familiar();
            }
        }
    }
    Ok(())
}

pub(super) fn refusals(results: &[ServiceResult], classic: bool) -> Option<Failure> {
    let services: Vec<String> = results
        .iter()
        .filter_map(|r| Some(format!("{} ({})", r.service, r.refused.as_ref()?)))
        .collect();
    let all = services.len() == results.len();
    (!services.is_empty()).then(|| {
        Error::Refused {
            services,
            all,
            classic,
        }
        .into()
    })
}
