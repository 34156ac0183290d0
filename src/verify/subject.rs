//! What is verified, and with what.

use std::path::PathBuf;
use std::time::Duration;

use super::gateway::Gateway;
use super::telemetry::Telemetry;
use crate::arm::ResourceId;
use crate::azure::ArmClient;
use crate::deploy::cancel::Cancellation;
use crate::deploy::{Deployment, Desired};
use crate::scenario::read::Read;
use crate::spec::{Loaded, Spec};
use crate::support::clock::SharedClock;
use crate::support::random::SharedRandom;

/// Where the gateway runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// In this process, with simulated accounts, in front of an embedded ARM in memory.
    Local,
    /// In Azure, or in front of something that speaks ARM.
    Azure,
}

/// How checks are made.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where the gateway runs.
    pub place: Place,
    /// How long to wait for something that was changed to show: a role, a key, a pool. Azure documents up to ten minutes for a role.
    pub patience: Duration,
    /// How long to wait for telemetry, which arrives minutes late in Azure.
    pub telemetry_patience: Duration,
    /// Requests by which the share of a pool's members is measured.
    pub samples: usize,
    /// Requests at the same time.
    pub concurrency: usize,
    /// Nothing is written, not even a subscription of verify's own.
    pub read_only: bool,
    /// Where the journal of drills is kept.
    pub state_dir: Option<PathBuf>,
    /// Who runs this, for the journal (`anna@build-7`).
    pub holder: String,
    /// Time.
    pub clock: SharedClock,
    /// Randomness: names and keys of what verify makes for itself.
    pub random: SharedRandom,
}

/// How the user calls this program, for cures that can be pasted.
#[derive(Debug, Clone, Default)]
pub struct Commands {
    /// The specification, as on the command line.
    pub spec: String,
    /// Flags that lead to the same place (` --env prod`), with a leading blank.
    pub flags: String,
}

impl Commands {
    /// `apimctl {command} SPEC …`.
    #[must_use]
    pub fn of(&self, command: &str) -> String {
        format!("apimctl {command} {}{}", self.spec, self.flags)
    }

    /// Shows every statement of every request on this machine.
    #[must_use]
    pub fn trace(&self) -> String {
        format!("apimctl serve {} --simulate --trace", self.spec)
    }

    /// Where the specification's scenarios stand: beside it.
    #[must_use]
    pub fn scenarios(&self) -> PathBuf {
        PathBuf::from(&self.spec).with_extension("test.yaml")
    }

    /// Explains what is wrong with the files.
    #[must_use]
    pub fn validate(&self) -> String {
        format!("apimctl validate {}", self.spec)
    }
}

/// What is verified, and with what.
pub struct Subject<'a> {
    /// ARM.
    pub client: &'a ArmClient,
    /// The specification's deployment on the same ARM.
    pub deployment: &'a Deployment,
    /// Its resources.
    pub desired: &'a Desired,
    /// The specification with what `validate` says of it.
    pub loaded: &'a Loaded,
    /// The scenarios beside the specification, if there are any.
    pub scenarios: Option<&'a Read>,
    /// Where telemetry can be asked for.
    pub telemetry: &'a dyn Telemetry,
    /// How.
    pub settings: Settings,
    /// How the user calls this program.
    pub commands: Commands,
    /// Asked to stop.
    pub cancellation: Cancellation,
    /// The gateway's address, if the user gave one; else ARM is asked.
    pub gateway: Option<Gateway>,
}

impl Subject<'_> {
    /// The specification.
    pub(super) fn spec(&self) -> Option<&Spec> {
        self.loaded.spec.as_ref()
    }

    /// The service.
    pub(super) fn service(&self) -> Option<&ResourceId> {
        self.desired.service.as_ref()
    }

    pub(super) fn is_local(&self) -> bool {
        self.settings.place == Place::Local
    }
}

/// Is told what happens, while it happens.
pub trait Listener: Send + Sync {
    /// A check is over.
    fn checked(&self, check: &super::Check);
    /// Something that takes a while has begun, or something that the user should know.
    fn note(&self, text: &str);
}
