use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{Error, Result};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::Path;
use std::process::{Command, ExitStatus};
use std::time::{Duration, SystemTime};

use super::Said;
use super::clean::Marks;
use super::files::{replace, written_since};
use crate::network::{MARKS, before_shell};

/// How a step's command ended.
#[derive(Debug)]
pub struct Ended {
    /// Its exit code, which becomes ours.
    pub code: u8,
    /// What to print.
    pub said: Vec<Said>,
}

/// Files are given the time of the kernel's last tick.
const TICK: Duration = Duration::from_millis(50);

/// Runs a step's command, and cleans up after it if it succeeded.
///
/// The words are `-- PROGRAM WORD...`, or the number of the shell that was given the
/// command: it is begun anew, as it was, without what stands before its text.
pub fn run(words: &[OsString]) -> Result<Ended> {
    let mut command = match words {
        [dashes, program, rest @ ..] if dashes == "--" => {
            let mut command = Command::new(program);
            command.args(rest);
            command
        }
        [number] => same_shell(number)?,
        _ => return Err(Error::other("this is run by steps of a replay alone")),
    };
    let begun = SystemTime::now() - TICK;
    let code = code_of(command.status()?);
    let said = if code == 0 {
        clean(&fs::read_to_string(MARKS)?, Path::new("/"), begun)
    } else {
        Vec::new()
    };
    Ok(Ended { code, said })
}

/// Cleans all files below a folder that were written since then.
fn clean(marks: &str, root: &Path, begun: SystemTime) -> Vec<Said> {
    let marks = Marks::read(marks);
    let mut said = Vec::new();
    written_since(root, begun, &mut |file| {
        let Ok(held) = fs::read(file) else { return };
        let Some(cleaned) = marks.cleaned(&held) else {
            return;
        };
        let name = file.display().to_string();
        let changed = cleaned.bytes != held;
        let written = !changed || replace(file, &cleaned.bytes).is_ok();
        if cleaned.left || !written {
            said.push(Said::Left(name));
        } else {
            said.push(Said::Cleaned(name));
        }
    });
    said
}

/// The command that began a process: its program, words and environment.
fn same_shell(number: &OsStr) -> Result<Command> {
    let process = Path::new("/proc").join(number);
    let before = before_shell();
    let mut found = false;
    let words = fields(&fs::read(process.join("cmdline"))?)
        .into_iter()
        .map(
            |word| match word.as_bytes().strip_prefix(before.as_bytes()) {
                Some(own) => {
                    found = true;
                    OsStr::from_bytes(own).to_owned()
                }
                None => word,
            },
        );
    let words: Vec<OsString> = words.collect();
    let (Some((name, words)), true) = (words.split_first(), found) else {
        return Err(Error::other("no shell has begun this"));
    };
    let environment = fields(&fs::read(process.join("environ"))?);
    let mut command = Command::new(process.join("exe"));
    command.arg0(name).args(words).env_clear();
    for variable in &environment {
        let bytes = variable.as_bytes();
        if let Some(at) = bytes.iter().skip(1).position(|b| *b == b'=') {
            let (name, value) = (&bytes[..=at], &bytes[at + 2..]);
            command.env(OsStr::from_bytes(name), OsStr::from_bytes(value));
        }
    }
    Ok(command)
}

/// What the kernel ends with a NUL each.
fn fields(bytes: &[u8]) -> Vec<OsString> {
    let ended = bytes.strip_suffix(b"\0").unwrap_or(bytes);
    let fields = ended.split(|b| *b == 0);
    fields
        .map(|field| OsString::from_vec(field.to_vec()))
        .collect()
}

/// As a shell says it.
fn code_of(status: ExitStatus) -> u8 {
    let of_signal = status.signal().map(|signal| 128 + signal);
    let code = status.code().or(of_signal).unwrap_or(1);
    u8::try_from(code).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_file_written_since_is_cleaned_and_keeps_its_mode_and_time() {
        let folder = tempfile::tempdir().unwrap();
        let marks = "HTTP_PROXY=http://172.17.0.1:3128\nNO_PROXY=localhost\n";
        let before = folder.path().join("before");
        fs::write(&before, marks).unwrap();
        std::thread::sleep(Duration::from_millis(20));
        let begun = SystemTime::now();
        std::thread::sleep(Duration::from_millis(20));
        let sub = folder.path().join("sub");
        fs::create_dir(&sub).unwrap();
        let file = sub.join("env");
        fs::write(&file, format!("A=1\n{marks}B=2\n")).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o440)).unwrap();
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1000);
        fs::File::open(&file).unwrap().set_modified(time).unwrap();
        fs::write(sub.join("log"), "asked 172.17.0.1:3128 for it\n").unwrap();
        let mut said = clean(marks, folder.path(), begun);
        said.sort();
        let name = |name: &str| sub.join(name).display().to_string();
        assert_eq!(said, [Said::Cleaned(name("env")), Said::Left(name("log"))]);
        assert_eq!(fs::read_to_string(&file).unwrap(), "A=1\nB=2\n");
        let metadata = fs::metadata(&file).unwrap();
        assert_eq!(metadata.permissions().mode() & 0o777, 0o440);
        assert_eq!(metadata.modified().unwrap(), time);
        assert_eq!(fs::read_to_string(&before).unwrap(), marks);
    }

    #[test]
    fn codes_are_those_of_a_shell() {
        for (command, code) in [("exit 3", 3), ("kill -9 $$", 137), ("true", 0)] {
            let status = Command::new("sh").args(["-c", command]).status().unwrap();
            assert_eq!(code_of(status), code, "{command}");
        }
    }
}
