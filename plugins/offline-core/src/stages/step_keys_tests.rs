use super::*;
use crate::project::from_config;

const DOCKERFILE: &str = "FROM a AS deps\nARG V=1\nCOPY lock ./\nRUN install\nFROM a\nCOPY --from=deps /x /x\nCOPY src ./src\nRUN make\n";

fn keys(dockerfile: &str, args: &str, files: &[(&str, &str)]) -> Vec<Vec<Digest>> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("Dockerfile"), dockerfile).unwrap();
    std::fs::create_dir(folder.path().join("src")).unwrap();
    for (path, text) in [("lock", "1"), ("src/main", "1")].iter().chain(files) {
        std::fs::write(folder.path().join(path), text).unwrap();
    }
    let context = folder.path().display();
    let config = format!(
        r#"{{"name": "p", "services": {{"s": {{"build": {{"context": "{context}", "args": {{{args}}}}}}}}}}}"#
    );
    let project = from_config(&config, &[folder.path().join("compose.yaml")]).unwrap();
    let closure = crate::closure::resolve(&project, &[], &"linux/amd64".parse().unwrap()).unwrap();
    let inventory = Inventory::of_context(folder.path(), None).unwrap();
    let inventories = BTreeMap::from([("s".to_owned(), std::sync::Arc::new(inventory))]);
    step_keys(&project, &closure, &inventories, MadeOf::Everything)
        .into_values()
        .collect()
}

/// How many keys from the start are the same, by stage.
fn same(one: &[Vec<Digest>], other: &[Vec<Digest>]) -> Vec<usize> {
    let pairs = one.iter().zip(other);
    pairs
        .map(|(a, b)| a.iter().zip(b).take_while(|(a, b)| a == b).count())
        .collect()
}

#[test]
fn a_step_changes_with_what_it_takes_and_all_after_it() {
    let before = keys(DOCKERFILE, "", &[]);
    assert_eq!(
        before.iter().map(Vec::len).collect::<Vec<_>>(),
        [4, 4],
        "a FROM and three instructions each"
    );
    let with = |files: &[(&str, &str)]| same(&before, &keys(DOCKERFILE, "", files));
    assert_eq!(with(&[]), [4, 4]);
    assert_eq!(with(&[("src/main", "2")]), [4, 2]);
    assert_eq!(with(&[("README", "x")]), [4, 4], "nothing takes it");
    assert_eq!(
        with(&[("lock", "2")]),
        [2, 1],
        "and the stage that copies from it"
    );
}

#[test]
fn a_step_changes_with_its_text_and_the_arguments_before_it() {
    let before = keys(DOCKERFILE, "", &[]);
    let edited = DOCKERFILE.replace("RUN make", "# why\nRUN  make all");
    assert_eq!(same(&before, &keys(&edited, "", &[])), [4, 3]);
    assert_eq!(same(&before, &keys(DOCKERFILE, r#""V": "2""#, &[])), [1, 1]);
    assert_eq!(
        same(&before, &keys(DOCKERFILE, r#""OTHER": "2""#, &[])),
        [4, 4],
        "no stage asks for it"
    );
    let pinned = DOCKERFILE.replace("FROM a\n", "FROM a:2\n");
    assert_eq!(same(&before, &keys(&pinned, "", &[])), [4, 0]);
}
