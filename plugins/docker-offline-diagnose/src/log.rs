use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};

use offline_core::diagnosis::{Report, read_log};
use offline_core::error::Explain;
use offline_core::{Failure, Kind};

/// A log that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("the log {} cannot be read", log.display())]
struct Unreadable {
    log: PathBuf,
    #[source]
    why: io::Error,
}

impl Explain for Unreadable {
    fn kind(&self) -> Kind {
        Kind::Io
    }

    fn hint(&self) -> Option<String> {
        Some(
            "keep a build's log with `docker compose --progress plain build 2>&1 | tee build.log`"
                .into(),
        )
    }
}

/// Reads a log; `-` is standard input.
pub(crate) fn read(log: &Path) -> Result<Report, Failure> {
    let unreadable = |why| Unreadable {
        log: log.to_owned(),
        why,
    };
    let (source, name): (Box<dyn BufRead>, _) = if log == Path::new("-") {
        (Box::new(io::stdin().lock()), "stdin".to_owned())
    } else {
        let file = File::open(log).map_err(unreadable)?;
        let reader = BufReader::with_capacity(1 << 18, file);
        (Box::new(reader), log.display().to_string())
    };
    Ok(read_log(source, &name).map_err(unreadable)?)
}
