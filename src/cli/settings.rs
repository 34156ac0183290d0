//! Arguments, environment and defaults, merged. The only place where they meet.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use super::arguments::{Auth, CloudName, Target, TargetArguments, VariableArguments};
use crate::deploy::desired;
use crate::emulator::{self, Fixture};
use crate::spec::{self, LoadOptions};
use crate::support::environment::Environment;

/// Where state is kept unless `--state-dir` says otherwise.
const STATE_DIR: &str = ".apimctl";

/// Where to work.
#[derive(Debug, Clone)]
pub(super) struct TargetSettings {
    /// Azure or the embedded ARM.
    pub place: Place,
    /// The journal and the embedded ARM.
    pub state_dir: PathBuf,
}

/// Azure or the embedded ARM.
#[derive(Debug, Clone)]
pub(super) enum Place {
    /// The embedded ARM.
    Local {
        /// What it holds beforehand, instead of what the specification says.
        fixture: Option<PathBuf>,
    },
    /// Azure.
    Azure {
        /// Which cloud.
        cloud: CloudSetting,
        /// Which login; `None`: the first that answers.
        auth: Option<Auth>,
    },
}

/// Which cloud.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum CloudSetting {
    /// One of Microsoft's.
    Named(CloudName),
    /// Any other.
    Custom {
        /// ARM.
        arm_endpoint: String,
        /// Entra.
        authority_host: String,
    },
}

impl TargetSettings {
    /// Merges arguments and environment.
    ///
    /// # Errors
    /// Arguments that contradict each other.
    pub(super) fn resolve(arguments: &TargetArguments, environment: &Environment) -> Result<Self> {
        let local = arguments.local || arguments.target == Some(Target::Local);
        let state_dir = state_dir(arguments.state_dir.as_deref());
        if local {
            if arguments.cloud.is_some() || arguments.auth.is_some() || arguments.arm_endpoint.is_some() {
                bail!("`--cloud`, `--auth` and `--arm-endpoint` are for Azure; leave them out with `--local`");
            }
            return Ok(Self { place: Place::Local { fixture: arguments.fixture.clone() }, state_dir });
        }
        if arguments.fixture.is_some() {
            bail!("`--fixture` fills the embedded ARM; use it with `--local`");
        }
        let cloud = match (arguments.cloud, custom(arguments, environment)?) {
            (Some(_), Some(_)) if arguments.arm_endpoint.is_some() => bail!("`--cloud` and `--arm-endpoint` exclude each other"),
            (Some(name), _) => CloudSetting::Named(name),
            (None, Some(custom)) => custom,
            (None, None) => CloudSetting::Named(CloudName::Public),
        };
        Ok(Self { place: Place::Azure { cloud, auth: arguments.auth }, state_dir })
    }

    /// Whether this is the embedded ARM.
    pub(super) const fn is_local(&self) -> bool {
        matches!(self.place, Place::Local { .. })
    }
}

/// The state directory.
pub(super) fn state_dir(argument: Option<&Path>) -> PathBuf {
    argument.map_or_else(|| PathBuf::from(STATE_DIR), Path::to_path_buf)
}

fn custom(arguments: &TargetArguments, environment: &Environment) -> Result<Option<CloudSetting>> {
    let pick = |argument: &Option<String>, name: &str| argument.clone().or_else(|| environment.get(name).map(str::to_owned));
    let arm = pick(&arguments.arm_endpoint, "APIMCTL_ARM_ENDPOINT");
    let authority = pick(&arguments.authority_host, "APIMCTL_AUTHORITY_HOST");
    match (arm, authority) {
        (Some(arm_endpoint), Some(authority_host)) => Ok(Some(CloudSetting::Custom { arm_endpoint, authority_host })),
        (None, None) => Ok(None),
        (Some(_), None) => bail!("a custom ARM endpoint needs its Entra too: set `APIMCTL_AUTHORITY_HOST` or `--authority-host`"),
        (None, Some(_)) => bail!("a custom Entra needs its ARM endpoint too: set `APIMCTL_ARM_ENDPOINT` or `--arm-endpoint`"),
    }
}

