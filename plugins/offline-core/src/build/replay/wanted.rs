use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use base64::Engine as _;

use super::Replayer;
use crate::build::Replayed;
use crate::build::classic::PlainMiss;
use crate::bundle::{
    Change, Difference, EntryKind, Inventory, OmittedFile, WANTED_FILE_LIMIT, WANTED_FORMAT,
    WANTED_LIMIT, Wanted, WantedBundle, WantedDockerfile, WantedFile, WantedRequest, WantedService,
};
use crate::closure::BuildClosure;
use crate::error::Failure;
use crate::event::Event;
use crate::project::{BuildContext, DockerfileSource};

impl Replayer<'_> {
    /// Writes down what was asked for and is not recorded, with what the connected
    /// side needs to ask for it; nothing where nothing was missing.
    pub(in crate::build) fn write_wanted(
        &self,
        path: &Path,
        inventories: &BTreeMap<String, Arc<Inventory>>,
    ) -> Result<(), Failure> {
        let requests = self.requests();
        if requests.is_empty() {
            let note = format!(
                "Everything that was asked for is recorded: {} was not written.",
                path.display()
            );
            self.reporter.event(Event::Note(note));
            return Ok(());
        }
        let mut names: BTreeSet<&str> = requests.iter().map(|r| r.service.as_str()).collect();
        names.extend(self.built_upon(&names));
        let mut left = WANTED_LIMIT;
        let mut services = Vec::new();
        for name in names {
            let build = self.closure.service(name).and_then(|s| s.build.as_ref());
            if let Some(build) = build {
                services.push(self.wanted_service(
                    name,
                    build,
                    inventories.get(name),
                    &mut left,
                )?);
            }
        }
        let wanted = Wanted {
            format: WANTED_FORMAT,
            tool_version: env!("CARGO_PKG_VERSION").to_owned(),
            created: jiff::Timestamp::now()
                .strftime("%Y-%m-%dT%H:%M:%SZ")
                .to_string(),
            project: self.project.name.clone(),
            platform: self.engine.platform.clone(),
            bundle: WantedBundle {
                created: self.record.created.clone(),
                tool_version: self.record.tool_version.clone(),
            },
            requests,
            services,
        };
        wanted.write(path)?;
        let files: usize = wanted.services.iter().map(|s| s.files.len()).sum();
        self.reporter.event(Event::Note(format!(
            "Wrote {}: {} that the recording lacks, and {files} changed files of their build contexts with what they hold: look at it before it leaves the site.",
            path.display(),
            if wanted.requests.len() == 1 {
                "one request".to_owned()
            } else {
                format!("{} requests", wanted.requests.len())
            }
        )));
        Ok(())
    }

    fn requests(&self) -> Vec<WantedRequest> {
        let accepted: Vec<_> = self.missed().into_iter().map(|miss| miss.accept).collect();
        let asked = self.asked().into_iter().zip(accepted);
        asked
            .map(|(asked, accept)| {
                let at = asked.at.as_deref().and_then(|at| at.rsplit_once(':'));
                WantedRequest {
                    service: asked.service,
                    file: at.map(|(file, _)| {
                        let inside = self.below_project(Path::new(file));
                        inside.unwrap_or_else(|| file.to_owned())
                    }),
                    line: at.and_then(|(_, line)| line.parse().ok()),
                    step: asked.step,
                    method: asked.method,
                    url: asked.url,
                    accept,
                    why: asked.why,
                }
            })
            .collect()
    }

    /// The services whose images or contexts these are built upon.
    fn built_upon(&self, names: &BTreeSet<&str>) -> BTreeSet<&str> {
        let mut found: BTreeSet<&str> = BTreeSet::new();
        let mut waiting: Vec<&str> = names.iter().copied().collect();
        while let Some(name) = waiting.pop() {
            let build = self.closure.service(name).and_then(|s| s.build.as_ref());
            let stages = build.iter().flat_map(|b| &b.stages);
            for other in stages.flat_map(|s| &s.sibling_services) {
                if found.insert(other) {
                    waiting.push(other);
                }
            }
        }
        found
    }

    fn wanted_service(
        &self,
        name: &str,
        build: &BuildClosure,
        now: Option<&Arc<Inventory>>,
        left: &mut u64,
    ) -> Result<WantedService, Failure> {
        let mut service = WantedService {
            name: name.to_owned(),
            dockerfile: self.dockerfile(build)?,
            ..WantedService::default()
        };
        let (BuildContext::Directory(context), Some(now)) = (&build.context, now) else {
            return Ok(service);
        };
        service.context = self.below_project(context);
        let carried = self.record.services.iter().find(|s| s.name == name);
        let then = match carried.and_then(|c| c.inventory.as_ref()) {
            Some(digest) => Inventory::load(self.layout, digest)?,
            None => Inventory::default(),
        };
        for difference in then.compare(now) {
            add(&mut service, &difference, now, context, left);
        }
        Ok(service)
    }

    fn dockerfile(&self, build: &BuildClosure) -> Result<WantedDockerfile, Failure> {
        Ok(match &build.dockerfile {
            DockerfileSource::File(path) => WantedDockerfile {
                path: self.below_project(path),
                text: std::fs::read_to_string(path).map_err(|source| super::Error::Write {
                    path: path.clone(),
                    source,
                })?,
            },
            DockerfileSource::Inline(text) => WantedDockerfile {
                path: None,
                text: text.clone(),
            },
        })
    }

    /// The path relative to the project, if it lies in it.
    fn below_project(&self, path: &Path) -> Option<String> {
        let below = path.strip_prefix(&self.project.directory).ok()?;
        let text = below.to_str()?;
        Some(if text.is_empty() { "." } else { text }.to_owned())
    }

    /// What the proxies did; `None` where none was started.
    pub(in crate::build) fn summary(&self) -> Option<Replayed> {
        let (requests, bytes) = self.answered()?;
        Some(Replayed {
            requests,
            bytes,
            not_recorded: self.asked(),
        })
    }

    /// The rewritten steps, which plain Compose would run once more.
    pub(in crate::build) fn plain_misses(&self) -> Vec<PlainMiss> {
        let lines = self.first_lines();
        let miss = |(service, line): (String, u32)| {
            let build = self.closure.service(&service)?.build.as_ref()?;
            Some(PlainMiss {
                at: build.location(line).to_string(),
                why: "it needs the network, which docker offline build replayed".into(),
                service,
            })
        };
        lines.into_iter().filter_map(miss).collect()
    }
}

