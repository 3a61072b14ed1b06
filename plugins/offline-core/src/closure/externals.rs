//! Names that are no stage of the file: images, siblings, named contexts.

use super::inputs::remote_kind;
use super::stages::Walker;
use super::{Error, Role, StageBase, StageClosure, Unbundled};
use crate::project::NamedContext;
use crate::reference::ImageReference;

/// What a name outside the file turned out to be.
pub(super) enum External {
    Image(ImageReference),
    Sibling(String),
    Context(String),
    Nothing,
}

/// Notes that a stage uses this.
pub(super) fn used(stage: &mut StageClosure, found: &External) {
    match found {
        External::Image(image) => stage.images.push(image.clone()),
        External::Sibling(service) => {
            stage.sibling_services.insert(service.clone());
        }
        External::Context(_) | External::Nothing => {}
    }
}

/// The base that this makes for a stage.
pub(super) fn base_of(found: External) -> StageBase {
    match found {
        External::Image(image) => StageBase::Image(image),
        External::Sibling(service) => StageBase::SiblingService(service),
        External::Context(name) => StageBase::Context(name),
        External::Nothing => StageBase::Scratch,
    }
}

impl Walker<'_, '_> {
    /// Images of COPY --from and mounts are of the target platform, whatever
    /// platform the stage has (their dispatch state has none of its own).
    pub(super) fn use_image(
        &mut self,
        name: &str,
        what: &str,
        role: Role,
        line: u32,
        stage: &mut StageClosure,
    ) -> Result<(), Error> {
        self.note_context(name, line, stage);
        let platform = self.args.target_platform.to_string();
        let found = self.external(name, what, role, line, &platform)?;
        used(stage, &found);
        Ok(())
    }

    /// Remembers that this name is a named context, if it is one.
    pub(super) fn note_context(&self, name: &str, line: u32, stage: &mut StageClosure) {
        if name != "scratch" && self.contexts.get(name).is_some() {
            stage.named_contexts.push((line, name.to_owned()));
        }
    }

    pub(super) fn external(
        &mut self,
        name: &str,
        what: &str,
        role: Role,
        line: u32,
        platform: &str,
    ) -> Result<External, Error> {
        if name == "scratch" {
            return Ok(External::Nothing);
        }
        if let Some(context) = self.contexts.get(name) {
            return Ok(self.context(name, context, line, platform));
        }
        let image = ImageReference::parse(name).map_err(|source| Error::Reference {
            service: self.service.to_owned(),
            what: what.to_owned(),
            location: self.source.location(line),
            source,
        })?;
        Ok(self.image(image, role, platform))
    }

    pub(super) fn context(
        &mut self,
        name: &str,
        context: &NamedContext,
        line: u32,
        platform: &str,
    ) -> External {
        match context {
            NamedContext::Image(image) => self.image(image.clone(), Role::Context, platform),
            NamedContext::Service(service) => External::Sibling(service.clone()),
            NamedContext::Directory(_) | NamedContext::OciLayout(_) => {
                External::Context(name.to_owned())
            }
            NamedContext::Remote(url) => {
                self.needs.unbundled(Unbundled {
                    kind: remote_kind(url),
                    what: url.clone(),
                    service: self.service.to_owned(),
                    file: self.source.path.clone(),
                    line: self.source.location(line).line,
                });
                External::Context(name.to_owned())
            }
        }
    }

    fn image(&mut self, image: ImageReference, role: Role, platform: &str) -> External {
        if let Some(service) = self.siblings.builder(&image, self.service) {
            return External::Sibling(service.to_owned());
        }
        self.needs.image(&image, platform, role, Some(self.service));
        External::Image(image)
    }
}
