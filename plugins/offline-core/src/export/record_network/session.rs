use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use offline_network::{Authority, PLACEHOLDER, Recorded, Request, Scrub, Upstream};

use super::super::{Error, Prepared};
use super::attribute;
use super::builds::{Ran, RecordingBuilds, Stopped};
use super::packages::{FetchedPackages, PackageFetch, fetches};
use super::plan::Group;
use super::unrecorded::{concerns, is_lost, words};
use crate::bundle::WantedRequest;
use crate::engine::{Docker, NoProxyPlace, ProxyPlace, StepFailure};
use crate::error::Failure;
use crate::event::{Event, Reporter, Task, Warning, Work};
use crate::layout::Layout;
use crate::proxy::{Around, RecordSettings, RecordingProxy, Unstarted};

/// Recording builds at once; each runs the steps of its stages at once too.
const AT_ONCE: usize = 4;

/// How often the bytes got so far are reported.
const TICK: Duration = Duration::from_millis(250);

/// How long after a failure a group is recorded once more.
const WAIT: Duration = Duration::from_secs(3);

/// What the builds of groups gave, by the number of the group.
type Results<'p> = Mutex<Vec<(usize, Result<Attempted<'p>, Failure>)>>;

/// The recording build of a group, and how it ended.
pub(super) struct Attempted<'p> {
    /// When its steps ran.
    pub(super) ran: Vec<Ran>,
    /// What was asked for before belongs to an attempt that does not count.
    pub(super) since: SystemTime,
    /// The step that failed.
    pub(super) stopped: Option<Box<StepFailure>>,
    /// The lines of the steps that ask past the proxy, with the programs that do.
    pub(super) past: BTreeMap<u32, &'static str>,
    /// The packages that were fetched behind its steps.
    pub(super) packages: Vec<FetchedPackages<'p>>,
}

impl Attempted<'_> {
    fn since(since: SystemTime) -> Self {
        Self {
            ran: Vec::new(),
            since,
            stopped: None,
            past: BTreeMap::new(),
            packages: Vec::new(),
        }
    }
}

impl Attempted<'_> {
    /// What its group asked for.
    pub(super) fn of_group<'r>(
        &self,
        group: &Group<'_>,
        requests: &'r [Request],
    ) -> Vec<&'r Request> {
        let names = group.names();
        let own = |r: &&Request| names.contains(&r.target) && r.started >= self.since;
        requests.iter().filter(own).collect()
    }
}

/// Why a session did not begin.
pub(super) enum Refused {
    /// No proxy can serve this engine: the export goes on without a recording.
    NoPlace(NoProxyPlace),
    /// Something broke.
    Failed(Failure),
}

/// What the session needs to know.
pub(super) struct Settings<'a> {
    pub(super) upstream: Upstream,
    /// Where the proxy is.
    pub(super) place: &'a ProxyPlace,
    pub(super) scrub: Scrub,
    /// Where bodies are kept.
    pub(super) layout: &'a Layout,
    pub(super) reporter: &'a dyn Reporter,
    /// One port for each of these services.
    pub(super) services: Vec<String>,
    /// Those of them that are built with the network of the engine's machine.
    pub(super) on_host: BTreeSet<String>,
    /// Whether services that others are built upon have to be built with them.
    pub(super) with_siblings: bool,
    /// Whether the failure of one group ends the others.
    pub(super) strict: bool,
}

/// A recording proxy that runs, and what was built through it.
pub(super) struct Session<'a> {
    docker: &'a Docker,
    prepared: &'a Prepared,
    stop: &'a AtomicBool,
    layout: &'a Layout,
    recorder: RecordingProxy,
    authority: Arc<Authority>,
    mark: String,
    with_siblings: bool,
    strict: bool,
}

impl<'a> Session<'a> {
    pub(super) fn start(
        docker: &'a Docker,
        prepared: &'a Prepared,
        stop: &'a AtomicBool,
        settings: &Settings<'a>,
    ) -> Result<Self, Refused> {
        let failed = |source| Refused::Failed(Error::Recorder { source }.into());
        let authority = Arc::new(Authority::new().map_err(failed)?);
        let around = Around {
            docker,
            engine: &prepared.engine,
            place: settings.place,
            reporter: settings.reporter,
        };
        let started = RecordingProxy::start(
            around,
            RecordSettings {
                authority: &authority,
                upstream: &settings.upstream,
                scrub: &settings.scrub,
                targets: &settings.services,
                on_host: &settings.on_host,
                layout: settings.layout,
            },
        );
        let recorder = started.map_err(|unstarted| match unstarted {
            Unstarted::NoPlace(place) => Refused::NoPlace(place),
            Unstarted::Proxy(source) => failed(source),
            Unstarted::Failed(failure) => Refused::Failed(failure),
        })?;
        Ok(Self {
            docker,
            prepared,
            stop,
            layout: settings.layout,
            recorder,
            authority,
            mark: mark(),
            with_siblings: settings.with_siblings,
            strict: settings.strict,
        })
    }

