use std::fmt;
use std::panic::AssertUnwindSafe;

/// A connected engine and an air-gapped one, by generation and store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pair {
    /// The store of the connected engine, which is always 28.
    pub from: &'static str,
    /// Generation and store of the air-gapped one: `28-containerd`.
    pub to: &'static str,
}

impl Pair {
    /// The kind of the connected engine.
    pub fn connected(self) -> String {
        format!("28-{}-connected", self.from)
    }

    /// The kind of the air-gapped engine.
    pub fn airgapped(self) -> String {
        format!("{}-airgapped", self.to)
    }

    /// The air-gapped engine as `--site-engine` takes it.
    pub fn site_engine(self) -> String {
        let (generation, store) = self.to.split_once('-').expect("GENERATION-STORE");
        let version = match generation {
            "28" => "28.5",
            "26" => "26.1",
            _ => "20.10",
        };
        format!("{version},{store}")
    }

    /// Whether both engines are of one generation.
    pub fn same_generation(self) -> bool {
        self.to.starts_with("28")
    }

    /// Whether the air-gapped engine has buildx and the Compose plugin; 20.10 has
    /// neither, and its BuildKit hits nothing that 28 has made.
    pub fn has_plugins(self) -> bool {
        !self.to.starts_with("20")
    }

    /// Whether both engines have the same image store.
    pub fn same_store(self) -> bool {
        self.to.ends_with(self.from)
    }
}

impl fmt::Display for Pair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "28-{} -> {}", self.from, self.to)
    }
}

/// The air-gapped engines that have BuildKit and Compose as plugins, the most
/// demanding of the bundle first.
const SITES: [&str; 4] = [
    "28-containerd",
    "28-overlay2",
    "26-containerd",
    "26-overlay2",
];

/// The pairs to go through: with `PAIRS=all` all eight, else the one that asks
/// the most of the bundle, from a graphdriver to a containerd store.
/// `PAIRS=overlay2:26-containerd,...` names some.
pub fn pairs() -> Vec<Pair> {
    chosen(&SITES)
}

/// The air-gapped kinds of [`pairs`], each once, for stories in which the engine that
/// exports makes no difference.
pub fn sites() -> Vec<String> {
    let mut sites: Vec<String> = pairs().iter().map(|pair| pair.airgapped()).collect();
    sites.sort();
    sites.dedup();
    sites
}

/// The same as [`pairs`] for the classic builder, whose cache crosses to 20.10 too: with
/// `PAIRS=all` all ten, else the one to that engine.
pub fn classic_pairs() -> Vec<Pair> {
    let mut sites = vec!["20-overlay2"];
    sites.extend(SITES);
    chosen(&sites)
}

/// Those of [`pairs`] whose engines have the same generation and store, and at
/// least one: a site where nothing misses.
pub fn pairs_of_one_kind() -> Vec<Pair> {
    let same = |pair: &Pair| pair.same_generation() && pair.same_store();
    let mut chosen: Vec<Pair> = pairs().into_iter().filter(same).collect();
    if chosen.is_empty() {
        chosen.push(Pair {
            from: "overlay2",
            to: "28-overlay2",
        });
    }
    chosen
}

fn chosen(sites: &[&'static str]) -> Vec<Pair> {
    let wanted = std::env::var("PAIRS").unwrap_or_else(|_| "one".into());
    let all = ["overlay2", "containerd"]
        .into_iter()
        .flat_map(|from| sites.iter().map(move |to| Pair { from, to }));
    let chosen: Vec<Pair> = match wanted.as_str() {
        "all" => all.collect(),
        "one" => all.take(1).collect(),
        some => all
            .filter(|p| some.split(',').any(|s| s == format!("{}:{}", p.from, p.to)))
            .collect(),
    };
    assert!(!chosen.is_empty(), "PAIRS={wanted} names no pair");
    chosen
}

/// How many rounds to go through, each from an empty engine: `ROUNDS`, else 1.
pub fn rounds() -> u32 {
    std::env::var("ROUNDS").map_or(1, |n| n.parse().expect("ROUNDS is a number"))
}

/// Tells a story on every pair, in so many rounds, whatever becomes of one of them; fails
/// at the end with all on which it did not hold.
pub fn on_each(pairs: Vec<Pair>, rounds: u32, tell: impl Fn(Pair)) {
    let mut lost = Vec::new();
    for pair in pairs {
        for round in 1..=rounds {
            println!("  {pair}, round {round} of {rounds}");
            let told = std::panic::catch_unwind(AssertUnwindSafe(|| tell(pair)));
            if told.is_err() {
                lost.push(format!("{pair} in round {round}"));
            }
        }
    }
    assert!(lost.is_empty(), "did not hold: {}", lost.join("; "));
}
