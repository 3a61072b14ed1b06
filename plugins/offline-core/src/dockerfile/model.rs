/// A parsed Dockerfile. Texts are as written, with line continuations joined
/// and variables not expanded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dockerfile {
    /// The frontend that `# syntax=` names, and its line.
    pub syntax: Option<(String, u32)>,
    /// The escape character, `\` unless `# escape=` says otherwise.
    pub escape: char,
    /// The ARGs before the first FROM.
    pub global_args: Vec<Arg>,
    /// The stages; at least one.
    pub stages: Vec<Stage>,
    /// The lines and keywords of instructions that are known to the frontend of
    /// `# syntax=` alone.
    pub not_understood: Vec<(u32, String)>,
}

/// One `name` or `name=default` of an ARG instruction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arg {
    /// The line of the instruction.
    pub line: u32,
    /// The argument's name.
    pub name: String,
    /// Its default, not expanded, with its quotes.
    pub default: Option<String>,
}

/// A build stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stage {
    /// Its number, from 0.
    pub index: usize,
    /// Its name as written. Names are compared without regard to case.
    pub name: Option<String>,
    /// The line of its FROM.
    pub line: u32,
    /// What it starts from, not expanded.
    pub from: String,
    /// `--platform`, not expanded.
    pub platform: Option<String>,
    /// Its instructions without the FROM.
    pub instructions: Vec<Instruction>,
    /// Where the image name ends in the text, for adding a name after it.
    pub(super) from_end: usize,
}

/// An instruction of a stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instruction {
    /// Its first line.
    pub line: u32,
    /// What it is.
    pub kind: InstructionKind,
}

/// What an instruction is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InstructionKind {
    /// RUN.
    Run(Run),
    /// COPY.
    Copy(Copy),
    /// ADD.
    Add(Copy),
    /// ARG.
    Arg(Vec<Arg>),
    /// ENV, as names and values not expanded.
    Env(Vec<(String, String)>),
    /// ONBUILD with what it triggers.
    Onbuild(Box<Instruction>),
    /// Any other, by its keyword.
    Other(&'static str),
}

/// A RUN instruction.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Run {
    /// `--mount`.
    pub mounts: Vec<Mount>,
    /// `--network`.
    pub network: Option<String>,
    /// `--security`.
    pub security: Option<String>,
    /// The names of all its flags, in order.
    pub flags: Vec<String>,
    /// The command; for the exec form its words joined by spaces.
    pub command: String,
    /// The bodies of its heredocs.
    pub heredocs: Vec<String>,
    /// Whether it is written as a JSON array.
    pub exec_form: bool,
    /// Where the keyword ends in the text, for adding flags after it.
    pub(crate) keyword_end: usize,
    /// Where the command begins in the text, behind the flags: for the exec form its
    /// bracket.
    pub(crate) command_start: usize,
}

/// A `--mount` of a RUN instruction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount {
    /// `type`; `bind` where not given.
    pub mount_type: String,
    /// `from`.
    pub from: Option<String>,
    /// `source` or `src`.
    pub source: Option<String>,
    /// `target`, `dst` or `destination`.
    pub target: Option<String>,
    /// `id`.
    pub id: Option<String>,
    /// Where its options end in the text, for adding one.
    pub(crate) options_end: usize,
}

/// A COPY or ADD instruction.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Copy {
    /// `--from`; COPY only.
    pub from: Option<String>,
    /// Its sources that are no heredocs.
    pub sources: Vec<String>,
    /// The bodies of its heredocs.
    pub heredocs: Vec<String>,
    /// Where it copies to.
    pub destination: String,
    /// `--link`.
    pub link: bool,
    /// Where the name of that flag ends in the text, and where its value does.
    pub(crate) link_ends: (usize, usize),
    /// `--chmod`.
    pub chmod: Option<String>,
    /// `--chown`.
    pub chown: Option<String>,
    /// `--checksum`; ADD only.
    pub checksum: Option<String>,
    /// Whether `--unpack` is given and not `false`; ADD only.
    pub unpack: bool,
    /// `--keep-git-dir`; ADD only.
    pub keep_git_dir: bool,
    /// The names of all its flags, in order.
    pub flags: Vec<String>,
}

/// What a source of an ADD is fetched from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RemoteSource {
    /// A file over HTTP.
    Url,
    /// A git repository.
    Git,
}

impl RemoteSource {
    /// How BuildKit's ADD reads a source, `None` for the build context
    /// (`dfgitutil.ParseGitRef` and `isHTTPSource`).
    pub fn of(source: &str) -> Option<Self> {
        let lower = source.to_ascii_lowercase();
        let is = |scheme: &str| lower.starts_with(scheme);
        if is("git://") || is("ssh://") || is("git@") {
            Some(Self::Git)
        } else if is("http://") || is("https://") {
            let path = lower.split(['#', '?']).next().unwrap_or(&lower);
            Some(if path.strip_suffix(".git").is_some() {
                Self::Git
            } else {
                Self::Url
            })
        } else {
            None
        }
    }
}

impl Dockerfile {
    /// The stage of this name, the last one where a name is used twice.
    pub fn stage_named(&self, name: &str) -> Option<&Stage> {
        self.stages.iter().rev().find(|s| s.is_named(name))
    }
}

impl Stage {
    /// Whether this is its name.
    pub fn is_named(&self, name: &str) -> bool {
        self.name
            .as_deref()
            .is_some_and(|own| own.eq_ignore_ascii_case(name))
    }
}
