//! A specification that is applied to an embedded ARM in memory, and again when it changes.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, Result};

use super::Session;
use crate::arm::ResourceId;
use crate::cli::arguments::{ServeArguments, VariableArguments};
use crate::cli::settings;
use crate::deploy::cancel::Cancellation;
use crate::deploy::events::Discard;
use crate::deploy::resource::Desired;
use crate::deploy::{DeployError, Deployment, Settings, desired};
use crate::emulator::{Options, State};
use crate::spec::load::{self, Loaded};
use crate::support::clock::{SharedClock, SystemClock};
use crate::support::random::SystemRandom;
use crate::world::LocalArm;

/// A specification in the embedded ARM.
pub(super) struct Applied {
    spec: PathBuf,
    arm: LocalArm,
    pub(super) loaded: Loaded,
    pub(super) desired: Desired,
    pub(super) service: Option<ResourceId>,
    seen: Vec<Seen>,
}

/// A file as it was when it was read.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    path: PathBuf,
    state: Option<(SystemTime, u64)>,
}

impl Seen {
    fn now(path: PathBuf) -> Self {
        // A file that is gone is another state of it.
        let state = std::fs::metadata(&path).ok().and_then(|metadata| Some((metadata.modified().ok()?, metadata.len())));
        Self { path, state }
    }
}

impl Applied {
    /// Applies `spec` to a new embedded ARM in memory. `None`: there were errors, and they have been shown.
    ///
    /// # Errors
    /// Anything else that keeps it from being applied.
    pub(super) async fn new(spec: &Path, arguments: &ServeArguments, session: &mut Session<'_>) -> Result<Option<(LocalArm, Self)>> {
        let Some((loaded, desired)) = read(spec, &arguments.variables, session)? else { return Ok(None) };
        let fixture = match &arguments.fixture {
            Some(path) => settings::read_fixture(path)?,
            None => LocalArm::fixture_for(&desired),
        };
        let options = Options { activation: Duration::ZERO, state: State::Memory, ..Options::default() };
        let arm = LocalArm::with_options(options, &fixture).context("cannot start the embedded ARM")?;
        let service = desired.service.clone();
        let mut applied = Self { spec: spec.to_owned(), arm: arm.clone(), seen: files(&loaded, spec), loaded, desired, service };
        if !applied.apply(session).await? {
            return Ok(None);
        }
        let warnings = applied.loaded.findings.len();
        if warnings > 0 {
            let many = if warnings == 1 { "warning" } else { "warnings" };
            session.printer.note(format!("{warnings} {many}; see `apimctl validate {}`\n", spec.display()));
        }
        Ok(Some((arm, applied)))
    }

    /// Whether a file is not as it was when it was last read.
    pub(super) fn has_changed(&self) -> bool {
        self.seen.iter().any(|seen| Seen::now(seen.path.clone()) != *seen)
    }

    /// Reads and applies it again; what is wrong is shown, and what was served goes on.
    ///
    /// # Errors
    /// None that the user's files are to blame for.
    pub(super) async fn again(&mut self, arguments: &ServeArguments, session: &mut Session<'_>) -> Result<()> {
        let before = files(&self.loaded, &self.spec);
        let read = match read(&self.spec, &arguments.variables, session) {
            Ok(Some(read)) => read,
            // Seen as it is now: told once, not at every look.
            Ok(None) => {
                self.seen = before;
                session.printer.note("The gateway goes on with what it had");
                return Ok(());
            }
            Err(error) => {
                self.seen = before;
                session.printer.warn(format!("{error:#}; the gateway goes on with what it had"));
                return Ok(());
            }
        };
        (self.loaded, self.desired) = read;
        self.seen = files(&self.loaded, &self.spec);
        // New accounts and identities have to be there first.
        if let Err(error) = self.arm.emulator().seed(&LocalArm::fixture_for(&self.desired)) {
            session.printer.warn(format!("{error}; the gateway goes on with what it had"));
            return Ok(());
        }
        self.apply(session).await?;
        Ok(())
    }

    /// `false`: it was refused, and why has been shown.
    async fn apply(&mut self, session: &mut Session<'_>) -> Result<bool> {
        let clock: SharedClock = Arc::new(SystemClock);
        let settings = Settings { estimates: false, ..Settings::new(clock, Arc::new(SystemRandom)) };
        let deployment = Deployment::new(self.arm.client(), self.desired.clone(), self.loaded.policies.clone(), settings);
        let done = match deployment.plan().await {
            Ok(plan) => deployment.apply(&plan, &Discard, Cancellation::never()).await.map(|_| ()),
            Err(error) => Err(error),
        };
        let Err(error) = done else { return Ok(true) };
        let findings = error.findings();
        if findings.is_empty() {
            return Err(DeployError::into_error(error));
        }
        session.show_findings(&findings, &self.loaded.sources);
        Ok(false)
    }
}

/// Reads, checks and compiles a specification for an embedded ARM. `None`: there were errors, and they have been shown.
///
/// # Errors
/// A file or variable cannot be read.
pub(in crate::cli::commands) fn read(
    spec: &Path,
    variables: &VariableArguments,
    session: &mut Session<'_>,
) -> Result<Option<(Loaded, Desired)>> {
    let options = settings::load_options(variables, &session.environment, true)?;
    let mut loaded = load::load(spec, &options)?;
    loaded.sources.hide(&loaded.sensitive);
    let mut desired = None;
    if !loaded.has_errors() {
        let (compiled, findings) = desired::compile(&loaded, &settings::offline_context());
        loaded.findings.extend(findings);
        desired = Some(compiled);
    }
    match desired {
        Some(desired) if !loaded.has_errors() => Ok(Some((loaded, desired))),
        _ => {
            session.show_findings(&loaded.findings, &loaded.sources);
            Ok(None)
        }
    }
}

fn files(loaded: &Loaded, spec: &Path) -> Vec<Seen> {
    let mut paths: Vec<PathBuf> = loaded.sources.files().map(|file| file.path.clone()).collect();
    paths.push(spec.to_owned());
    paths.sort_unstable();
    paths.dedup();
    paths.into_iter().map(Seen::now).collect()
}
