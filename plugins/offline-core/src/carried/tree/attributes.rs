//! Extended attributes, as far as they mean the same on another machine.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::Path;

use rustix::fs::{XattrFlags, lgetxattr, llistxattr, lsetxattr};

/// What a kernel lets a value be (`xattr(7)`, `XATTR_SIZE_MAX`).
const LIMIT: usize = 1 << 16;

/// An attribute.
pub(in crate::carried) type Attribute = (OsString, Vec<u8>);

/// Those of a file that are worth keeping, sorted; none where its disk has none.
pub(super) fn of(path: &Path) -> Vec<Attribute> {
    let mut names = vec![0; LIMIT];
    let Ok(length) = llistxattr(path, &mut names[..]) else {
        return Vec::new();
    };
    let mut found: Vec<Attribute> = names[..length]
        .split(|byte| *byte == 0)
        .filter(|name| is_kept(name))
        .filter_map(|name| {
            let mut value = vec![0; LIMIT];
            let length = lgetxattr(path, OsStr::from_bytes(name), &mut value[..]).ok()?;
            value.truncate(length);
            Some((OsString::from_vec(name.to_vec()), value))
        })
        .collect();
    found.sort();
    found
}

/// Sets them where the disk and the user's rights allow it.
pub(super) fn set(path: &Path, attributes: &[Attribute]) {
    for (name, value) in attributes {
        if is_kept(name.as_bytes()) {
            let _ = lsetxattr(path, name.as_os_str(), value, XattrFlags::empty());
        }
    }
}

/// Labels of a security module are the machine's own, and `trusted` is for its kernel.
pub(super) fn is_kept(name: &[u8]) -> bool {
    name.starts_with(b"user.")
        || name == b"security.capability"
        || name.starts_with(b"system.posix_acl_")
}
