use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};

use serde::Deserialize;

use super::{Docker, Error};

/// An image in the engine's store.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct LocalImage {
    /// On a graphdriver store the config's digest, on a containerd store the
    /// digest of the manifest or index.
    pub id: String,
    /// `name@sha256:...` as pulled.
    #[serde(default)]
    pub repo_digests: Option<Vec<String>>,
    /// `name:tag`.
    #[serde(default)]
    pub repo_tags: Option<Vec<String>>,
    /// The layers' diff ids.
    #[serde(default, rename = "RootFS")]
    pub root_fs: Option<RootFs>,
    /// What containers of it are made with: its environment, command, labels and so on.
    #[serde(default)]
    pub config: serde_json::Value,
}

impl LocalImage {
    /// Whether both hold the same layers and settings. Their IDs may differ all the same:
    /// on a containerd store every build may make a new one (fact 32).
    pub fn holds_the_same(&self, other: &Self) -> bool {
        let layers = |image: &Self| image.root_fs.clone().and_then(|fs| fs.layers);
        layers(self) == layers(other) && self.config == other.config
    }
}

/// The layers of an image.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct RootFs {
    /// Diff ids, lowest first.
    pub layers: Option<Vec<String>>,
}

/// The names in `Error response from daemon: No such image: redis:7`, one a
/// line.
fn missing_names(stderr: &str) -> BTreeSet<&str> {
    let lines = stderr.lines();
    lines
        .filter_map(|line| Some(line.split_once("o such image: ")?.1.trim()))
        .collect()
}

impl Docker {
    /// Looks up images by name; names the engine does not have are left out.
    pub fn local_images(&self, names: &[String]) -> Result<BTreeMap<String, LocalImage>, Error> {
        let mut found = BTreeMap::new();
        if names.is_empty() {
            return Ok(found);
        }
        let args = ["image", "inspect"]
            .into_iter()
            .chain(names.iter().map(String::as_str));
        let mut command = self.command(args);
        let output = command.output().map_err(|source| Error::Io {
            program: command.get_program().into(),
            source,
        })?;
        // docker fails when a name is missing, and prints the others all the
        // same, in their order.
        let images = parse_images(&output.stdout).unwrap_or_default();
        let stderr = String::from_utf8_lossy(&output.stderr);
        let missing = missing_names(&stderr);
        let present: Vec<&String> = names
            .iter()
            .filter(|name| !missing.contains(name.as_str()))
            .collect();
        if images.len() == present.len() {
            return Ok(present.into_iter().cloned().zip(images).collect());
        }
        for name in names {
            match self.output(["image", "inspect", name]) {
                Ok(output) => {
                    if let Some(image) = parse_images(&output.stdout)?.into_iter().next() {
                        found.insert(name.clone(), image);
                    }
                }
                Err(Error::Failed { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(found)
    }

    /// The layer chains (lists of diff ids, joined) that any image of the
    /// engine has unpacked.
    pub fn local_chains(&self) -> Result<BTreeSet<Vec<String>>, Error> {
        let output = self.output(["image", "ls", "--quiet", "--no-trunc", "--all"])?;
        let ids: BTreeSet<String> = String::from_utf8_lossy(&output.stdout)
            .lines()
            .map(str::to_owned)
            .collect();
        let ids: Vec<String> = ids.into_iter().collect();
        let mut chains = BTreeSet::new();
        for image in self.local_images(&ids)?.into_values() {
            let layers = image.root_fs.and_then(|r| r.layers).unwrap_or_default();
            for end in 1..=layers.len() {
                chains.insert(layers[..end].to_vec());
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
        let args = ["image", "save"]
            .into_iter()
            .chain(names.iter().map(String::as_str));
        self.read_from(args, read)
    }

    /// Streams what `write` writes into `docker load`.
    pub fn load<E>(
        &self,
        write: impl FnOnce(&mut dyn Write) -> Result<(), E>,
    ) -> Result<Result<(), E>, Error> {
        Ok(self.write_to(["image", "load"], write)?.map(|_| ()))
    }

    /// Gives an image one more name.
    pub fn tag(&self, image: &str, name: &str) -> Result<(), Error> {
        self.output(["image", "tag", image, name]).map(|_| ())
    }

    /// Takes names away; those that are gone already do not matter.
    pub fn untag(&self, names: &[String]) -> Result<(), Error> {
        let args = ["image", "rm", "--force", "--no-prune"]
            .into_iter()
            .chain(names.iter().map(String::as_str));
        match self.output(args) {
            Ok(_) | Err(Error::Failed { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

fn parse_images(json: &[u8]) -> Result<Vec<LocalImage>, Error> {
    serde_json::from_slice(json).map_err(|error| Error::Unexpected {
        command: "docker image inspect".into(),
        why: error.to_string(),
    })
}
