use crate::Engine;

const LISTING: &str = r#"cd "$0"; find . -printf '%p %y %m %U:%G %T@ %l %n\n' | LC_ALL=C sort
find . -type f -exec sha256sum {} + | LC_ALL=C sort
exec python3 -c 'import os
for d, _, f in sorted(os.walk(".")):
    for p in [d] + sorted(os.path.join(d, n) for n in f):
        for n in os.listxattr(p, follow_symlinks=False):
            print(repr(p), n, os.getxattr(p, n, follow_symlinks=False))'"#;

/// Every name, kind, mode, owner, time, link, content and attribute of a folder, as an
/// engine's machine sees it.
pub fn listing(engine: &Engine, folder: &str) -> String {
    let ran = engine.run("sh").args(["-c", LISTING, folder]).quietly();
    ran.succeeds().stdout
}
