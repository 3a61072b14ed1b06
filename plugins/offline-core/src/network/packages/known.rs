//! The command lines of package managers, as far as a call is taken apart.

use crate::project::PackageTool;

/// What is known of a package manager's command line.
pub(super) struct Known {
    pub(super) subcommands: &'static [&'static str],
    /// Options that take the next word.
    pub(super) with_value: &'static [&'static str],
    /// Options that say what is to be installed, or that this is to be done anew.
    pub(super) left_out: &'static [&'static str],
}

const APT: Known = Known {
    subcommands: &["install"],
    with_value: &[
        "-o",
        "--option",
        "-c",
        "--config-file",
        "-t",
        "--target-release",
        "--default-release",
        "-a",
        "--host-architecture",
    ],
    left_out: &["--reinstall"],
};

const NPM: Known = Known {
    subcommands: &["install", "i", "ci", "clean-install", "add", "in", "ins"],
    with_value: &[
        "--registry",
        "--prefix",
        "--omit",
        "--include",
        "--only",
        "--cache",
        "--loglevel",
        "-w",
        "--workspace",
        "--userconfig",
        "--globalconfig",
        "--cafile",
        "--install-strategy",
        "--fetch-retries",
        "--fetch-timeout",
        "--fetch-retry-mintimeout",
        "--fetch-retry-maxtimeout",
        "--maxsockets",
        "--tag",
        "--before",
    ],
    left_out: &["--package-lock-only", "--force", "-f"],
};

const PIP: Known = Known {
    subcommands: &["install", "download", "wheel"],
    with_value: &[
        "-r",
        "--requirement",
        "--requirements",
        "-e",
        "--editable",
        "-c",
        "--constraint",
        "-i",
        "--index-url",
        "--extra-index-url",
        "--index",
        "--default-index",
        "--index-strategy",
        "-f",
        "--find-links",
        "--trusted-host",
        "--allow-insecure-host",
        "-t",
        "--target",
        "--root",
        "--prefix",
        "--src",
        "--platform",
        "--python-platform",
        "--python-version",
        "--implementation",
        "--abi",
        "--upgrade-strategy",
        "-C",
        "--config-settings",
        "--global-option",
        "--no-binary",
        "--only-binary",
        "--progress-bar",
        "--root-user-action",
        "--report",
        "-w",
        "--wheel-dir",
        "-d",
        "--dest",
        "--cert",
        "--client-cert",
        "--cache-dir",
        "--retries",
        "--timeout",
        "--default-timeout",
        "--exists-action",
        "--log",
        "-p",
        "--python",
        "--keyring-provider",
        "--use-feature",
        "--use-deprecated",
        "--torch-backend",
        "--group",
    ],
    left_out: &[
        "-r",
        "--requirement",
        "--requirements",
        "-e",
        "--editable",
        "--group",
        "--require-hashes",
        "--force-reinstall",
        "-I",
        "--ignore-installed",
        "--no-deps",
    ],
};

pub(super) fn known(tool: PackageTool) -> &'static Known {
    match tool {
        PackageTool::Apt => &APT,
        PackageTool::Npm => &NPM,
        PackageTool::Pip => &PIP,
    }
}
