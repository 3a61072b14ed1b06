use proptest::prelude::*;

use super::*;

fn of_api(build: BuildChanges) -> BTreeMap<String, ServiceChanges> {
    let changes = ServiceChanges {
        build,
        ..ServiceChanges::default()
    };
    BTreeMap::from([("api".to_owned(), changes)])
}

fn with_args(args: &[(&str, &str)]) -> String {
    let args = args
        .iter()
        .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
        .collect();
    let build = BuildChanges {
        args,
        ..BuildChanges::default()
    };
    rendered(&of_api(build), &BTreeMap::new()).unwrap()
}

#[test]
fn tags_are_written_as_compose_reads_them() {
    let services = of_api(BuildChanges {
        forgotten: BTreeSet::from(["cache_to"]),
        platforms: Some(vec!["linux/amd64".to_owned()]),
        ..BuildChanges::default()
    });
    let secrets = BTreeMap::from([("s".to_owned(), PathBuf::from("/a$b"))]);
    assert_eq!(
        rendered(&services, &secrets).unwrap(),
        "secrets:\n  s:\n    file: /a$$b\nservices:\n  api:\n    build:\n      cache_to: !reset null\n      platforms: !override\n      - linux/amd64\n"
    );
}

#[test]
fn all_that_can_be_told_is_written_once_and_nothing_else() {
    let text = |text: &str| text.to_owned();
    let build = BuildChanges {
        context: Some("/c".into()),
        dockerfile: Some("/c/Dockerfile".into()),
        args: BTreeMap::from([(text("A"), text("$1"))]),
        additional_contexts: BTreeMap::from([(text("x"), text("/x"))]),
        secrets: vec![mounted("name", "id")],
        replaces_secrets: true,
        ssh: Some(vec![text("k=/k$")]),
        platforms: Some(Vec::new()),
        pull: Some(false),
        forgotten: BTreeSet::from(["sbom", "cache_from"]),
    };
    let mut services = of_api(build);
    let optional = serde_yaml::from_str("[{path: '${X}.env', required: false}]").unwrap();
    services.insert(
        text("db"),
        ServiceChanges {
            image: Some(text("db:1")),
            pull_policy: Some(PullPolicy::Missing),
            env_file: Some(optional),
            ..ServiceChanges::default()
        },
    );
    assert_eq!(
        rendered(&services, &BTreeMap::new()).unwrap(),
        "services:
  api:
    build:
      additional_contexts:
        x: /x
      args:
      - A=$$1
      cache_from: !reset null
      context: /c
      dockerfile: /c/Dockerfile
      platforms: !override []
      pull: false
      sbom: !reset null
      secrets: !override
      - source: name
        target: id
      ssh: !override
      - k=/k$$
  db:
    env_file: !override
    - path: ${X}.env
      required: false
    image: db:1
    pull_policy: missing
"
    );
}

#[test]
fn a_file_that_says_nothing_has_no_services_and_is_not_empty() {
    let text = rendered(&BTreeMap::new(), &BTreeMap::new()).unwrap();
    assert_eq!(text, "services: {}\n");
}

#[test]
fn secrets_are_added_where_they_replace_none() {
    let services = of_api(BuildChanges {
        secrets: vec![mounted("a", "b")],
        ..BuildChanges::default()
    });
    assert_eq!(
        rendered(&services, &BTreeMap::new()).unwrap(),
        "services:\n  api:\n    build:\n      secrets:\n      - source: a\n        target: b\n"
    );
}

