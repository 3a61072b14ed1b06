use std::io::{self, BufReader, Read, Write};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;
use flate2::write::GzEncoder;
use zstd::stream::raw::CParameter;

use super::Error;

/// At level 3 an archive of gzip-compressed base layers comes out a little larger
/// than zstd's own of the raw layers; level 5 makes up for it (`make bench`).
const LEVEL: i32 = 5;

/// How an archive is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// `.tar.zst`
    Zstd,
    /// `.tar.gz`
    Gzip,
    /// `.tar`
    None,
}

impl Compression {
    /// What an archive's name asks for.
    pub fn of_name(archive: &Path) -> Result<Self, Error> {
        let name = archive.file_name().unwrap_or_default().to_string_lossy();
        if name.ends_with(".tar.zst") {
            Ok(Self::Zstd)
        } else if name.ends_with(".tar.gz") || name.ends_with(".tgz") {
            Ok(Self::Gzip)
        } else if name.ends_with(".tar") {
            Ok(Self::None)
        } else {
            Err(Error::UnknownFormat {
                path: archive.to_owned(),
            })
        }
    }

    /// What a file is by its first bytes; `None` if it is none of these.
    pub(super) fn of_magic(start: &[u8]) -> Option<Self> {
        match start {
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Some(Self::Zstd),
            [0x1f, 0x8b, ..] => Some(Self::Gzip),
            _ if start.get(257..262) == Some(b"ustar") => Some(Self::None),
            _ => None,
        }
    }
}

/// Compresses what is written to it.
pub(crate) enum Encoder<W: Write> {
    Zstd(zstd::Encoder<'static, W>),
    Gzip(GzEncoder<W>),
    None(W),
}

impl<W: Write> Encoder<W> {
    pub(crate) fn new(compression: Compression, inner: W) -> io::Result<Self> {
        Ok(match compression {
            Compression::Zstd => {
                let mut encoder = zstd::Encoder::new(inner, LEVEL)?;
                let cores = std::thread::available_parallelism().map_or(1, usize::from);
                // Each worker holds a job of input and of output: this bounds
                // the memory however many cores there are.
                encoder.multithread(u32::try_from(cores.min(4)).unwrap_or(1))?;
                encoder.set_parameter(CParameter::JobSize(4 << 20))?;
                encoder.include_checksum(true)?;
                Self::Zstd(encoder)
            }
            Compression::Gzip => Self::Gzip(
                flate2::GzBuilder::new()
                    .mtime(0)
                    .write(inner, flate2::Compression::default()),
            ),
            Compression::None => Self::None(inner),
        })
    }

    pub(crate) fn finish(self) -> io::Result<W> {
        match self {
            Self::Zstd(encoder) => encoder.finish(),
            Self::Gzip(encoder) => encoder.finish(),
            Self::None(inner) => Ok(inner),
        }
    }
}

impl<W: Write> Write for Encoder<W> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        match self {
            Self::Zstd(encoder) => encoder.write(buffer),
            Self::Gzip(encoder) => encoder.write(buffer),
            Self::None(inner) => inner.write(buffer),
        }
    }
    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Zstd(encoder) => encoder.flush(),
            Self::Gzip(encoder) => encoder.flush(),
            Self::None(inner) => inner.flush(),
        }
    }
}

/// Decompresses a file of any of the three kinds, told by its first bytes.
pub(super) fn decoder<'a, R: Read + 'a>(
    mut source: R,
    path: &Path,
) -> Result<(Compression, Box<dyn Read + 'a>), Error> {
    let mut start = Vec::new();
    source
        .by_ref()
        .take(512)
        .read_to_end(&mut start)
        .map_err(Error::io("read", path))?;
    let kind = Compression::of_magic(&start).ok_or_else(|| Error::NotABundle {
        path: path.to_owned(),
        why: if start.is_empty() {
            "it is empty".into()
        } else {
            "it is neither a tar nor one compressed with zstd or gzip".into()
        },
    })?;
    let whole = BufReader::with_capacity(1 << 17, io::Cursor::new(start).chain(source));
    let decoder: Box<dyn Read + 'a> = match kind {
        Compression::Zstd => {
            let mut decoder = zstd::Decoder::with_buffer(whole).map_err(Error::io("read", path))?;
            // A hostile frame may ask for gigabytes of window; 8 MiB is what
            // every decoder must grant (RFC 8878, 3.1.1.1.2).
            decoder
                .window_log_max(23)
                .map_err(Error::io("read", path))?;
            Box::new(decoder)
        }
        Compression::Gzip => Box::new(MultiGzDecoder::new(whole)),
        Compression::None => Box::new(whole),
    };
    Ok((kind, decoder))
}
