use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::{Read, Write};

use bollard::models::{ImageInspect, ImageSummary};
use bollard::query_parameters::{
    ImportImageOptionsBuilder, ListImagesOptionsBuilder, RemoveImageOptionsBuilder,
    TagImageOptionsBuilder,
};
use futures_util::StreamExt as _;

use super::api::Refusal;
use super::{Docker, Error};

/// An image in the engine's store.
#[derive(Debug, Clone)]
pub struct LocalImage {
    /// On a graphdriver store the config's digest, on a containerd store the
    /// digest of the manifest or index.
    pub id: String,
    /// `name@sha256:...` as pulled.
    pub repo_digests: Option<Vec<String>>,
    /// `name:tag`.
    pub repo_tags: Option<Vec<String>>,
    /// The layers' diff ids, lowest first.
    pub layers: Vec<String>,
    /// What containers of it are made with: its environment, command, labels and so on.
    pub config: serde_json::Value,
}

impl LocalImage {
    /// Whether both hold the same layers and settings. Their IDs may differ all the same:
    /// on a containerd store every build may make a new one (fact 32).
    pub fn holds_the_same(&self, other: &Self) -> bool {
        self.layers == other.layers && self.config == other.config
    }
}

impl From<ImageInspect> for LocalImage {
    fn from(image: ImageInspect) -> Self {
        Self {
            id: image.id.unwrap_or_default(),
            repo_digests: image.repo_digests,
            repo_tags: image.repo_tags,
            layers: image.root_fs.and_then(|fs| fs.layers).unwrap_or_default(),
            config: serde_json::to_value(image.config).unwrap_or_default(),
        }
    }
}

impl Docker {
    /// Looks up images by name; names the engine does not have are left out.
    pub fn local_images(&self, names: &[String]) -> Result<BTreeMap<String, LocalImage>, Error> {
        let mut found = BTreeMap::new();
        for name in names {
            match self.ask(|api| async move { api.inspect_image(name).await }) {
                Ok(image) => _ = found.insert(name.clone(), image.into()),
                // What the engine cannot show is brought again.
                Err(Refusal::Said(..)) => {}
                Err(refusal) => return Err(self.failure(refusal, "docker image inspect")),
            }
        }
        Ok(found)
    }

    /// One image, which has to be there.
    pub(crate) fn local_image(&self, name: &str) -> Result<LocalImage, Error> {
        let image = self.ask(|api| async move { api.inspect_image(name).await });
        image.map(LocalImage::from).map_err(|refusal| {
            let command = format!("docker image inspect {name}");
            self.failure(refusal, &command)
        })
    }

    /// The names with tags of all images of a repository.
    pub(crate) fn names_of(&self, repository: &str) -> Result<Vec<String>, Error> {
        let filters = HashMap::from([("reference", vec![repository])]);
        let listed = self.list_images(ListImagesOptionsBuilder::new().filters(&filters))?;
        let tags = listed.into_iter().flat_map(|image| image.repo_tags);
        // An image that was found may have names of other repositories too.
        let of_it = |tag: &String| {
            tag.rsplit_once(':')
                .is_some_and(|(name, _)| name == repository)
        };
        Ok(tags.filter(of_it).collect())
    }

    fn list_images(&self, which: ListImagesOptionsBuilder) -> Result<Vec<ImageSummary>, Error> {
        let options = Some(which.build());
        self.ask(|api| async move { api.list_images(options).await })
            .map_err(|refusal| self.failure(refusal, "docker image ls"))
    }

    /// Removes an image by this name, unless a container needs it.
    pub(crate) fn remove_image(&self, name: &str) -> Result<(), Error> {
        self.remove(name, RemoveImageOptionsBuilder::new())
            .map_err(|refusal| self.failure(refusal, &format!("docker image rm {name}")))
    }

    fn remove(&self, name: &str, how: RemoveImageOptionsBuilder) -> Result<(), Refusal> {
        let options = Some(how.build());
        self.ask(|api| async move { api.remove_image(name, options, None).await.map(|_| ()) })
    }

    /// The layer chains (lists of diff ids, joined) that any image of the
    /// engine has unpacked.
    pub fn local_chains(&self) -> Result<BTreeSet<Vec<String>>, Error> {
        let listed = self.list_images(ListImagesOptionsBuilder::new().all(true))?;
        let ids: BTreeSet<String> = listed.into_iter().map(|image| image.id).collect();
        let ids: Vec<String> = ids.into_iter().collect();
        let mut chains = BTreeSet::new();
        for image in self.local_images(&ids)?.into_values() {
            for end in 1..=image.layers.len() {
                chains.insert(image.layers[..end].to_vec());
            }
        }
        Ok(chains)
    }

    /// Streams `docker save` of the named images into `read`.
    pub fn save<T, E>(
        &self,
        names: &[String],
        read: impl FnOnce(&mut dyn Read) -> Result<T, E>,
    ) -> Result<Result<T, E>, Error> {
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        self.receive("docker image save", |api| api.export_images(&names), read)
    }

    /// Streams what `write` writes into `docker load`.
    pub fn load<E>(
        &self,
        write: impl FnOnce(&mut dyn Write) -> Result<(), E>,
    ) -> Result<Result<(), E>, Error> {
        let question = |api: bollard::Docker, body| {
            let quiet = ImportImageOptionsBuilder::new().quiet(true).build();
            let answers = api.import_image_stream(quiet, body, None);
            answers.map(|answer| answer.map(|_| ()))
        };
        self.send("docker image load", question, write)
    }

    /// Gives an image one more name.
    pub fn tag(&self, image: &str, name: &str) -> Result<(), Error> {
        let (repo, tag) = split_tag(name);
        let options = TagImageOptionsBuilder::new().repo(repo).tag(tag).build();
        self.ask(|api| async move { api.tag_image(image, Some(options)).await })
            .map_err(|refusal| self.failure(refusal, &format!("docker image tag {image} {name}")))
    }

    /// Takes names away; those that are gone already do not matter.
    pub fn untag(&self, names: &[String]) -> Result<(), Error> {
        for name in names {
            let how = RemoveImageOptionsBuilder::new().force(true).noprune(true);
            match self.remove(name, how) {
                Ok(()) | Err(Refusal::Said(..)) => {}
                Err(refusal) => return Err(self.failure(refusal, "docker image rm")),
            }
        }
        Ok(())
    }
}

/// The parts of `name:tag`; a port is none of a tag's.
fn split_tag(name: &str) -> (&str, &str) {
    match name.rsplit_once(':') {
        Some((repository, tag)) if !tag.contains('/') => (repository, tag),
        _ => (name, ""),
    }
}