#[test]
fn no_reader_takes_an_argument_for_anything_but_text() {
    for value in [
        "2024-01-01",
        "2024-01-01T10:00:00Z",
        "1_000",
        "12:30",
        "0b1_0",
        "0755",
        "1e3",
        "on",
        "no",
        "true",
        "null",
        "~",
        "=",
        "<<",
        "",
        "ä→\u{1f40b}",
    ] {
        let text = with_args(&[("A", value)]);
        assert!(text.ends_with(&format!("      - A={value}\n")), "{text}");
    }
    for value in ["a: b", "a #b", " a", "a ", "a\n b\n", "\u{7}", "'\""] {
        let text = with_args(&[("A", value)]);
        let read: Value = serde_yaml::from_str(&text).unwrap();
        let read = &read["services"]["api"]["build"]["args"][0];
        assert_eq!(read, &format!("A={value}"), "{text}");
    }
    let long = "word ".repeat(500) + "end";
    assert!(with_args(&[("A", &long)]).contains(&long), "one line");
}

/// As Compose puts them into its own values.
fn expanded(text: &str) -> String {
    text.replace("$$", "$")
}

/// Texts that are awkward in YAML, and any others.
fn texts() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[-+.:=0-9_exob,T $]{0,12}",
        "[ \\t\\n\\r#'\"{}\\[\\]&*!|>%@`?:,$-]{0,8}",
        "(on|off|Yes|NO|null|~|true|2024-01-01|0755|<<)[ \\n]?",
    ]
}

proptest! {
    #[test]
    fn what_is_written_reads_back_to_the_same(
        args in prop::collection::btree_map("[A-Za-z_][A-Za-z0-9_]{0,9}", texts(), 0..4),
        contexts in prop::collection::btree_map(texts(), texts(), 0..3),
        secrets in prop::collection::vec((texts(), texts()), 0..3),
        (service, image, dockerfile) in (texts(), texts(), texts()),
        replaces_secrets: bool,
    ) {
        let changes = ServiceChanges {
            image: Some(image.clone()),
            build: BuildChanges {
                args: args.clone(),
                additional_contexts: contexts.clone(),
                secrets: secrets.iter().map(|(name, id)| mounted(name, id)).collect(),
                replaces_secrets,
                dockerfile: Some(PathBuf::from(&dockerfile)),
                ..BuildChanges::default()
            },
            ..ServiceChanges::default()
        };
        let files = BTreeMap::from([(service.clone(), PathBuf::from(&dockerfile))]);
        let services = BTreeMap::from([(service.clone(), changes)]);
        let text = rendered(&services, &files).unwrap();
        let read: Value = serde_yaml::from_str(&text).unwrap();
        let map = |value: &Value| -> BTreeMap<String, String> {
            let entries = value.as_mapping().into_iter().flatten();
            let entries = entries.map(|(k, v)| (k.as_str().unwrap(), v.as_str().unwrap()));
            entries.map(|(k, v)| (k.to_owned(), expanded(v))).collect()
        };
        let told = &read["services"][service.as_str()];
        let build = &told["build"];
        prop_assert_eq!(expanded(told["image"].as_str().unwrap()), image);
        prop_assert_eq!(expanded(build["dockerfile"].as_str().unwrap()), dockerfile.clone());
        let list = build["args"].as_sequence().into_iter().flatten();
        let list: BTreeMap<String, String> = list
            .map(|one| one.as_str().unwrap().split_once('=').unwrap())
            .map(|(name, value)| (name.to_owned(), expanded(value)))
            .collect();
        prop_assert_eq!(list, args);
        prop_assert_eq!(map(&build["additional_contexts"]), contexts);
        let mounts = build["secrets"].as_sequence().into_iter().flatten();
        let mounts: Vec<(String, String)> = mounts
            .map(|one| (expanded(one["source"].as_str().unwrap()), expanded(one["target"].as_str().unwrap())))
            .collect();
        prop_assert_eq!(mounts, secrets);
        let tag = match &build["secrets"] {
            Value::Tagged(held) => Some(held.tag.to_string()),
            _ => None,
        };
        prop_assert_eq!(tag.is_some(), replaces_secrets);
        let file = &read["secrets"][service.as_str()]["file"];
        prop_assert_eq!(expanded(file.as_str().unwrap()), dockerfile);
    }
}
