//! What is taken out of a bundle before there is a project, or an engine: `install.sh` calls
//! for it.

use std::path::Path;

use offline_core::carried::{
    Ahead, InstalledTool, Listed, State, ToolState, UnpackedSource, install_tools, printable,
    unpack_source,
};
use offline_core::engine::Docker;
use offline_core::{Event, Failure};
use offline_terminal::{Terminal, bytes};

use crate::Args;

pub(crate) fn is_asked(args: &Args) -> bool {
    args.unpack_source.is_some() || args.install_tools.is_some() || args.list_carried
}

pub(crate) fn run(
    args: &Args,
    cache_dir: Option<&Path>,
    terminal: &Terminal,
) -> Result<(), Failure> {
    // A site may have its sources before it has Docker.
    let docker = terminal
        .docker()
        .unwrap_or_else(|_| Docker::at("docker").with_interrupt(terminal.interrupted()));
    let ahead = Ahead {
        bundle: args.bundle.as_deref(),
        cache_dir,
        docker: &docker,
        reporter: terminal.reporter(),
    };
    if let Some(folder) = &args.unpack_source {
        let unpacked = unpack_source(&ahead, folder)?;
        terminal.print_as(args.format, &unpacked, || of_source(&unpacked))?;
    } else if let Some(folder) = &args.install_tools {
        let installed = install_tools(&ahead, folder)?;
        let refused = installed.iter().filter_map(refusal);
        for words in refused {
            terminal.reporter().event(Event::Note(words));
        }
        terminal.print_as(args.format, &installed, || of_tools(&installed))?;
    } else {
        let listed = ahead.list()?;
        terminal.print_as(args.format, &listed, || of_list(&listed))?;
    }
    Ok(())
}

fn of_source(unpacked: &UnpackedSource) -> String {
    let (name, folder) = (&unpacked.name, unpacked.folder.display());
    let done = match unpacked.state {
        State::Kept => format!("{folder} holds the source of {name} already.\n"),
        State::Written | State::Refused(_) => {
            format!("Unpacked the source of {name} to {folder}.\n")
        }
    };
    format!(
        "{done}\nNext:\n  cd {}\n  docker offline build --bundle {}\n",
        quoted(&unpacked.project),
        quoted(&unpacked.bundle)
    )
}

/// A path as a shell takes it.
fn quoted(path: &Path) -> String {
    let text = path.to_string_lossy();
    let plain = |c: char| c.is_ascii_alphanumeric() || "_./+-".contains(c);
    if text.chars().all(plain) {
        return text.into_owned();
    }
    format!("'{}'", text.replace('\'', "'\\''"))
}

fn of_tools(installed: &[InstalledTool]) -> String {
    let mut text = String::new();
    for InstalledTool {
        name,
        version,
        state,
    } in installed
    {
        text += &match state {
            ToolState::Installed(path) => format!("installed {} ({version})\n", path.display()),
            ToolState::There(path) => format!("{} is there and stays\n", path.display()),
            ToolState::Refused(_) => format!("{name} was not installed\n"),
        };
    }
    text
}

fn refusal(tool: &InstalledTool) -> Option<String> {
    let ToolState::Refused(why) = &tool.state else {
        return None;
    };
    Some(format!(
        "{} of the bundle does not start on this machine ({why}): install it by other means",
        tool.name
    ))
}

/// A line for each, which scripts read by its first word.
fn of_list(listed: &[Listed]) -> String {
    let line = |one: &Listed| {
        let (kind, name) = (printable(&one.kind), printable(&one.name));
        format!("{kind} {name} ({})\n", bytes(one.size))
    };
    listed.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_to_type_is_quoted_where_a_shell_needs_it() {
        assert_eq!(quoted(Path::new("/srv/a+b-1.tar")), "/srv/a+b-1.tar");
        assert_eq!(quoted(Path::new("/srv/it's 中")), r"'/srv/it'\''s 中'");
    }
}
