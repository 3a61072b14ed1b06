//! The plan of an export, as pure data: what `--dry-run` prints.

mod json;
#[cfg(test)]
mod tests;
mod text;

pub use json::export_json;
pub use text::export_text;
