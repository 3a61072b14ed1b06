//! A file or a folder as a tar, and back: modes, owners, times, links of both sorts and
//! extended attributes are kept.
//!
//! The same tree gives the same bytes. What comes back is treated as hostile: no entry
//! leaves the place that it is put to, neither by its name nor through a link.

mod attributes;
mod compare;
mod entry;
mod lay;
mod made;
mod write;

pub(super) use compare::{compare, is_of_content};
pub(super) use entry::{Entry, What, each};
pub(super) use lay::{Choice, lay};
pub(super) use made::{Item, Made};
pub(super) use write::{Those, write, write_those};

#[cfg(test)]
mod tests;
