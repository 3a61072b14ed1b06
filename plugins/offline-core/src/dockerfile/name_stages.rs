use super::Dockerfile;
use super::parse::BYTE_ORDER_MARK;

/// The same text with a name for every unnamed stage, and the names of all
/// stages by their number.
///
/// An unnamed stage cannot be a build's target, and names are not part of cache
/// keys. Nothing else changes; every line keeps its number.
pub fn with_named_stages(text: &str, dockerfile: &Dockerfile) -> (String, Vec<String>) {
    let (mark, body) = match text.strip_prefix(BYTE_ORDER_MARK) {
        Some(body) => (&text[..text.len() - body.len()], body),
        None => ("", text),
    };
    let lower = body.to_ascii_lowercase();
    let mut result = String::with_capacity(text.len() + 32 * dockerfile.stages.len());
    result.push_str(mark);
    let mut names = Vec::with_capacity(dockerfile.stages.len());
    let mut copied = 0;
    for stage in &dockerfile.stages {
        if let Some(name) = &stage.name {
            names.push(name.clone());
            continue;
        }
        // A name that occurs nowhere in the text can be neither another
        // stage's nor an image's that the file refers to.
        let mut name = format!("offline-stage-{}", stage.index);
        while lower.contains(&name) {
            name.push_str("-x");
        }
        result.push_str(&body[copied..stage.from_end]);
        result.push_str(" AS ");
        result.push_str(&name);
        copied = stage.from_end;
        names.push(name);
    }
    result.push_str(&body[copied..]);
    (result, names)
}
