use super::*;
use crate::build::classic::cut::LoadImage;
use crate::closure::Closure;
use crate::project::from_config;

const TEXT: &str = "ARG BASE=a\nFROM ${BASE} AS deps\nWORKDIR /x\nRUN install \\\n    it\nFROM a AS run\nENV A=1\nCOPY --from=deps /x /x\nCOPY src ./src\nCMD [\"x\"]\n";

fn closure(text: &str) -> (tempfile::TempDir, Closure) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("Dockerfile"), text).unwrap();
    let context = folder.path().display();
    let config =
        format!(r#"{{"name": "p", "services": {{"s": {{"build": {{"context": "{context}"}}}}}}}}"#);
    let project = from_config(&config, &[folder.path().join("compose.yaml")]).unwrap();
    let platform = "linux/amd64".parse().unwrap();
    let closure = crate::closure::resolve(&project, &[], &platform).unwrap();
    (folder, closure)
}

fn start(name: &str, kept: usize, whole: bool) -> Start {
    Start {
        image: LoadImage {
            name: name.into(),
            manifest: Vec::new(),
            media_type: String::new(),
            config: Vec::new(),
            layers: Vec::new(),
            diff_ids: Vec::new(),
        },
        kept,
        whole,
    }
}

fn resumed_with(starts: &[(usize, Start)]) -> Resumed {
    let (_folder, closure) = closure(TEXT);
    let build = closure.service("s").unwrap().build.clone().unwrap();
    let file = crate::dockerfile::parse(&build.named_dockerfile, &build.dockerfile_path).unwrap();
    let starts = starts.iter().cloned().collect();
    resumed(&build, &file, &Substitutes::default(), &starts)
}

#[test]
fn what_is_in_the_image_is_blank_and_settings_are_repeated() {
    let resumed = resumed_with(&[
        (0, start("img:deps", 2, true)),
        (1, start("img:run.2", 2, false)),
    ]);
    insta::assert_snapshot!(resumed.text, @r#"
    ARG BASE=a
    FROM scratch AS deps



    FROM img:run.2 AS run
    ENV A=1

    COPY src ./src
    CMD ["x"]
    "#);
    assert_eq!(resumed.kept, 4);
    let built = |place: &&Place| matches!(place, Place::Built(_));
    assert_eq!(
        resumed.places.iter().filter(built).collect::<Vec<_>>(),
        [&Place::Built(9), &Place::Built(10)],
        "every line keeps its number"
    );
}

#[test]
fn a_stage_that_is_still_asked_for_goes_on_from_its_own_image() {
    let resumed = resumed_with(&[
        (0, start("img:deps.1", 1, false)),
        (1, start("img:run.1", 1, false)),
    ]);
    insta::assert_snapshot!(resumed.text, @r#"
    ARG BASE=a
    FROM img:deps.1 AS deps
    WORKDIR /x
    RUN install \
        it
    FROM img:run.1 AS run
    ENV A=1
    COPY --from=deps /x /x
    COPY src ./src
    CMD ["x"]
    "#);
    assert_eq!(resumed.kept, 2);
}

#[test]
fn without_an_image_a_stage_is_built_from_its_base() {
    let resumed = resumed_with(&[]);
    assert_eq!(resumed.text, TEXT);
    assert_eq!(resumed.kept, 0);
    assert_eq!(
        resumed.places.len(),
        9,
        "an ARG, two FROMs, six instructions"
    );
}
