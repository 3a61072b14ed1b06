use super::*;
use crate::layout::media_type;

fn layout() -> (tempfile::TempDir, Layout, Digest) {
    let folder = tempfile::tempdir().unwrap();
    let layout = Layout::create(folder.path()).unwrap();
    let history = |by: &str, empty: bool| {
        let mut entry = json!({"created": "2026-01-02T00:00:00Z", "created_by": by});
        if empty {
            entry["empty_layer"] = json!(true);
        }
        entry
    };
    let layers: Vec<Descriptor> = ["base", "run", "copy"]
        .iter()
        .map(|text| {
            let blob = layout.write_blob(text.as_bytes()).unwrap();
            Descriptor::new(media_type::OCI_LAYER, blob.digest, blob.size)
        })
        .collect();
    let diff_ids: Vec<Digest> = layers.iter().map(|l| l.digest).collect();
    let config = json!({
        "architecture": "amd64", "os": "linux", "created": "2026-01-03T00:00:00Z",
        "container": "c", "container_config": {"Cmd": ["x"]},
        "config": {"Env": ["A=1", "LATER=1"], "Cmd": ["x"]},
        "rootfs": {"type": "layers", "diff_ids": diff_ids},
        "history": [history("base", false), history("RUN", false), history("ENV", true), history("COPY", false), history("CMD", true)],
    });
    let config = layout.write_blob(config.to_string().as_bytes()).unwrap();
    let manifest = Manifest {
        schema_version: 2,
        media_type: media_type::OCI_MANIFEST.into(),
        config: Descriptor::new(media_type::OCI_CONFIG, config.digest, config.size),
        layers,
        annotations: std::collections::BTreeMap::new(),
    };
    let bytes = serde_json::to_vec(&manifest).unwrap();
    let stage = layout.write_blob(&bytes).unwrap().digest;
    (folder, layout, stage)
}

fn base() -> Value {
    json!({
        "config": {"Env": ["PATH=/bin"]}, "history": [{"created_by": "base"}],
        "rootfs": {"diff_ids": ["sha256:0"]},
    })
}

#[test]
fn a_cut_image_has_the_layers_of_its_steps_and_the_settings_of_its_base() {
    let (_folder, layout, stage) = layout();
    let cut = |kept| {
        cut(&layout, "x:1".into(), &stage, &base(), kept, 4)
            .unwrap()
            .unwrap()
    };
    for (kept, layers) in [(1, 2), (2, 2), (3, 3), (4, 3)] {
        let image = cut(kept);
        let config: Value = serde_json::from_slice(&image.config).unwrap();
        assert_eq!(image.layers.len(), layers, "after {kept}");
        assert_eq!(
            config["rootfs"]["diff_ids"].as_array().unwrap().len(),
            layers
        );
        assert_eq!(config["history"].as_array().unwrap().len(), kept + 1);
        assert_eq!(config["config"], json!({"Env": ["PATH=/bin"]}));
        assert_eq!(config["created"], "2026-01-02T00:00:00Z");
        assert!(config.get("container_config").is_none());
        let manifest: Manifest = serde_json::from_slice(&image.manifest).unwrap();
        assert_eq!(manifest.config.digest, image.config_digest());
    }
    assert_eq!(cut(2).config, cut(2).config, "the same each time");
}

#[test]
fn an_image_whose_history_is_another_is_not_cut() {
    let (_folder, layout, stage) = layout();
    let mut triggers = base();
    triggers["config"]["OnBuild"] = json!(["RUN x"]);
    for (base, all) in [(base(), 5), (base(), 3), (triggers, 4)] {
        let cut = cut(&layout, "x:1".into(), &stage, &base, 2, all).unwrap();
        assert!(cut.is_none());
    }
}
