use super::*;

fn tar_of(files: &[(&str, &[u8])], links: &[(&str, &str)]) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for (name, bytes) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, name, *bytes).unwrap();
    }
    for (name, target) in links {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::Symlink);
        header.set_size(0);
        tar.append_link(&mut header, name, target).unwrap();
    }
    tar.into_inner().unwrap()
}

fn blob(bytes: &[u8]) -> String {
    format!("blobs/sha256/{}", Digest::of(bytes).hex())
}

fn platform() -> Platform {
    "linux/amd64".parse().unwrap()
}

fn import(layout: &Layout, bytes: &[u8], known: &KnownLayers) -> Vec<SavedImage> {
    layout
        .import_save(bytes, &platform(), known, &|_| ())
        .unwrap()
}

fn blobs(layout: &Layout) -> usize {
    fs::read_dir(layout.blobs()).unwrap().count()
}

fn manifest(config: &[u8], layers: &[&[u8]]) -> Vec<u8> {
    let manifest = Manifest {
        schema_version: 2,
        media_type: media_type::OCI_MANIFEST.into(),
        config: Descriptor::new(
            media_type::OCI_CONFIG,
            Digest::of(config),
            config.len() as u64,
        ),
        layers: layers
            .iter()
            .map(|l| Descriptor::new(media_type::OCI_LAYER, Digest::of(l), l.len() as u64))
            .collect(),
        annotations: BTreeMap::new(),
    };
    serde_json::to_vec(&manifest).unwrap()
}

