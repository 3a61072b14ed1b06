use std::collections::BTreeMap;
use std::sync::Arc;

use crate::bundle::{Contexts, Error, Inventory};
use crate::closure::Closure;
use crate::project::BuildContext;

/// What the contexts hold now, by service.
pub(crate) fn inventories(closure: &Closure) -> Result<BTreeMap<String, Arc<Inventory>>, Error> {
    let mut contexts = Contexts::default();
    let mut inventories = BTreeMap::new();
    for service in &closure.services {
        if let Some(build) = &service.build
            && let BuildContext::Directory(context) = &build.context
        {
            let found = contexts.of(context, &build.dockerfile_path)?;
            inventories.insert(service.name.clone(), found);
        }
    }
    Ok(inventories)
}
