/// The name a stage's image has in the layout and after a plain `docker load`.
pub(crate) fn stage_reference(project: &str, service: &str, stage: &str) -> String {
    let clean = |text: &str| -> String {
        let lower = text.to_lowercase();
        let kept: String = lower
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
            .collect();
        kept.trim_matches('-').to_owned()
    };
    let tag: String = stage
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-') {
                c
            } else {
                '-'
            }
        })
        .collect();
    format!(
        "docker-offline.invalid/{}/{}:{tag}",
        clean(project),
        clean(service)
    )
}

/// The name of the image that the classic builder goes on from in a stage.
pub(crate) fn classic_reference(project: &str, service: &str, stage: &str) -> String {
    stage_reference(project, service, &format!("classic-{stage}"))
}
