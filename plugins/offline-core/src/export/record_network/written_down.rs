use std::collections::BTreeSet;

use super::plan::Planned;
use crate::dockerfile::InstructionKind;
use crate::event::{Event, Reporter, Warning};
use crate::network::writes_down;

/// Names the steps that write their environment into files, each line once.
pub(super) fn written_down(services: &[Planned<'_>], reporter: &dyn Reporter) {
    let mut said = BTreeSet::new();
    for service in services {
        let stages = service.build.stages.iter();
        let written = stages.filter_map(|stage| service.file.stages.get(stage.index));
        for instruction in written.flat_map(|stage| &stage.instructions) {
            let InstructionKind::Run(run) = &instruction.kind else {
                continue;
            };
            let at = service.build.location(instruction.line).to_string();
            if writes_down(run) && said.insert(at.clone()) {
                reporter.event(Event::Warning(warning(at)));
            }
        }
    }
}

fn warning(at: String) -> Warning {
    Warning {
        what: "this step writes its environment into a file".into(),
        subject: Some(at),
        why: Some("the proxies and the variables of whoever builds are in it, and so in the image; a replay on the site takes out what only a replay has, and says so".into()),
        remedy: Some("write the variables alone that the image needs, by their names".into()),
    }
}
