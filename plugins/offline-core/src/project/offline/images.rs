//! Images that are carried by their names alone, and containers that become images.

use serde_json::Value;

use super::super::Error;
use super::read::{Place, Reader, text_at};
use super::{CONTAINER_KEYS, IMAGE_KEYS, OfflineContainer, OfflineImage};
use crate::reference::ImageReference;

impl Reader<'_> {
    pub(super) fn image(&mut self, place: Place<'_>, entry: &Value) -> Result<(), Error> {
        let (_, name) = self.entry(place, entry, &IMAGE_KEYS)?;
        let reference = self.image_reference(place, &name)?;
        self.found.images.push(OfflineImage {
            reference,
            service: place.service.map(str::to_owned),
            location: self.location(place, &name),
        });
        Ok(())
    }

    pub(super) fn container(&mut self, place: Place<'_>, entry: &Value) -> Result<(), Error> {
        let (fields, name) = self.entry(place, entry, &CONTAINER_KEYS)?;
        let image = text_at(&fields, "image");
        let image = image.map(|image| self.image_reference(place, &image));
        self.found.containers.push(OfflineContainer {
            image: image.transpose()?,
            service: place.service.map(str::to_owned),
            location: self.location(place, &name),
            name,
        });
        Ok(())
    }

    fn image_reference(&self, place: Place<'_>, name: &str) -> Result<ImageReference, Error> {
        ImageReference::parse(name)
            .map_err(|error| self.error(place, name, format!("{name} is no image: {error}")))
    }
}