    /// Builds groups through the proxy, some at once; gives how they ended, in the
    /// order of the groups. With `strict`, those behind one that failed are left out.
    pub(super) fn build(
        &self,
        groups: &[Group<'_>],
        reporter: &dyn Reporter,
    ) -> Result<Vec<Attempted<'a>>, Failure> {
        let services = groups.iter().map(|g| g.services.len()).sum();
        let task = Task::start(reporter, Work::RecordNetwork { services }, None);
        let next = AtomicUsize::new(0);
        let ended = AtomicBool::new(false);
        let results: Results<'a> = Mutex::default();
        std::thread::scope(|scope| {
            scope.spawn(|| self.report(&task, &ended));
            let workers: Vec<_> = (0..AT_ONCE.min(groups.len()))
                .map(|_| scope.spawn(|| self.work(groups, &next, &results, reporter)))
                .collect();
            for worker in workers {
                let _ = worker.join();
            }
            ended.store(true, Ordering::Relaxed);
        });
        let mut results = results.into_inner().unwrap_or_default();
        results.sort_by_key(|(number, _)| *number);
        results.into_iter().map(|(_, result)| result).collect()
    }

    fn work(
        &self,
        groups: &[Group<'_>],
        next: &AtomicUsize,
        results: &Results<'a>,
        reporter: &dyn Reporter,
    ) {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let Some(group) = groups.get(number) else {
                break;
            };
            let result = self.build_one(group, reporter);
            let failed = |done: &Attempted<'_>| done.stopped.is_some();
            if result
                .as_ref()
                .map_or(true, |done| self.strict && failed(done))
            {
                // The others would only delay the message.
                next.store(groups.len(), Ordering::Relaxed);
            }
            if let Ok(mut results) = results.lock() {
                results.push((number, result));
            }
        }
    }