/// What engines from 25 up write; layers come before what names them.
fn modern(config: &[u8], layers: &[&[u8]], tag: &str) -> Vec<u8> {
    let manifest = manifest(config, layers);
    let index = format!(
        r#"{{"schemaVersion":2,"manifests":[{{"mediaType":"{}","digest":"{}","size":{},"annotations":{{"io.containerd.image.name":"docker.io/library/{tag}"}}}}]}}"#,
        media_type::OCI_MANIFEST,
        Digest::of(&manifest),
        manifest.len()
    );
    let record = serde_json::json!([{
        "Config": blob(config), "RepoTags": [tag],
        "Layers": layers.iter().map(|l| blob(l)).collect::<Vec<_>>(),
    }])
    .to_string();
    let names: Vec<String> = layers.iter().map(|l| blob(l)).collect();
    let mut files: Vec<(&str, &[u8])> = names
        .iter()
        .map(String::as_str)
        .zip(layers.iter().copied())
        .collect();
    let (config_name, manifest_name) = (blob(config), blob(&manifest));
    files.push((&config_name, config));
    files.push((&manifest_name, &manifest));
    files.push(("index.json", index.as_bytes()));
    files.push(("manifest.json", record.as_bytes()));
    files.push(("oci-layout", br#"{"imageLayoutVersion":"1.0.0"}"#));
    files.push(("repositories", b"{}"));
    tar_of(&files, &[])
}

#[test]
fn an_unchanged_image_keeps_its_manifest() {
    let dir = tempfile::tempdir().unwrap();
    let layout = Layout::create(dir.path()).unwrap();
    let (config, layer) = (b"{\"a\":1}".as_slice(), b"layer".as_slice());
    let bytes = modern(config, &[layer], "app:1");
    let images = import(&layout, &bytes, &KnownLayers::new());
    let served = manifest(config, &[layer]);
    assert_eq!(images.len(), 1);
    assert_eq!(images[0].manifest.digest, Digest::of(&served));
    assert_eq!(images[0].repo_tags, ["app:1"]);
    let size = config.len() + layer.len() + served.len();
    assert_eq!(images[0].new_bytes, size as u64);
    assert_eq!(import(&layout, &bytes, &KnownLayers::new())[0].new_bytes, 0);
    assert_eq!(blobs(&layout), 3);
}

#[test]
fn a_base_layer_that_is_known_compressed_is_not_written_again() {
    let dir = tempfile::tempdir().unwrap();
    let layout = Layout::create(dir.path()).unwrap();
    let (config, base, own) = (b"{}".as_slice(), b"base".as_slice(), b"own".as_slice());
    let compressed = layout.write_blob(&[0x1f, 0x8b, 1, 2]).unwrap();
    let known_layer = Descriptor::new(media_type::OCI_LAYER, compressed.digest, compressed.size);
    let known = KnownLayers::from([(Digest::of(base), known_layer)]);
    let images = import(&layout, &modern(config, &[base, own], "app:1"), &known);
    assert!(!layout.has_blob(&Digest::of(base), None));
    // The engine's manifest is gone, ours has taken its place.
    assert_eq!(blobs(&layout), 4);
    let written: Manifest = layout.read_json_blob(&images[0].manifest.digest).unwrap();
    assert_eq!(written.config.digest, Digest::of(config));
    assert_eq!(written.layers[0].digest, compressed.digest);
    assert!(written.layers[0].media_type.ends_with(".tar+gzip"));
    assert_eq!(written.layers[1].digest, Digest::of(own));
    assert_eq!(written.layers[1].media_type, media_type::OCI_LAYER);
    // Again: nothing is new, and the manifest is the same.
    let again = import(&layout, &modern(config, &[base, own], "app:1"), &known);
    assert_eq!(again[0].manifest, images[0].manifest);
    assert_eq!(again[0].new_bytes, 0);
}

#[test]
fn the_format_before_25_is_read_with_its_links() {
    let dir = tempfile::tempdir().unwrap();
    let layout = Layout::create(dir.path()).unwrap();
    let config = b"{}".as_slice();
    let name = format!("{}.json", Digest::of(config).hex());
    let record = serde_json::json!([{
        "Config": name, "RepoTags": ["old:1", "old:2"],
        "Layers": ["aa/layer.tar", "bb/layer.tar"],
    }])
    .to_string();
    let bytes = tar_of(
        &[
            ("aa/VERSION", b"1.0"),
            ("aa/json", b"{}"),
            ("aa/layer.tar", b"layer"),
            (&name, config),
            ("manifest.json", record.as_bytes()),
        ],
        &[("bb/layer.tar", "../aa/layer.tar")],
    );
    let images = import(&layout, &bytes, &KnownLayers::new());
    assert_eq!(images[0].repo_tags, ["old:1", "old:2"]);
    let layers: Vec<Digest> = images[0].layers.iter().map(|l| l.digest).collect();
    assert_eq!(layers, [Digest::of(b"layer"); 2]);
    assert_eq!(images[0].config, Digest::of(config));
    assert_eq!(blobs(&layout), 3);
}

#[test]
fn attestations_are_dropped_and_the_wanted_platform_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    let layout = Layout::create(dir.path()).unwrap();
    let (config, layer) = (b"{}".as_slice(), b"layer".as_slice());
    let image = manifest(config, &[layer]);
    let attestation = manifest(b"{\"x\":1}", &[b"proof"]);
    let index = serde_json::json!({"schemaVersion": 2, "manifests": [
        {"mediaType": media_type::OCI_MANIFEST, "digest": Digest::of(b"arm"), "size": 3,
         "platform": {"os": "linux", "architecture": "arm64"}},
        {"mediaType": media_type::OCI_MANIFEST, "digest": Digest::of(&image), "size": image.len(),
         "platform": {"os": "linux", "architecture": "amd64"}},
        {"mediaType": media_type::OCI_MANIFEST, "digest": Digest::of(&attestation),
         "size": attestation.len(), "platform": {"os": "unknown", "architecture": "unknown"}},
    ]})
    .to_string();
    let top = serde_json::json!({"schemaVersion": 2, "manifests": [
        {"mediaType": media_type::OCI_INDEX, "digest": Digest::of(index.as_bytes()),
         "size": index.len(), "annotations": {"io.containerd.image.name": "docker.io/library/a:1"}},
    ]})
    .to_string();
    let files: Vec<&[u8]> = vec![
        config,
        layer,
        &image,
        &attestation,
        b"proof",
        index.as_bytes(),
    ];
    let names: Vec<String> = files.iter().map(|f| blob(f)).collect();
    let mut all: Vec<(&str, &[u8])> = names.iter().map(String::as_str).zip(files).collect();
    all.push(("index.json", top.as_bytes()));
    let images = import(&layout, &tar_of(&all, &[]), &KnownLayers::new());
    assert_eq!(images[0].manifest.digest, Digest::of(&image));
    assert_eq!(images[0].repo_tags, ["a:1"]);
    assert_eq!(blobs(&layout), 3);
}

#[test]
fn a_stream_with_wrong_bytes_or_a_cut_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let layout = Layout::create(dir.path()).unwrap();
    let bytes = modern(b"{}", &[b"layer"], "app:1");
    for end in [0, 100, 600, 1100, 2100] {
        let outcome = layout.import_save(&bytes[..end], &platform(), &KnownLayers::new(), &|_| ());
        assert!(outcome.is_err(), "cut at {end}");
    }
    let altered = tar_of(&[(&blob(b"other"), b"OTHER")], &[]);
    let outcome = layout.import_save(&*altered, &platform(), &KnownLayers::new(), &|_| ());
    assert!(matches!(outcome, Err(Error::DigestMismatch { .. })));
    assert!(!layout.has_blob(&Digest::of(b"OTHER"), None));
}

#[test]
fn what_is_written_for_docker_load_can_be_imported_again() {
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let layout = Layout::create(from.path()).unwrap();
    let images = import(
        &layout,
        &modern(b"{}", &[b"layer"], "app:1"),
        &KnownLayers::new(),
    );
    let entry = super::super::IndexEntry {
        descriptor: images[0].manifest.clone(),
        ref_name: "docker.io/library/app:1".into(),
        repo_tags: vec!["app:1".into()],
        annotations: BTreeMap::new(),
    };
    layout.write_index(std::slice::from_ref(&entry)).unwrap();
    assert_eq!(layout.verify(&[], 2, &|_| ()).unwrap(), []);
    let mut tar = Vec::new();
    let none = std::collections::HashSet::new();
    layout
        .load_tar(std::slice::from_ref(&entry), &none, &mut tar, &|_| ())
        .unwrap();
    let target = Layout::create(to.path()).unwrap();
    let again = import(&target, &tar, &KnownLayers::new());
    assert_eq!(again[0].manifest.digest, images[0].manifest.digest);
    assert_eq!(again[0].repo_tags, ["app:1"]);
    let held = std::collections::HashSet::from([Digest::of(b"layer")]);
    let mut small = Vec::new();
    layout
        .load_tar(&[entry], &held, &mut small, &|_| ())
        .unwrap();
    assert!(small.len() < tar.len());
}
