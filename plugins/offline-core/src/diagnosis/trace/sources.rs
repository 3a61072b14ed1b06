/// Whether a COPY with this source takes this path of the context: the source
/// itself, what a pattern matches, and all that lies below.
pub(in crate::diagnosis) fn takes(source: &str, path: &str) -> bool {
    let mut source = source.split('/').filter(|part| !matches!(*part, "" | "."));
    let mut path = path.split('/');
    source.all(|pattern| path.next().is_some_and(|name| matches(pattern, name)))
}

/// Go's `filepath.Match` of one path element, as far as Dockerfiles use it.
fn matches(pattern: &str, name: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let name: Vec<char> = name.chars().collect();
    let mut reached = vec![false; name.len() + 1];
    reached[0] = true;
    let mut at = 0;
    while at < pattern.len() {
        let mut next = vec![false; name.len() + 1];
        let (width, fits): (usize, Box<dyn Fn(char) -> bool>) = match pattern[at] {
            '*' => {
                let mut open = false;
                for (place, before) in reached.iter().enumerate() {
                    open |= before;
                    next[place] = open;
                }
                reached = next;
                at += 1;
                continue;
            }
            '?' => (1, Box::new(|_| true)),
            '[' => class(&pattern[at..]),
            '\\' => {
                let literal = pattern.get(at + 1).copied().unwrap_or('\\');
                (2, Box::new(move |c| c == literal))
            }
            literal => (1, Box::new(move |c| c == literal)),
        };
        for (place, c) in name.iter().enumerate() {
            next[place + 1] = reached[place] && fits(*c);
        }
        reached = next;
        at += width;
    }
    reached[name.len()]
}

type Fits = Box<dyn Fn(char) -> bool>;

/// `[a-z]` and `[^a-z]`: how long it is, and what it takes.
fn class(pattern: &[char]) -> (usize, Fits) {
    let Some(end) = pattern.iter().position(|c| *c == ']') else {
        return (1, Box::new(|c| c == '['));
    };
    let negated = pattern.get(1) == Some(&'^');
    let inside: Vec<char> = pattern[1 + usize::from(negated)..end].to_vec();
    let fits = move |c: char| {
        let mut rest = inside.as_slice();
        let mut found = false;
        while let [low, tail @ ..] = rest {
            if let ['-', high, after @ ..] = tail {
                found |= (*low..=*high).contains(&c);
                rest = after;
            } else {
                found |= *low == c;
                rest = tail;
            }
        }
        found != negated
    };
    (end + 1, Box::new(fits))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_takes_what_lies_below_it() {
        for (source, path, expected) in [
            (".", "a/b", true),
            ("./", "a", true),
            ("a", "a/b", true),
            ("./a/", "a/b", true),
            ("a", "ab", false),
            ("a.txt", "a.txt", true),
            ("*.txt", "x", false),
            ("*.txt", "x.txt", true),
            ("*.txt", "d/x.txt", false),
            ("package*.json", "package-lock.json", true),
            ("*", "d/x.txt", true),
            ("app/*.py", "app/main.py", true),
            ("app/?ain.py", "app/main.py", true),
            ("[a-c]pp", "bpp/x", true),
            ("[^a-c]pp", "bpp", false),
        ] {
            assert_eq!(takes(source, path), expected, "{source} {path}");
        }
    }
}
