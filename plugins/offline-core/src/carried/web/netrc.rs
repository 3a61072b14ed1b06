//! Users and passwords of hosts, where curl and git look for them too.

use std::path::PathBuf;

/// The user and password of a host in `$NETRC` or `~/.netrc`, if there are any.
pub(super) fn credentials(host: &str) -> Option<(String, String)> {
    let named = std::env::var_os("NETRC").map(PathBuf::from);
    let path = named.or_else(|| Some(std::env::home_dir()?.join(".netrc")))?;
    find(&std::fs::read_to_string(path).ok()?, host)
}

fn find(text: &str, host: &str) -> Option<(String, String)> {
    let lines = text.lines().map(|l| l.split(" #").next().unwrap_or(l));
    let lines = lines.filter(|l| !l.trim_start().starts_with('#'));
    let mut words = lines.flat_map(str::split_whitespace);
    let (mut ours, mut user, mut password) = (false, None, None);
    while let Some(word) = words.next() {
        match word {
            "machine" | "default" if ours && password.is_some() => break,
            "machine" => {
                ours = words.next() == Some(host);
                (user, password) = (None, None);
            }
            "default" => ours = true,
            "login" => user = words.next().filter(|_| ours).or(user),
            "password" => password = words.next().filter(|_| ours).or(password),
            _ => {}
        }
    }
    Some((user.unwrap_or_default().to_owned(), password?.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_has_its_own_or_those_of_all() {
        let text = "# of mine\nmachine a login u password p\nmachine b\n  login v\n  password q\ndefault login w password r\n";
        let of = |host| find(text, host).unwrap();
        assert_eq!(of("a"), ("u".into(), "p".into()));
        assert_eq!(of("b"), ("v".into(), "q".into()));
        assert_eq!(of("c"), ("w".into(), "r".into()));
        assert_eq!(find("machine a login u password p", "b"), None);
    }
}
