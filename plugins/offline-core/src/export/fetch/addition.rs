use crate::bundle::{AddsTo, FORMAT, NetworkRecord, Record, ServiceRecord, Wanted};
use crate::export::record::{engine_of, relative, sources};
use crate::export::{ExportOptions, Prepared};
use crate::layout::Layout;

/// Writes the documents of a bundle that adds this recording to the one that a
/// request file speaks of.
pub(super) fn write(
    layout: &Layout,
    prepared: &Prepared,
    options: &ExportOptions,
    wanted: &Wanted,
    mut network: NetworkRecord,
) -> Result<Record, crate::bundle::Error> {
    let created = jiff::Timestamp::now()
        .strftime("%Y-%m-%dT%H:%M:%SZ")
        .to_string();
    network.added = Some(created.clone());
    let services = prepared.closure.services.iter().filter_map(|service| {
        let build = service.build.as_ref()?;
        network.services.get(&service.name)?;
        let own = prepared.project.service(&service.name)?.build.as_ref()?;
        Some(ServiceRecord {
            name: service.name.clone(),
            image: service.image.clone(),
            dockerfile: Some(relative(
                &build.dockerfile_path,
                &prepared.project.directory,
            )),
            target: build.target.clone(),
            sources: Some(sources(own.network.as_deref(), build)),
            ..ServiceRecord::default()
        })
    });
    let mut record = Record {
        format: FORMAT,
        tool_version: options.tool_version.clone(),
        created,
        project: prepared.project.name.clone(),
        platform: prepared.platform.to_string(),
        engine: engine_of(&prepared.engine),
        services: services.collect(),
        extra_blobs: vec![network.manifest.clone()],
        network: vec![network],
        adds_to: Some(AddsTo {
            project: wanted.project.clone(),
            created: wanted.bundle.created.clone(),
        }),
        ..Record::default()
    };
    layout.write_index(&[])?;
    record.write(layout)?;
    Ok(record)
}