fn add(
    service: &mut WantedService,
    difference: &Difference,
    now: &Inventory,
    context: &Path,
    left: &mut u64,
) {
    let mut file = WantedFile {
        path: difference.path.clone(),
        kind: None,
        mode: 0,
        size: None,
        sha256: None,
        text: None,
        base64: None,
        link: None,
    };
    let entry = match (difference.what, now.entries.get(&difference.path)) {
        (Change::Vanished, _) | (_, None) => {
            service.files.push(file);
            return;
        }
        (_, Some(entry)) => entry,
    };
    file.kind = Some(entry.kind);
    file.mode = entry.mode;
    file.size = entry.size;
    file.sha256 = entry.sha256;
    file.link.clone_from(&entry.link);
    if entry.kind != EntryKind::File {
        service.files.push(file);
        return;
    }
    let size = entry.size.unwrap_or_default();
    let too_much = if size > WANTED_FILE_LIMIT {
        Some("larger than 1 MiB")
    } else if size > *left {
        Some("all files together are larger than 16 MiB")
    } else {
        None
    };
    let read = || std::fs::read(context.join(&difference.path)).ok();
    let (why, bytes) = match too_much {
        Some(why) => (why, None),
        None => ("it cannot be read", read()),
    };
    let Some(bytes) = bytes else {
        service.omitted.push(OmittedFile {
            path: file.path,
            size,
            sha256: file.sha256,
            why: why.to_owned(),
        });
        return;
    };
    *left = left.saturating_sub(size);
    match String::from_utf8(bytes) {
        Ok(text) => file.text = Some(text),
        Err(other) => {
            let engine = base64::engine::general_purpose::STANDARD;
            file.base64 = Some(engine.encode(other.as_bytes()));
        }
    }
    service.files.push(file);
}
