//! Flags of RUN, COPY and ADD.

use parse_dockerfile::Flag;

use super::{Copy, Mount, Run};

pub(super) fn run_flags(flags: &[Flag<'_>], run: &mut Run) {
    for flag in flags {
        run.flags.push(flag.name.value.as_ref().to_owned());
        match (flag.name.value.as_ref(), &flag.value) {
            ("mount", Some(value)) => run.mounts.push(Mount {
                options_end: value.span.end,
                ..mount(&value.value)
            }),
            ("network", Some(value)) => run.network = Some(unquoted(&value.value)),
            ("security", Some(value)) => run.security = Some(unquoted(&value.value)),
            _ => {}
        }
    }
}

pub(super) fn copy_flags(flags: &[Flag<'_>], copy: &mut Copy) {
    for flag in flags {
        copy.flags.push(flag.name.value.as_ref().to_owned());
        let value = flag.value.as_ref().map(|v| unquoted(&v.value));
        match flag.name.value.as_ref() {
            "from" => copy.from = value,
            "chmod" => copy.chmod = value,
            "chown" => copy.chown = value,
            "checksum" => copy.checksum = value,
            "unpack" => copy.unpack = is_set(value.as_deref()),
            "keep-git-dir" => copy.keep_git_dir = is_set(value.as_deref()),
            "link" => {
                copy.link = is_set(value.as_deref());
                copy.link_ends = (flag.name.span.end, flag.span().end);
            }
            _ => {}
        }
    }
}

/// A flag that is on where it is given, but with `false`.
fn is_set(value: Option<&str>) -> bool {
    value.is_none_or(|v| !v.eq_ignore_ascii_case("false"))
}

/// The value of `--platform`.
pub(super) fn platform(flags: &[Flag<'_>]) -> Option<String> {
    flags
        .iter()
        .find(|f| f.name.value == "platform")
        .and_then(|f| Some(unquoted(&f.value.as_ref()?.value)))
}

/// `instructions/commands_runmount.go`: comma separated, keys without regard
/// to case, `bind` where no type is given.
fn mount(text: &str) -> Mount {
    let mut mount = Mount {
        mount_type: "bind".into(),
        from: None,
        source: None,
        target: None,
        id: None,
        options_end: 0,
    };
    for field in fields(text) {
        let Some((key, value)) = field.split_once('=') else {
            continue;
        };
        let value = unquoted(value);
        match key.to_ascii_lowercase().as_str() {
            "type" => mount.mount_type = value.to_ascii_lowercase(),
            "from" => mount.from = Some(value),
            "source" | "src" => mount.source = Some(value),
            "target" | "dst" | "destination" => mount.target = Some(value),
            "id" => mount.id = Some(value),
            _ => {}
        }
    }
    mount
}

fn fields(text: &str) -> Vec<String> {
    let mut fields = vec![String::new()];
    let mut quoted = false;
    for c in text.chars() {
        match (c, fields.last_mut()) {
            ('"', _) => quoted = !quoted,
            (',', _) if !quoted => fields.push(String::new()),
            (c, Some(last)) => last.push(c),
            (_, None) => {}
        }
    }
    fields
}

fn unquoted(text: &str) -> String {
    let inner = ['"', '\'']
        .iter()
        .find_map(|q| text.strip_prefix(*q)?.strip_suffix(*q));
    inner.unwrap_or(text).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mount_options() {
        let found = mount("type=Cache,ID=x,\"target=/a,b\",sharing=locked");
        assert_eq!(found.mount_type, "cache");
        assert_eq!(found.id.as_deref(), Some("x"));
        assert_eq!(found.target.as_deref(), Some("/a,b"));
        let bind = mount("from=alpine:3,src=/x,dst=/y,rw");
        assert_eq!(bind.mount_type, "bind");
        assert_eq!(bind.from.as_deref(), Some("alpine:3"));
        assert_eq!(bind.source.as_deref(), Some("/x"));
    }
}