/// How to read a specification.
///
/// # Errors
/// A `--var` that is not `NAME=VALUE`, or names a file or variable that cannot be read.
pub(super) fn load_options(arguments: &VariableArguments, environment: &Environment, local: bool) -> Result<LoadOptions> {
    let mut variables = BTreeMap::new();
    for argument in &arguments.variables {
        let Some((name, value)) = argument.split_once('=').filter(|(name, _)| !name.is_empty()) else {
            // The argument may be a secret that lost its name, so it is not repeated.
            bail!("`--var` takes NAME=VALUE");
        };
        let value = argument_value(value, &format!("--var {name}"), environment)?;
        variables.insert(name.to_owned(), value);
    }
    Ok(LoadOptions { variables, environment_name: arguments.environment.clone(), environment: environment.clone(), local })
}

/// The value of an argument: `@FILE` reads it from a file, `env:NAME` from the environment. `argument` is how errors name it.
///
/// # Errors
/// The file cannot be read, or the variable is not set.
pub(super) fn argument_value(value: &str, argument: &str, environment: &Environment) -> Result<String> {
    if let Some(path) = value.strip_prefix('@') {
        let text = std::fs::read_to_string(path).with_context(|| format!("cannot read `{path}` for `{argument}`"))?;
        return Ok(text.trim_end_matches(['\r', '\n']).to_owned());
    }
    match value.strip_prefix("env:") {
        Some(variable) => match environment.get(variable) {
            Some(value) => Ok(value.to_owned()),
            None => bail!("`{argument}` reads the environment variable `{variable}`, which is not set"),
        },
        None => Ok(value.to_owned()),
    }
}

/// What the embedded ARM is to hold beforehand, from a YAML or JSON file.
///
/// # Errors
/// The file cannot be read, or is no fixture.
pub(super) fn read_fixture(path: &Path) -> Result<Fixture> {
    let plain = spec::read_plain(path)?;
    if let Some(finding) = plain.findings.iter().find(|finding| finding.is_error()) {
        let line = finding.span.map_or(1, |span| plain.sources.position(span).line);
        bail!("{}:{line}: {}", path.display(), finding.message);
    }
    serde_json::from_value(plain.value).with_context(|| format!("`{}` is no fixture", path.display()))
}

/// Names for what no login has told: `validate` and the embedded ARM need no Azure.
pub(super) fn offline_context() -> desired::Context {
    desired::Context {
        subscription_id: emulator::DEFAULT_SUBSCRIPTION.to_owned(),
        tenant_id: emulator::DEFAULT_TENANT.to_owned(),
        gateway_suffix: "azure-api.net".to_owned(),
        cognitive_services_audience: "https://cognitiveservices.azure.com".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(arguments: &TargetArguments, variables: &[(&str, &str)]) -> Result<TargetSettings> {
        TargetSettings::resolve(arguments, &variables.iter().copied().collect())
    }

    #[test]
    fn azure_is_the_default_and_the_environment_names_a_custom_cloud() {
        let settings = resolve(&TargetArguments::default(), &[]).unwrap();
        assert!(matches!(settings.place, Place::Azure { cloud: CloudSetting::Named(CloudName::Public), auth: None }));
        let both = [("APIMCTL_ARM_ENDPOINT", "https://a"), ("APIMCTL_AUTHORITY_HOST", "https://b")];
        let settings = resolve(&TargetArguments::default(), &both).unwrap();
        assert!(matches!(settings.place, Place::Azure { cloud: CloudSetting::Custom { .. }, .. }));
        let named = TargetArguments { cloud: Some(CloudName::China), ..TargetArguments::default() };
        assert!(matches!(resolve(&named, &both).unwrap().place, Place::Azure { cloud: CloudSetting::Named(CloudName::China), .. }));
        assert!(resolve(&TargetArguments::default(), &both[..1]).is_err());
    }

    #[test]
    fn what_contradicts_is_refused() {
        let local = TargetArguments { local: true, auth: Some(Auth::Cli), ..TargetArguments::default() };
        assert!(resolve(&local, &[]).is_err());
        let fixture = TargetArguments { fixture: Some("x".into()), ..TargetArguments::default() };
        assert!(resolve(&fixture, &[]).is_err());
    }

    #[test]
    fn a_variable_can_come_from_the_environment_and_is_never_echoed() {
        let options = |text: &str| {
            load_options(
                &VariableArguments { variables: vec![text.to_owned()], environment: None },
                &[("K", "v")].into_iter().collect(),
                true,
            )
        };
        assert_eq!(options("a=env:K").unwrap().variables["a"], "v");
        assert_eq!(options("a=b=c").unwrap().variables["a"], "b=c");
        assert!(!options("hunter2").unwrap_err().to_string().contains("hunter2"));
    }
}
