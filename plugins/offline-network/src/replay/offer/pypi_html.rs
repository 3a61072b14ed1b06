//! `PyPI`'s simple index as HTML (PEP 503, 592 and 658), and pages of links to files as
//! `--find-links` reads them.

use url::Url;

use super::held::decoded;
use super::python_files::{Choice, PackageFile};
use super::{Held, Offer};

/// A link of the page.
struct Link<'a> {
    /// From its first byte to behind the line break that follows it.
    from: usize,
    to: usize,
    /// The opening tag: `<a ...>`.
    tag: &'a str,
    url: Url,
    file: PackageFile,
    held: bool,
}

pub(super) fn narrow(page: &Url, body: &[u8], held: &Held) -> Option<Offer> {
    let text = std::str::from_utf8(body).ok()?;
    let links = links(page, text, held);
    // Other pages link to archives too.
    let simple = page.path().split('/').any(|segment| segment == "simple");
    if !simple && !links.iter().any(|link| link.file.wheel) {
        return None;
    }
    let mut choice = Choice::default();
    for link in &links {
        choice.saw(&link.file, link.held);
    }
    let mut new = String::with_capacity(text.len());
    let mut copied = 0;
    for link in &links {
        if !link.held && choice.leaves_out(&link.file) {
            new.push_str(text.get(copied..link.from)?);
            copied = link.to;
        } else if link.held && !metadata_is_held(&link.url, held) {
            new.push_str(text.get(copied..link.from)?);
            new.push_str(&without_metadata(link.tag));
            copied = link.from + link.tag.len();
        }
    }
    new.push_str(text.get(copied..)?);
    (new != text).then(|| Offer {
        body: new.into_bytes(),
        narrowed: choice.narrowed(),
    })
}

fn links<'a>(page: &Url, text: &'a str, held: &Held) -> Vec<Link<'a>> {
    // Of the same length, byte for byte.
    let lower = text.to_ascii_lowercase();
    let mut links = Vec::new();
    let mut at = 0;
    while let Some(from) = lower.get(at..).and_then(|l| l.find("<a")).map(|f| at + f) {
        at = from + 2;
        if !lower[at..].starts_with(|c: char| c.is_ascii_whitespace()) {
            continue;
        }
        let Some(end) = end_of_tag(text, at) else {
            break;
        };
        let Some(close) = lower[end..].find("</a>").map(|f| end + f + "</a>".len()) else {
            break;
        };
        let tag = &text[from..end];
        at = close;
        let Some(url) = attribute(tag, "href").and_then(|href| page.join(&unescaped(href)).ok())
        else {
            continue;
        };
        let path = decoded(url.path());
        let name = path.rsplit('/').next().unwrap_or_default();
        if let Some(file) = PackageFile::named(name) {
            links.push(Link {
                from,
                to: behind_break(&lower, close),
                tag,
                held: held.address(&url) || held.name(name),
                file,
                url,
            });
        }
    }
    links
}

/// Behind the `>` that ends a tag; quoted ones do not.
fn end_of_tag(text: &str, from: usize) -> Option<usize> {
    let mut quote = None;
    for (at, c) in text.get(from..)?.char_indices() {
        match (quote, c) {
            (None, '>') => return Some(from + at + 1),
            (None, '"' | '\'') => quote = Some(c),
            (Some(open), c) if open == c => quote = None,
            _ => {}
        }
    }
    None
}

/// Behind a line break of the page, and of its text, that follow a link.
fn behind_break(lower: &str, mut at: usize) -> usize {
    for tag in ["<br/>", "<br />", "<br>"] {
        if lower[at..].trim_start().starts_with(tag) {
            at += lower[at..].find(tag).unwrap_or(0) + tag.len();
            break;
        }
    }
    let rest = lower[at..].strip_prefix('\r').unwrap_or(&lower[at..]);
    match rest.strip_prefix('\n') {
        Some(rest) => lower.len() - rest.len(),
        None => at,
    }
}

/// Where an attribute is within a tag: from its name to behind its value, and the value.
fn find_attribute<'a>(tag: &'a str, name: &str) -> Option<(usize, usize, &'a str)> {
    let lower = tag.to_ascii_lowercase();
    let mut at = 0;
    while let Some(from) = lower.get(at..)?.find(name).map(|f| at + f) {
        at = from + name.len();
        let begins = lower[..from].ends_with(|c: char| c.is_ascii_whitespace());
        if !begins || !tag[at..].trim_start().starts_with(['=', '>', ' ', '/']) {
            continue;
        }
        let Some(value) = tag[at..].trim_start().strip_prefix('=') else {
            return Some((from, at, ""));
        };
        let value = value.trim_start();
        let start = tag.len() - value.len();
        let (open, length) = match value.chars().next()? {
            quote @ ('"' | '\'') => (1, value[1..].find(quote)?),
            _ => (
                0,
                value.find(|c: char| c.is_ascii_whitespace() || c == '>')?,
            ),
        };
        let text = &value[open..open + length];
        return Some((from, start + open + length + open, text));
    }
    None
}

