//! Services whose builds fetch by themselves what no bundle carries.

use std::collections::{BTreeMap, BTreeSet};

use super::{Closure, NeededImage, RemoteContext, Role, Unbundled};
use crate::project::Location;

impl Closure {
    /// The services that no site can build, each with the reason: BuildKit asks the
    /// server of a source that it fetches itself in every build, cached or not. What
    /// is built upon such a service cannot be built there either.
    pub fn unbuildable(&self) -> BTreeMap<String, String> {
        let mut found: BTreeMap<String, String> = BTreeMap::new();
        for one in self.unbundled.iter().filter(|one| !one.is_at_start()) {
            found
                .entry(one.service.clone())
                .or_insert_with(|| reason(one));
        }
        self.add_built_upon(&mut found);
        found
    }

    /// Adds the services that are built upon some that cannot be built.
    pub fn add_built_upon(&self, found: &mut BTreeMap<String, String>) {
        loop {
            let next = self.services.iter().find_map(|service| {
                let stages = service.build.iter().flat_map(|b| &b.stages);
                let mut bases = stages.flat_map(|stage| &stage.sibling_services);
                let base = bases.find(|name| found.contains_key(*name))?;
                let new = !found.contains_key(&service.name);
                new.then(|| (service.name.clone(), format!("it is built upon {base}")))
            });
            match next {
                Some((name, reason)) => found.insert(name, reason),
                None => return,
            };
        }
    }

    /// The services whose builds fetch by ADD what a bundle carries.
    pub fn fetched_services(&self) -> BTreeSet<String> {
        self.fetched.iter().map(|f| f.service.clone()).collect()
    }

    /// Takes contexts that an export fetches from among what cannot be carried.
    pub fn name_contexts(&mut self, contexts: Vec<RemoteContext>) {
        let is_named = |one: &Unbundled| {
            let mut all = contexts.iter();
            all.any(|c| c.service == one.service && c.url == one.what)
        };
        self.unbundled.retain(|one| !is_named(one));
        self.contexts = contexts;
    }

    /// The same without these services, and without the images that only they need.
    #[must_use]
    pub fn without(&self, services: &BTreeSet<String>) -> Self {
        let mut rest = self.clone();
        rest.services.retain(|s| !services.contains(&s.name));
        rest.fetched.retain(|one| !services.contains(&one.service));
        rest.contexts.retain(|one| !services.contains(&one.service));
        for image in &mut rest.images {
            image.services = &image.services - services;
        }
        let named = |image: &NeededImage| image.roles.contains(&Role::Named);
        rest.images
            .retain(|image| named(image) || !image.services.is_empty());
        rest
    }
}

fn reason(one: &Unbundled) -> String {
    let at = Location::new(&one.file, one.line);
    format!("its build fetches {} by itself ({at})", one.what)
}