    /// Records a group, and once more where a step failed or was given no answer.
    fn build_one(
        &self,
        group: &Group<'_>,
        reporter: &dyn Reporter,
    ) -> Result<Attempted<'a>, Failure> {
        let target = group.target();
        let first = self.attempt(group, "", Attempted::since(self.recorder.now()))?;
        let requests = self.recorder.requests()?;
        let mut lost = self.recorder.failures()?.into_iter();
        let lost = lost.find(|f| is_lost(f) && concerns(f, target, &requests));
        let (cause, mark, again) = match (&first.stopped, lost) {
            (None, None) => return self.with_packages(group, "", first),
            // What went well before it comes from the cache.
            (Some(failure), _) => (failure.message.clone(), "", first),
            (None, Some(lost)) => {
                let again = Attempted::since(self.recorder.now());
                (words(&lost), "again", again)
            }
        };
        reporter.event(Event::Retry {
            what: format!("recording what {} fetches", group.names().join(", ")),
            attempt: 1,
            wait: WAIT,
            cause,
        });
        std::thread::sleep(WAIT);
        self.docker.check_interrupt()?;
        let second = self.attempt(group, mark, again)?;
        self.with_packages(group, mark, second)
    }

    /// Fetches packages behind the steps of a group that was recorded.
    fn with_packages(
        &self,
        group: &Group<'_>,
        mark: &str,
        done: Attempted<'a>,
    ) -> Result<Attempted<'a>, Failure> {
        let mut done = self.with_past(group, mark, done)?;
        if done.stopped.is_none() {
            for fetch in fetches(group, &self.prepared.packages) {
                done.packages.push(self.fetch(group, mark, fetch)?);
            }
        }
        Ok(done)
    }

    /// Fetches packages at once; where that fails, each by itself, so that those which can
    /// be fetched are.
    fn fetch(
        &self,
        group: &Group<'_>,
        mark: &str,
        fetch: PackageFetch<'a>,
    ) -> Result<FetchedPackages<'a>, Failure> {
        let builds = self.builds(&format!("{}{mark}", group.target()));
        let mut failed = BTreeMap::new();
        let all: Vec<&str> = fetch.wanted.iter().map(|w| w.package.as_str()).collect();
        let mut attempts = vec![all];
        while let (Some(words), Some(proxy)) = (attempts.pop(), self.address(&fetch.target)) {
            match (builds.fetch(group, proxy, &fetch, &words), words.as_slice()) {
                (Ok(()), _) => {}
                (Err(Stopped::Other(failure)), _) => return Err(failure),
                (Err(Stopped::Step(failure)), [word]) => {
                    failed.insert(*word, failure);
                }
                (Err(Stopped::Step(_)), _) => attempts.extend(words.iter().map(|w| vec![*w])),
            }
        }
        Ok(FetchedPackages { fetch, failed })
    }

    /// Finds out which steps ask past the proxy. That a step asked for nothing may be as
    /// well because it has all it needs: it is run once more without any network.
    fn with_past(
        &self,
        group: &Group<'_>,
        mark: &str,
        mut done: Attempted<'a>,
    ) -> Result<Attempted<'a>, Failure> {
        let (Some(first), Some(proxy)) = (group.services.first(), self.address(group.target()))
        else {
            return Ok(done);
        };
        let requests = self.recorder.requests()?;
        let asked = attribute::asked(&done.of_group(group, &requests), &done.ran, &group.services);
        let silent = group.services.iter();
        let mut silent: BTreeMap<u32, &str> = silent
            .flat_map(|service| attribute::silent(service, &asked))
            .collect();
        if done.stopped.is_some() {
            return Ok(done);
        }
        while !silent.is_empty() {
            let alone = silent.keys().copied().collect();
            let builds = self.builds(&format!("{}{mark}", group.target()));
            let failure = match builds.run(group, proxy, &alone, &mut Vec::new()) {
                Ok(()) => break,
                Err(Stopped::Step(failure)) => failure,
                Err(Stopped::Other(failure)) => return Err(failure),
            };
            let at = failure.source.map(|(_, line)| line);
            let line = at.and_then(|line| line.checked_sub(first.build.line_offset));
            // Without a line nothing is known of any of them, and all but nothing is right.
            match line.and_then(|line| silent.remove_entry(&line)) {
                Some((line, tool)) => done.past.insert(line, tool),
                None => break,
            };
        }
        Ok(done)
    }

    fn builds<'s>(&'s self, name: &str) -> RecordingBuilds<'s> {
        RecordingBuilds {
            docker: self.docker,
            prepared: self.prepared,
            authority_pem: self.authority.certificate_pem(),
            mark: self.mark_of(name),
            with_siblings: self.with_siblings,
            stop: self.stop,
        }
    }

    fn attempt(
        &self,
        group: &Group<'_>,
        mark: &str,
        mut done: Attempted<'a>,
    ) -> Result<Attempted<'a>, Failure> {
        let target = group.target();
        let Some(proxy) = self.address(target) else {
            return Ok(done);
        };
        let builds = self.builds(&format!("{target}{mark}"));
        done.stopped = match builds.run(group, proxy, &BTreeSet::new(), &mut done.ran) {
            Ok(()) => None,
            Err(Stopped::Step(failure)) => Some(failure),
            Err(Stopped::Other(failure)) => return Err(failure),
        };
        Ok(done)
    }

    /// One for each group: of two builds with the same step BuildKit would run one,
    /// and the port would say the wrong service.
    fn mark_of(&self, target: &str) -> String {
        let text = format!("{} {target}", self.mark);
        crate::layout::Digest::of(text.as_bytes()).hex()[..8].to_owned()
    }

    fn address(&self, target: &str) -> Option<SocketAddr> {
        self.recorder.address(target)
    }

    fn report(&self, task: &Task<'_>, ended: &AtomicBool) {
        let mut told = 0;
        while !ended.load(Ordering::Relaxed) {
            std::thread::sleep(TICK);
            if let Some(got) = self.recorder.bytes_from_servers() {
                task.advance(got.saturating_sub(told));
                told = got;
            }
        }
    }

    /// Gets, of what a site asked for, what no build asked for here. Only what can be
    /// asked for without doing anything is.
    pub(super) fn ask(
        &self,
        listed: &[WantedRequest],
        reporter: &dyn Reporter,
    ) -> Result<(), Failure> {
        let asked = self.recorder.requests()?.into_iter();
        let mut asked: BTreeSet<(String, String)> = asked.map(|r| (r.method, r.url)).collect();
        for request in listed {
            let WantedRequest { method, url, .. } = request;
            if !asked.insert((method.clone(), url.clone())) {
                continue;
            }
            self.docker.check_interrupt()?;
            if !matches!(method.as_str(), "GET" | "HEAD") || url.contains(PLACEHOLDER) {
                reporter.event(Event::Warning(not_asked(request)));
                continue;
            }
            self.recorder
                .fetch(&request.service, method, url, request.accept.as_deref())?;
        }
        Ok(())
    }

    /// Stops listening and gives what was recorded.
    pub(super) fn stop(self) -> Result<Recorded, Failure> {
        self.recorder.stop(self.layout)
    }
}

fn not_asked(request: &WantedRequest) -> Warning {
    let cut = |text: &str| text.chars().take(500).collect::<String>();
    Warning {
        what: format!(
            "the build of {} did not ask for {} {} here, as it did on the site",
            cut(&request.service),
            cut(&request.method),
            cut(&request.url)
        ),
        subject: None,
        why: Some("this is no address that may be fetched without being asked for".into()),
        remedy: Some("it may be another one each time; if the site still lacks it, make the same edit in this project and export again".into()),
    }
}

/// A text that no other recording has.
fn mark() -> String {
    let time = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    format!("{:?} {}", time.unwrap_or_default(), std::process::id())
}
