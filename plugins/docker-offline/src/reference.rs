use std::fmt::Write as _;
use std::path::Path;

use clap::{Arg, Command, CommandFactory as _};
use offline_terminal::ExitCode;

use crate::args::Cli;

/// Writes `cli/*.md`, `diagnosis/*.md` and `exit-codes.md` below a folder.
pub(crate) fn write(folder: &Path) -> std::io::Result<()> {
    let cli = folder.join("cli");
    std::fs::create_dir_all(&cli)?;
    for (name, text) in pages() {
        std::fs::write(cli.join(name), text)?;
    }
    let diagnosis = folder.join("diagnosis");
    std::fs::create_dir_all(&diagnosis)?;
    for (name, text) in offline_core::diagnosis::pages() {
        std::fs::write(diagnosis.join(name), text)?;
    }
    std::fs::write(folder.join("exit-codes.md"), ExitCode::markdown())
}

/// The pages of the command line reference: file name and text.
fn pages() -> Vec<(String, String)> {
    let mut root = Cli::command()
        .name("offline")
        .bin_name("docker offline")
        .term_width(0);
    root.build();
    let mut pages = vec![(
        "docker_offline.md".to_owned(),
        page(&root, "docker offline"),
    )];
    for command in visible(&root) {
        let name = command.get_name();
        let file = format!("docker_offline_{name}.md");
        pages.push((file, page(command, &format!("docker offline {name}"))));
    }
    pages
}

fn page(command: &Command, name: &str) -> String {
    let mut text = format!("# {name}\n\nWritten by `make docs`; do not edit.\n\n");
    if let Some(about) = command.get_about() {
        let _ = writeln!(text, "{about}.\n");
    }
    let usage = command.clone().render_usage().to_string();
    let usage = usage.trim_start_matches("Usage:").trim();
    let _ = writeln!(text, "```text\n{usage}\n```");
    if command.has_subcommands() {
        text.push_str("\n| command | |\n|---|---|\n");
        for sub in visible(command) {
            let sub_name = sub.get_name();
            let about = sub.get_about().map(ToString::to_string).unwrap_or_default();
            let link = format!("docker_offline_{sub_name}.md");
            let _ = writeln!(text, "| [{name} {sub_name}]({link}) | {} |", cell(&about));
        }
    }
    let rows: Vec<String> = command
        .get_arguments()
        .filter(|a| !a.is_hide_set() && a.get_id() != "help")
        .map(row)
        .collect();
    if !rows.is_empty() {
        text.push_str("\n| argument | default | |\n|---|---|---|\n");
        text.extend(rows);
    }
    text
}

fn row(arg: &Arg) -> String {
    let takes_value = arg.get_action().takes_values();
    let value = arg
        .get_value_names()
        .filter(|_| takes_value)
        .map(|names| names.join(" "))
        .unwrap_or_default();
    let names: Vec<String> = [
        arg.get_short().map(|s| format!("`-{s}`")),
        arg.get_long().map(|l| format!("`--{l}`")),
    ]
    .into_iter()
    .flatten()
    .collect();
    let mut name = names.join(", ");
    if name.is_empty() {
        name = format!("`{value}`");
    } else if !value.is_empty() {
        let _ = write!(name, " `{value}`");
    }
    let defaults: Vec<String> = arg
        .get_default_values()
        .iter()
        .filter(|_| takes_value)
        .map(|d| format!("`{}`", d.to_string_lossy()))
        .collect();
    let mut help = arg.get_help().map(ToString::to_string).unwrap_or_default();
    let possible: Vec<String> = arg
        .get_possible_values()
        .iter()
        .filter(|v| takes_value && !v.is_hide_set())
        .map(|v| match v.get_help() {
            Some(words) => format!("`{}` ({words})", v.get_name()),
            None => format!("`{}`", v.get_name()),
        })
        .collect();
    if !possible.is_empty() {
        let _ = write!(help, ": {}", possible.join(", "));
    }
    format!(
        "| {} | {} | {} |\n",
        cell(&name),
        defaults.join(" "),
        cell(&help)
    )
}

fn visible(command: &Command) -> impl Iterator<Item = &Command> {
    command.get_subcommands().filter(|c| !c.is_hide_set())
}

/// A bar would end the cell.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_visible_command_has_a_page_and_every_option_a_row() {
        let pages = pages();
        let names: Vec<&str> = pages.iter().map(|(n, _)| n.as_str()).collect();
        assert!(names.contains(&"docker_offline_shell-hook.md"), "{names:?}");
        assert!(!names.iter().any(|n| n.contains("__docs")));
        let (_, build) = pages
            .iter()
            .find(|(n, _)| n == "docker_offline_build.md")
            .unwrap();
        assert!(build.contains("| `--version` `TAG` |"), "{build}");
        assert!(build.contains("`json`"), "{build}");
    }
}