fn attribute<'a>(tag: &'a str, name: &str) -> Option<&'a str> {
    find_attribute(tag, name).map(|(_, _, value)| value)
}

/// The character references that are found in addresses.
fn unescaped(text: &str) -> String {
    [
        ("&#43;", "+"),
        ("&#x2b;", "+"),
        ("&#x2B;", "+"),
        ("&quot;", "\""),
        ("&amp;", "&"),
    ]
    .iter()
    .fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
}

fn metadata_is_held(url: &Url, held: &Held) -> bool {
    let mut metadata = url.clone();
    metadata.set_path(&format!("{}.metadata", url.path()));
    let path = decoded(metadata.path());
    held.address(&metadata) || held.name(path.rsplit('/').next().unwrap_or_default())
}

/// The tag without the promise of metadata (PEP 658, and 714 under its later name).
fn without_metadata(tag: &str) -> String {
    let mut tag = tag.to_owned();
    for name in ["data-dist-info-metadata", "data-core-metadata"] {
        while let Some((from, to, _)) = find_attribute(&tag, name) {
            let from = tag[..from].trim_end().len();
            tag.replace_range(from..to, "");
        }
    }
    tag
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = r#"<!DOCTYPE html>
<html><body>
<h1>Links for six</h1>
<a href="../../packages/a/six-1.15.0-py2.py3-none-any.whl#sha256=aa" data-requires-python="&gt;=2.7, !=3.0.*" data-dist-info-metadata="sha256=cc" data-core-metadata="sha256=cc">six-1.15.0-py2.py3-none-any.whl</a><br />
<a href="../../packages/b/six-1.16.0.tar.gz#sha256=bb">six-1.16.0.tar.gz</a><br/>
<A HREF='https://files.example/six-1.16.0-py2.py3-none-any.whl' data-core-metadata='true'>six</A>
</body></html>
"#;

    #[test]
    fn only_links_to_files_that_are_there() {
        let page = Url::parse("https://mirror.example/simple/six/").unwrap();
        let held = super::super::held(&[
            "https://mirror.example/packages/a/six-1.15.0-py2.py3-none-any.whl",
        ]);
        let offer = narrow(&page, PAGE.as_bytes(), &held).unwrap();
        let text = String::from_utf8(offer.body).unwrap();
        let expected = r#"<!DOCTYPE html>
<html><body>
<h1>Links for six</h1>
<a href="../../packages/a/six-1.15.0-py2.py3-none-any.whl#sha256=aa" data-requires-python="&gt;=2.7, !=3.0.*">six-1.15.0-py2.py3-none-any.whl</a><br />
</body></html>
"#;
        assert_eq!(text, expected);
        assert_eq!(offer.narrowed[0].versions, ["1.15.0"]);
    }

    #[test]
    fn metadata_that_is_there_stays_promised() {
        let page = Url::parse("https://mirror.example/simple/six/").unwrap();
        let held = super::super::held(&[
            "https://files.example/six-1.16.0-py2.py3-none-any.whl",
            "https://files.example/six-1.16.0-py2.py3-none-any.whl.metadata",
        ]);
        let offer = narrow(&page, PAGE.as_bytes(), &held).unwrap();
        let text = String::from_utf8(offer.body).unwrap();
        assert!(text.contains("data-core-metadata='true'>six</A>"), "{text}");
        assert_eq!(text.matches("<a ").count(), 0, "{text}");
    }

    #[test]
    fn other_pages_and_other_projects_stay() {
        let page = |url| Url::parse(url).unwrap();
        let held = super::super::held(&["https://h/dist/tool-1.0.tar.gz"]);
        let links = r#"<a href="tool-1.0.tar.gz">1</a><a href="tool-2.0.tar.gz">2</a>"#;
        assert_eq!(
            narrow(&page("https://h/dist/"), links.as_bytes(), &held),
            None
        );
        let simple = page("https://h/simple/six/");
        assert_eq!(narrow(&simple, PAGE.as_bytes(), &held), None);
    }
}
