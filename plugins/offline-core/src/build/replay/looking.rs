//! What replayed steps have left in an image although their text does not say so.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::time::{Duration, UNIX_EPOCH};

use super::Replayer;
use super::cleaning::Cleaned;
use crate::error::Failure;
use crate::event::Event;
use crate::network::in_step::{LOOK, MARKS_VARIABLE, Said};
use crate::stages::Dockerfiles;

/// Where our program is in the container that looks through an image.
const PROGRAM: &str = "/.docker-offline-look";

impl Replayer<'_> {
    /// Looks through the images of services that were replayed, and gives those that have
    /// to be built once more: from then on all of their steps are cleaned up after. What is
    /// found again then cannot be taken out, and is told at the end.
    pub(in crate::build) fn looks_through(
        &self,
        dockerfiles: &Dockerfiles,
        services: &BTreeSet<String>,
    ) -> Result<BTreeSet<String>, Failure> {
        let mut again = BTreeSet::new();
        for service in services.iter().filter(|s| self.replayed(s) > 0) {
            let found = self.found_in(service);
            if found.is_empty() {
                continue;
            }
            if self.state().every_step.insert(service.clone()) {
                self.reporter.event(Event::Note(format!(
                    "Steps of {service} have written what only a replay has in its environment into {}; they are replayed once more, and it is taken out.",
                    found.join(", ")
                )));
                self.rewrite_at(dockerfiles, service, std::iter::empty())?;
                again.insert(service.clone());
            } else {
                self.tells_left(service, found);
            }
        }
        Ok(again)
    }

    fn tells_left(&self, service: &str, files: Vec<String>) {
        let lines = self.first_lines();
        let line = lines.iter().find(|(of, _)| of == service);
        let line = line.map_or(1, |(_, line)| *line);
        for file in files {
            self.state().cleaned.insert(Cleaned {
                service: service.to_owned(),
                line,
                said: Said::Left(file),
            });
        }
    }

    /// The files of a service's image that were written by this build and hold such a
    /// thing, but for those that are known. Where no container can look, nothing is.
    fn found_in(&self, service: &str) -> Vec<String> {
        let image = self.closure.service(service).map(|s| s.image.clone());
        let marks = self.state().marks.get(service).cloned();
        let (Some(image), Some(marks), Ok(program)) = (image, marks, std::env::current_exe())
        else {
            return Vec::new();
        };
        let begun = self.begun.duration_since(UNIX_EPOCH).unwrap_or_default();
        let since = begun.saturating_sub(Duration::from_secs(1)).as_secs();
        let program = program.display().to_string().replace('"', "\"\"");
        let mount = format!("type=bind,\"src={program}\",dst={PROGRAM},readonly");
        let since = since.to_string();
        let words = [
            "run",
            "--rm",
            "--network",
            "none",
            "--pull",
            "never",
            "--user",
            "0",
            "--read-only",
            "--cap-drop",
            "ALL",
            "--cap-add",
            "DAC_READ_SEARCH",
            "--env",
            MARKS_VARIABLE,
            "--mount",
            &mount,
            "--entrypoint",
            PROGRAM,
            &image,
            LOOK,
            &since,
        ];
        let docker = self.docker.clone().with_env(MARKS_VARIABLE, marks);
        let Ok(said) = docker.output(words.map(OsString::from)) else {
            return Vec::new();
        };
        let text = String::from_utf8_lossy(&said.stdout).into_owned();
        let known = self.state().cleaned.clone();
        let is_known = |file: &str| {
            let left = Said::Left(file.to_owned());
            known
                .iter()
                .any(|one| one.service == service && one.said == left)
        };
        let files = text.lines().filter(|file| !is_known(file));
        files.map(str::to_owned).collect()
    }
}
