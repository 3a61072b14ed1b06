//! Every rule of `docker offline diagnose` has found something for real in the story that
//! says so. Told after the others, of which it reads what they have seen.

use docker_offline_tests::{PROVOKED, provoked_by};

#[test]
fn in_the_story_that_says_so() {
    let missing: Vec<_> = PROVOKED
        .iter()
        .filter(|row| {
            let by = provoked_by(row.id).expect("a run of all stories: make test");
            !by.contains(row.story)
        })
        .map(|row| (row.id, row.story))
        .collect();
    assert!(missing.is_empty(), "found nothing for real: {missing:?}");
}
