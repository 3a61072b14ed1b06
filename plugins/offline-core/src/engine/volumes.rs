//! The volumes of an engine.

use std::collections::BTreeSet;

use bollard::query_parameters::ListVolumesOptions;
use serde::de::DeserializeOwned;

use super::api::ours;
use super::{Docker, Error};

impl Docker {
    /// The names of all volumes.
    pub(crate) fn volume_names(&self) -> Result<BTreeSet<String>, Error> {
        let all = None::<ListVolumesOptions>;
        let listed = self.ask(|api| async move { api.list_volumes(all).await });
        let listed = listed.map_err(|refusal| self.failure(refusal, "docker volume ls"))?;
        let volumes = listed.volumes.unwrap_or_default().into_iter();
        Ok(volumes.map(|volume| volume.name).collect())
    }

    /// What the engine says of a volume, if it has it.
    pub(crate) fn volume<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, Error> {
        let command = "docker volume inspect";
        match self.ask(|api| async move { api.inspect_volume(name).await }) {
            Ok(volume) => ours(&volume, command).map(Some),
            Err(refusal) if refusal.is_not_found() => Ok(None),
            Err(refusal) => Err(self.failure(refusal, command)),
        }
    }
}
