//! Relative paths made absolute, as compose-go's `paths/resolve.go` does.

use std::path::{Component, Path, PathBuf};

use super::{Map, Tree};

/// Resolves the paths that a build needs against the folder they start from.
pub(super) fn resolve(model: &mut Map, base: &Path) {
    if let Some(Tree::Object(services)) = model.get_mut("services") {
        for service in services.values_mut() {
            if let Some(context) = service.pointer_mut("/build/context") {
                make_absolute(context, base, is_context_path);
            }
            if let Some(Tree::Object(contexts)) = service.pointer_mut("/build/additional_contexts")
            {
                for context in contexts.values_mut() {
                    make_absolute(context, base, is_context_path);
                }
            }
            if let Some(Tree::Object(keys)) = service.pointer_mut("/build/ssh") {
                for key in keys.values_mut() {
                    make_absolute(key, base, |_| true);
                }
            }
            if let Some(Tree::Array(files)) = service.pointer_mut("/env_file") {
                for path in files.iter_mut().filter_map(|f| f.get_mut("path")) {
                    make_absolute(path, base, |text| !text.is_empty());
                }
            }
            if let Some(Tree::Array(volumes)) = service.pointer_mut("/volumes") {
                let binds = volumes.iter_mut().filter(|v| v["type"] == "bind");
                for source in binds.filter_map(|v| v.get_mut("source")) {
                    make_absolute(source, base, |_| true);
                }
            }
            if let Some(file) = service.pointer_mut("/extends/file") {
                make_absolute(file, base, |text| !is_remote(text));
            }
        }
    }
    if let Some(Tree::Object(secrets)) = model.get_mut("secrets") {
        for file in secrets.values_mut().filter_map(|s| s.get_mut("file")) {
            make_absolute(file, base, |_| true);
        }
    }
}

fn make_absolute(value: &mut Tree, base: &Path, is_path: impl Fn(&str) -> bool) {
    if let Tree::String(text) = value
        && is_path(text)
    {
        *text = join(base, text).display().to_string();
    }
}

fn is_context_path(text: &str) -> bool {
    !text.is_empty()
        && !text.contains("://")
        && !text.starts_with("service:")
        && !text.starts_with("github.com/")
        && !text.starts_with("git@")
}

/// Whether a file of `include` or `extends` is fetched from somewhere else.
pub(in crate::project) fn is_remote(text: &str) -> bool {
    text.contains("://")
        || text.starts_with("github.com/")
        || text.starts_with("git@")
        || text.starts_with("oci:")
}

/// A path below a folder, as Go's `filepath.Join` writes it: without `.` and
/// `..`. An absolute path stays as it is written.
pub(super) fn join(base: &Path, text: &str) -> PathBuf {
    let path = match (text.strip_prefix('~'), std::env::var_os("HOME")) {
        (Some(rest), Some(home)) => PathBuf::from(home).join(rest.trim_start_matches('/')),
        _ => PathBuf::from(text),
    };
    if path.is_absolute() {
        return path;
    }
    let mut clean = PathBuf::new();
    for part in base.join(path).components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                clean.pop();
            }
            other => clean.push(other),
        }
    }
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_cleaned_as_go_does() {
        let base = Path::new("/p/app");
        for (text, expected) in [
            (".", "/p/app"),
            ("./web/", "/p/app/web"),
            ("../lib/./x", "/p/lib/x"),
            ("/abs/../x", "/abs/../x"),
            ("../../../..", "/"),
        ] {
            assert_eq!(join(base, text), Path::new(expected), "{text}");
        }
    }
}
