use crate::args::HookShell;

/// The shell function that turns `docker offline-build` into
/// `docker offline build`.
///
/// Docker refuses plugins whose name has a dash (`cli-plugins/manager`), so the
/// shell has to read these words. Global flags before them are kept, and so is
/// completion, which asks through the same function.
pub(crate) fn hook(shell: HookShell) -> &'static str {
    match shell {
        HookShell::Bash => include_str!("shell_hook/hook.bash"),
        HookShell::Zsh => include_str!("shell_hook/hook.zsh"),
        HookShell::Fish => include_str!("shell_hook/hook.fish"),
        HookShell::Powershell => include_str!("shell_hook/hook.ps1"),
    }
}
