use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::inventory::ignore_file;
use super::{Error, Inventory};

/// Build contexts as they are now, each walked and hashed once however many
/// services are built from it.
#[derive(Debug, Default)]
pub struct Contexts {
    /// By context and by the ignore file that applies to it.
    read: BTreeMap<(PathBuf, PathBuf), Arc<Inventory>>,
}

impl Contexts {
    /// What a context holds for the builds of this Dockerfile.
    pub fn of(&mut self, context: &Path, dockerfile: &Path) -> Result<Arc<Inventory>, Error> {
        let key = (context.to_owned(), ignore_file(context, Some(dockerfile)));
        if let Some(known) = self.read.get(&key) {
            return Ok(Arc::clone(known));
        }
        let found = Arc::new(Inventory::of_context(context, Some(dockerfile))?);
        self.read.insert(key, Arc::clone(&found));
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_context_is_read_again_only_for_another_ignore_file() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text);
        for (name, text) in [("a", "1"), ("c.dockerignore", "a")] {
            write(name, text).unwrap();
        }
        let mut contexts = Contexts::default();
        let mut of = |name: &str| {
            let dockerfile = folder.path().join(name);
            contexts.of(folder.path(), &dockerfile).unwrap()
        };
        let first = of("a.Dockerfile");
        assert!(Arc::ptr_eq(&first, &of("b.Dockerfile")));
        let other = of("c");
        assert!(first.entries.contains_key("a") && !other.entries.contains_key("a"));
    }
}
