//! What may stand on the command line. Parsing only records; `settings` makes sense of it.

mod about;
mod doctor;
mod export;
mod graph;
mod help;
mod init;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, FromArgMatches as _, Parser, Subcommand, ValueEnum};

pub(super) use about::{CompletionsArguments, ExplainArguments, ManArguments, SchemaArguments};
pub(super) use doctor::DoctorArguments;
pub(super) use export::ExportArguments;
pub(super) use graph::GraphArguments;
pub use help::definition;
pub(super) use init::{Ci, InitArguments, Template};

/// Azure OpenAI gateways on Azure API Management: provision, rehearse offline, and prove.
#[derive(Debug, Parser)]
#[command(
    name = "apimctl",
    version,
    max_term_width = 100,
    arg_required_else_help = true,
    after_help = "Examples:\n  apimctl init my-gateway\n  apimctl apply my-gateway/gateway.yaml --local --yes\n  apimctl serve my-gateway/gateway.yaml --simulate"
)]
pub struct CommandLine {
    /// What every command takes.
    #[command(flatten)]
    pub global: GlobalArguments,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What every command takes.
#[derive(Debug, Args)]
pub struct GlobalArguments {
    /// How to report
    #[arg(long, global = true, value_enum, default_value_t = Format::Text, value_name = "FORMAT")]
    pub format: Format,
    /// Say less: only errors and what was asked for
    #[arg(long, short, global = true)]
    pub quiet: bool,
}

/// How to report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    Text,
    /// For programs.
    Json,
    /// SARIF 2.1 (`validate` only)
    Sarif,
    /// GitHub Actions annotations (`validate` only)
    Github,
    /// Azure Pipelines annotations (`validate` only)
    AzurePipelines,
    /// A drawing (`graph` only)
    Svg,
    /// A drawing for Markdown (`graph` only)
    Mermaid,
    /// A drawing for Graphviz (`graph` only)
    Dot,
}

/// Where Azure is.
#[derive(Debug, Clone, Args, Default)]
#[command(next_help_heading = "Where")]
pub struct TargetArguments {
    /// Azure, or the embedded ARM
    #[arg(long, value_enum, value_name = "TARGET")]
    pub target: Option<Target>,
    /// Short for `--target local`: the embedded ARM, offline
    #[arg(long, conflicts_with = "target")]
    pub local: bool,
    /// Where the embedded ARM and the journal are kept [default: .apimctl]
    #[arg(long, value_name = "DIR")]
    pub state_dir: Option<PathBuf>,
    /// What the embedded ARM holds beforehand, instead of what `openAI:` says
    #[arg(long, value_name = "FILE")]
    pub fixture: Option<PathBuf>,
    /// Which cloud
    #[arg(long, value_enum, value_name = "CLOUD")]
    pub cloud: Option<CloudName>,
    /// ARM of a custom cloud [env: APIMCTL_ARM_ENDPOINT]
    #[arg(long, value_name = "URL", requires = "authority_host")]
    pub arm_endpoint: Option<String>,
    /// Entra of a custom cloud [env: APIMCTL_AUTHORITY_HOST]
    #[arg(long, value_name = "URL", requires = "arm_endpoint")]
    pub authority_host: Option<String>,
    /// Which login to use, instead of the first that answers
    #[arg(long, value_enum, value_name = "KIND")]
    pub auth: Option<Auth>,
}

/// Azure, or the embedded ARM.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Target {
    /// The real thing.
    Azure,
    /// The embedded ARM.
    Local,
}

/// Which cloud.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum CloudName {
    /// Azure.
    Public,
    /// Azure US Government.
    Usgov,
    /// Azure China.
    China,
}

/// Which login.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Auth {
    /// `az login`
    Cli,
    /// `AZURE_CLIENT_ID` with a secret, certificate or federated token
    Env,
    /// Workload identity
    Workload,
    /// Managed identity
    Managed,
    /// Azure Pipelines service connection
    Pipelines,
    /// GitHub Actions OIDC
    Github,
    /// `azd auth login`
    Azd,
}

/// A specification and what shapes it.
#[derive(Debug, Args)]
pub struct SpecArguments {
    /// The specification
    #[arg(value_name = "SPEC")]
    pub spec: PathBuf,
    #[command(flatten)]
    pub variables: VariableArguments,
}

/// Variables and environment.
#[derive(Debug, Args, Default)]
pub struct VariableArguments {
    /// Sets a variable of the specification; `@FILE` reads the value from a file, `env:NAME` from the environment
    #[arg(long = "var", value_name = "NAME=VALUE")]
    pub variables: Vec<String>,
    /// Which overlay of `environments:` to lay over the specification
    #[arg(long = "env", value_name = "NAME")]
    pub environment: Option<String>,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Write a specification to begin with, its policies, its tests, and a CI workflow
    #[command(
        after_help = "Examples:\n  apimctl init my-gateway\n  apimctl init --template ptu-priority --account ptu:rg-ai:swedencentral --account payg:rg-ai:francecentral --ci github\n  apimctl init --discover --yes"
    )]
    Init(InitArguments),
    /// Report everything that is wrong with a specification and its policies
    #[command(
        after_help = "Examples:\n  apimctl validate gateway.yaml\n  apimctl validate gateway.yaml --env prod --format sarif > findings.sarif\n\nExit codes: 0 no errors (there may be warnings), 1 errors, 64 wrong usage"
    )]
    Validate(ValidateArguments),
    /// Show what `apply` would change
    #[command(
        after_help = "Examples:\n  apimctl plan gateway.yaml\n  apimctl plan gateway.yaml --out plan.json --detailed-exitcode\n\nExit codes: 0 done, 1 failed, 2 there are changes (with --detailed-exitcode), 64 wrong usage"
    )]
    Plan(PlanArguments),
    /// Make Azure (or the embedded ARM) what the specification says
    #[command(
        after_help = "Examples:\n  apimctl apply gateway.yaml --local --yes\n  apimctl apply gateway.yaml\n  apimctl apply --plan plan.json --yes\n  apimctl apply gateway.yaml --yes --timings=timings.svg"
    )]
    Apply(ApplyArguments),
    /// Delete what the specification made, in reverse order
    #[command(after_help = "Examples:\n  apimctl destroy gateway.yaml --local --yes\n  apimctl destroy gateway.yaml --purge")]
    Destroy(DestroyArguments),
    /// Show or regenerate the keys of the specification's subscriptions
    #[command(after_help = "Examples:\n  apimctl keys gateway.yaml --local --show\n  apimctl keys gateway.yaml --regenerate secondary")]
    Keys(KeysArguments),
    /// Check a gateway that runs: in Azure, or the same with everything on this machine (`--local`)
    ///
    /// Compares what is there with the specification, then calls the gateway as its clients do. Each failure says what is likely behind it and
    /// what mends it. Exit code 0: nothing failed; 1: something did.
    #[command(
        after_help = "Examples:\n  apimctl verify gateway.yaml --local\n  apimctl verify gateway.yaml --junit verify.xml --html verify.html\n  apimctl verify gateway.yaml --failover\n  apimctl verify gateway.yaml --restore"
    )]
    Verify(Box<VerifyArguments>),
    /// Run the embedded ARM alone, over HTTPS, for az, SDKs and other tools
    #[command(after_help = "Example:\n  apimctl emulator --listen 127.0.0.1:8443 --state-dir .apimctl")]
    Emulator(EmulatorArguments),
    /// Run the gateway on this machine: what `apply` would send, served as API Management serves it
    ///
    /// With SPEC, it is applied in memory first. Without, what `apply --local` stored is served.
    #[command(
        visible_alias = "proxy",
        after_help = "Examples:\n  apimctl serve gateway.yaml --simulate\n  apimctl serve gateway.yaml --backend aoai-primary-backend=http://127.0.0.1:9001/openai --subscription-key azure-openai-consumer=env:KEY\n  apimctl serve gateway.yaml --identity developer --trace"
    )]
    Serve(ServeArguments),
    /// Run simulated Azure OpenAI accounts alone
    ///
    /// Each address is an account of its own, with the usual deployments. Any key and any token for the right audience is taken. What goes
    /// wrong is said in a file, or at run time with `PUT /_simulator/behavior`; `GET /_simulator/requests` tells what was received.
    #[command(after_help = "Example:\n  apimctl simulate --listen 127.0.0.1:9001 --listen 127.0.0.1:9002 --behavior outage.yaml")]
    Simulate(SimulateArguments),
    /// Test a specification and its policies, offline and on virtual time
    ///
    /// A scenario says how backends behave, what is sent, and what is expected. Exit code 0: everything was as expected; 1: something was not,
    /// or a file has errors.
    #[command(
        after_help = "Examples:\n  apimctl test gateway.test.yaml\n  apimctl test . --junit results.xml\n  apimctl test tests/ --only failover --format json\n  apimctl test . --coverage --lcov policies.info --html report.html\n  apimctl test --chaos gateway.chaos.yaml --html chaos.html"
    )]
    Test(TestArguments),
    /// Check and format policy documents and fragments on their own
    #[command(subcommand, after_help = "Example:\n  apimctl policy check policies/*.xml")]
    Policy(PolicyCommand),
    /// List what the local gateway does, how sure that is, where it comes from, and which setting changes it
    #[command(after_help = "Examples:\n  apimctl fidelity\n  apimctl fidelity breaker\n  apimctl fidelity --format json")]
    Fidelity(FidelityArguments),
    /// Look at everything that a specification needs: login, rights, providers, names, accounts, network; each with its cure
    #[command(
        after_help = "Examples:\n  apimctl doctor\n  apimctl doctor gateway.yaml\n  apimctl doctor gateway.yaml --format json\n\nExit codes: 0 nothing stands in the way, 1 something does, 64 wrong usage"
    )]
    Doctor(DoctorArguments),
    /// Describe what is there, in Azure or on the embedded ARM, as a specification and policy files
    ///
    /// What a specification owns is described, or everything where none does. Secrets become variables and are never written. The result
    /// is checked at once: a plan of it is empty, or what it would change is said.
    #[command(
        after_help = "Examples:\n  apimctl export --from local --out exported\n  apimctl export --service apim-doveia-openai --out gateway"
    )]
    Export(ExportArguments),
    /// Draw the resources of a specification and the way of a request through them
    #[command(after_help = "Examples:\n  apimctl graph gateway.yaml --out gateway.svg\n  apimctl graph gateway.yaml --format mermaid")]
    Graph(GraphArguments),
    /// Tell what a finding's code means: its cause, an example, the cure
    #[command(after_help = "Examples:\n  apimctl explain POL101\n  apimctl explain --format json")]
    Explain(ExplainArguments),
    /// Print the JSON Schema of the specification, for editors
    #[command(after_help = "Examples:\n  apimctl schema > apimctl.schema.json\n  apimctl schema --markdown > specification.md")]
    Schema(SchemaArguments),
    /// Print a script that completes commands and flags in a shell
    #[command(
        after_help = "Examples:\n  apimctl completions bash > ~/.local/share/bash-completion/completions/apimctl\n  apimctl completions zsh > \"${fpath[1]}/_apimctl\"\n  apimctl completions fish > ~/.config/fish/completions/apimctl.fish\n  apimctl completions powershell | Out-String | Invoke-Expression"
    )]
    Completions(CompletionsArguments),
    /// Print the manual, or write a page for each command
    #[command(after_help = "Examples:\n  apimctl man | man -l -\n  apimctl man --out ~/.local/share/man/man1")]
    Man(ManArguments),
}

/// Arguments of `validate`.
#[derive(Debug, Args)]
pub struct ValidateArguments {
    #[command(flatten)]
    pub spec: SpecArguments,
    /// As `--local` of the other commands: no Azure settings are needed
    #[arg(long)]
    pub local: bool,
    /// Treat warnings as errors
    #[arg(long)]
    pub strict: bool,
}

/// Arguments of `plan`.
#[derive(Debug, Args)]
pub struct PlanArguments {
    #[command(flatten)]
    pub spec: SpecArguments,
    #[command(flatten)]
    pub target: TargetArguments,
    #[command(flatten)]
    pub consent: ConsentArguments,
    /// Write the plan to a file for `apply --plan`; it holds no secrets
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Exit with 2 when there are changes
    #[arg(long)]
    pub detailed_exitcode: bool,
}

/// What has to be allowed by name.
#[derive(Debug, Args, Default)]
pub struct ConsentArguments {
    /// Take over resources that are there already and belong to nobody
    #[arg(long)]
    pub adopt: bool,
    /// Allow this resource to be deleted and made anew
    #[arg(long, value_name = "NAME")]
    pub allow_replace: Vec<String>,
}

/// Arguments of `apply`.
#[derive(Debug, Args)]
pub struct ApplyArguments {
    /// The specification
    #[arg(value_name = "SPEC", required_unless_present = "plan", conflicts_with = "plan")]
    pub spec: Option<PathBuf>,
    #[command(flatten)]
    pub variables: VariableArguments,
    #[command(flatten)]
    pub target: TargetArguments,
    #[command(flatten)]
    pub consent: ConsentArguments,
    /// Carry out exactly this plan; refused when anything has changed since
    #[arg(long, value_name = "FILE")]
    pub plan: Option<PathBuf>,
    /// Do not ask
    #[arg(long, short)]
    pub yes: bool,
    /// Return when the service's creation has been accepted; run again later to go on
    #[arg(long)]
    pub no_wait: bool,
    /// Tell where the time went: the critical path, waits, throttling; `=FILE` also draws it as SVG
    #[arg(long, value_name = "FILE", num_args = 0..=1, require_equals = true, default_missing_value = "-")]
    pub timings: Option<PathBuf>,
    /// What to do when the service's name is taken by a deleted service
    #[arg(long, value_enum, value_name = "WHAT")]
    pub soft_deleted: Option<SoftDeleted>,
}

/// What to do with a soft-deleted service of the same name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SoftDeleted {
    /// Bring it back with everything in it, then update it.
    Recover,
    /// Delete it for good, then create a new one.
    Purge,
}

/// Arguments of `destroy`.
#[derive(Debug, Args)]
pub struct DestroyArguments {
    #[command(flatten)]
    pub spec: SpecArguments,
    #[command(flatten)]
    pub target: TargetArguments,
    #[command(flatten)]
    pub consent: ConsentArguments,
    /// Also delete the soft-deleted service for good, so that its name is free at once
    #[arg(long)]
    pub purge: bool,
    /// Do not ask
    #[arg(long, short)]
    pub yes: bool,
}

/// Arguments of `keys`.
#[derive(Debug, Args)]
pub struct KeysArguments {
    #[command(flatten)]
    pub spec: SpecArguments,
    #[command(flatten)]
    pub target: TargetArguments,
    /// Print the keys themselves
    #[arg(long)]
    pub show: bool,
    /// Make a new key; clients that use the old one are refused from then on
    #[arg(long, value_enum, value_name = "WHICH")]
    pub regenerate: Option<Key>,
    /// Only this subscription
    #[arg(long, value_name = "NAME")]
    pub subscription: Option<String>,
    /// Do not ask
    #[arg(long, short)]
    pub yes: bool,
}

/// Which key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Key {
    /// The primary key.
    Primary,
    /// The secondary key.
    Secondary,
}

/// Arguments of `verify`.
#[derive(Debug, Args)]
pub struct VerifyArguments {
    #[command(flatten)]
    pub spec: SpecArguments,
    #[command(flatten)]
    pub target: TargetArguments,
    /// Address of the gateway, instead of the one that ARM tells
    #[arg(long, value_name = "URL")]
    pub gateway: Option<String>,
    /// Admin endpoint of a gateway that `serve --admin` runs: where its telemetry is looked for
    #[arg(long, value_name = "URL")]
    pub admin: Option<String>,
    /// Also take members out of a pool, one after the other, and see that the others serve; everything is put back
    #[arg(long)]
    pub failover: bool,
    /// Where the drill takes place: with a pool and an API revision of its own, or in the real pool
    #[arg(long, value_enum, value_name = "WHERE", requires = "failover")]
    pub drill: Option<DrillKind>,
    /// Put back what a drill that was killed has left, and check nothing
    #[arg(long, conflicts_with_all = ["failover", "junit", "html"])]
    pub restore: bool,
    /// Write nothing at all, not even a subscription for the check of suspended keys
    #[arg(long, conflicts_with_all = ["failover", "restore"])]
    pub read_only: bool,
    /// Requests by which the shares of a pool's members are measured [default: 60, with --local 200]
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub samples: Option<u32>,
    /// Requests at the same time
    #[arg(long, value_name = "NUMBER", default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=256))]
    pub concurrency: u32,
    /// Seconds that a role or another change may take until it shows [default: 600, with --local 5]
    #[arg(long, value_name = "SECONDS")]
    pub wait: Option<u64>,
    /// Write a JUnit report
    #[arg(long, value_name = "FILE")]
    pub junit: Option<PathBuf>,
    /// Write a page with charts of how load was shared and of the drill
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
    /// Do not ask
    #[arg(long, short)]
    pub yes: bool,
}

/// Where a failover drill takes place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum DrillKind {
    /// A pool and an API revision that are made for it: clients notice nothing.
    Own,
    /// The real pool, as the tutorial does it: clients are served by fewer members meanwhile.
    InPlace,
}

/// Arguments of `emulator`.
#[derive(Debug, Args)]
pub struct EmulatorArguments {
    /// Address to listen on
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8443")]
    pub listen: std::net::SocketAddr,
    /// Where resources and the CA are kept [default: .apimctl]
    #[arg(long, value_name = "DIR")]
    pub state_dir: Option<PathBuf>,
    /// What it holds beforehand
    #[arg(long, value_name = "FILE")]
    pub fixture: Option<PathBuf>,
    /// Seconds that a service's creation takes
    #[arg(long, value_name = "SECONDS", default_value_t = 5)]
    pub activation: u64,
    /// Milliseconds added to each answer
    #[arg(long, value_name = "MILLISECONDS", default_value_t = 0)]
    pub latency: u64,
    /// Limit requests as ARM does
    #[arg(long)]
    pub throttling: bool,
    /// Answer in every odd way that is still right, for testing clients
    #[arg(long)]
    pub hostile: bool,
}

/// Arguments of `serve`.
#[derive(Debug, Args)]
pub struct ServeArguments {
    /// The specification; what `apply --local` stored if there is none
    #[arg(value_name = "SPEC")]
    pub spec: Option<PathBuf>,
    #[command(flatten)]
    pub variables: VariableArguments,
    /// Address to listen on
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    pub listen: Vec<std::net::SocketAddr>,
    /// Address of the admin endpoint: metrics, traces, state
    #[arg(long, value_name = "ADDRESS")]
    pub admin: Option<std::net::SocketAddr>,
    /// Answer for the Azure OpenAI accounts, in memory
    #[arg(long)]
    pub simulate: bool,
    /// What goes wrong at the simulated accounts, and when
    #[arg(long, value_name = "FILE", requires = "simulate")]
    pub behavior: Option<PathBuf>,
    /// Sends a backend's requests to another URL
    #[arg(long, value_name = "NAME=URL")]
    pub backend: Vec<String>,
    /// Sets a subscription's primary key; `@FILE` reads it from a file, `env:NAME` from the environment
    #[arg(long, value_name = "NAME=KEY")]
    pub subscription_key: Vec<String>,
    /// Apply the specification again when it or its policies change
    #[arg(long, requires = "spec")]
    pub watch: bool,
    /// Serve what is deployed of the specification, and follow its changes, instead of applying the specification in memory
    #[arg(long, value_enum, value_name = "PLACE", requires = "spec", conflicts_with_all = ["watch", "fixture"])]
    pub from: Option<From>,
    /// With `--from azure`: seconds between two looks at what is deployed
    #[arg(long, value_name = "SECONDS", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub every: u64,
    /// With `--from azure`: which cloud
    #[arg(long, value_enum, value_name = "CLOUD", requires = "from")]
    pub cloud: Option<CloudName>,
    /// With `--from azure`: ARM of a custom cloud [env: APIMCTL_ARM_ENDPOINT]
    #[arg(long, value_name = "URL", requires_all = ["authority_host", "from"])]
    pub arm_endpoint: Option<String>,
    /// With `--from azure`: Entra of a custom cloud [env: APIMCTL_AUTHORITY_HOST]
    #[arg(long, value_name = "URL", requires_all = ["arm_endpoint", "from"])]
    pub authority_host: Option<String>,
    /// Print the trace of every request
    #[arg(long)]
    pub trace: bool,
    /// Threads [default: one for each processor]
    #[arg(long, value_name = "NUMBER")]
    pub workers: Option<std::num::NonZeroUsize>,
    /// Whose tokens stand for the service's managed identities
    #[arg(long, value_enum, value_name = "WHOSE", default_value_t = IdentityOf::Offline)]
    pub identity: IdentityOf,
    /// With `--identity developer`: a further https host that may see your tokens
    #[arg(long, value_name = "HOST")]
    pub identity_host: Vec<String>,
    /// Which login `--identity developer` uses, instead of the first that answers
    #[arg(long, value_enum, value_name = "KIND")]
    pub auth: Option<Auth>,
    /// Speak TLS, with a certificate of this machine's own authority
    #[arg(long)]
    pub tls: bool,
    /// Which service, if several are stored
    #[arg(long, value_name = "NAME")]
    pub service: Option<String>,
    /// Changes a behaviour that sources dispute; `apimctl fidelity` lists them
    #[arg(long, value_name = "NAME=VALUE")]
    pub setting: Vec<String>,
    /// Where the embedded ARM is kept [default: .apimctl]
    #[arg(long, value_name = "DIR")]
    pub state_dir: Option<PathBuf>,
    /// What the embedded ARM holds beforehand, instead of what `openAI:` says
    #[arg(long, value_name = "FILE", requires = "spec")]
    pub fixture: Option<PathBuf>,
}

/// Where what is served comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum From {
    /// What ARM has of the specification's service.
    Azure,
}

/// Whose tokens the gateway shows to backends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum IdentityOf {
    /// Tokens of a local issuer, good for simulated accounts only.
    Offline,
    /// Your own login's, towards Azure OpenAI hosts only.
    Developer,
}

/// Arguments of `simulate`.
#[derive(Debug, Args)]
pub struct SimulateArguments {
    /// Address to listen on, one for each account
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9001")]
    pub listen: Vec<std::net::SocketAddr>,
    /// What goes wrong, and when
    #[arg(long, value_name = "FILE")]
    pub behavior: Option<PathBuf>,
    /// A further deployment of every account; the model is the name's own unless it is said
    #[arg(long, value_name = "NAME[=MODEL]")]
    pub deployment: Vec<String>,
    /// How many received requests are remembered for `GET /_simulator/requests`
    #[arg(long, value_name = "NUMBER", default_value_t = 1_000)]
    pub remember: usize,
}

/// Arguments of `test`.
#[derive(Debug, Args)]
pub struct TestArguments {
    /// Files of scenarios, and directories in which files end with `.test.yaml`
    #[arg(value_name = "PATH", required_unless_present = "chaos", conflicts_with = "chaos")]
    pub paths: Vec<PathBuf>,
    #[command(flatten)]
    pub variables: VariableArguments,
    /// Replay the load of a file over its faults, instead of scenarios, and report availability, latency and attempts
    #[arg(long, value_name = "FILE", conflicts_with_all = ["only", "coverage", "lcov"])]
    pub chaos: Option<PathBuf>,
    /// Only scenarios whose name holds this text
    #[arg(long, value_name = "TEXT")]
    pub only: Option<String>,
    /// Scenarios that run at the same time [default: one for each processor]
    #[arg(long, value_name = "NUMBER")]
    pub threads: Option<std::num::NonZeroUsize>,
    /// Write the results as JUnit XML
    #[arg(long, value_name = "FILE")]
    pub junit: Option<PathBuf>,
    /// Write the results as a page for a browser
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
    /// Report which policy statements and branches ran
    #[arg(long)]
    pub coverage: bool,
    /// Write which policy statements and branches ran as an lcov tracefile
    #[arg(long, value_name = "FILE")]
    pub lcov: Option<PathBuf>,
}

/// What to do with policy documents.
#[derive(Debug, Subcommand)]
pub enum PolicyCommand {
    /// Report everything that is wrong with policy documents and fragments
    #[command(
        after_help = "Examples:\n  apimctl policy check policies/*.xml\n  git ls-files '*.xml' | apimctl policy check --files-from - --format json\n\nExit codes: 0 no errors (there may be warnings), 1 errors, 64 wrong usage"
    )]
    Check(PolicyCheckArguments),
    /// Lay policy documents out in one way; what they mean stays the same
    ///
    /// One file: its new text goes to stdout. Several, or `--check`: the files that would change are listed, and the exit code is 1 if
    /// there are any. With `--fix`, files are rewritten, and what has a safe cure is mended.
    #[command(
        after_help = "Examples:\n  apimctl policy fmt policy.xml\n  apimctl policy fmt --check policies/*.xml\n  apimctl policy fmt --fix policies/*.xml"
    )]
    Fmt(PolicyFmtArguments),
    /// Evaluate expressions: one JSON object a line in, one a line out
    #[command(after_help = "Example:\n  echo '{\"id\":1,\"expr\":\"@(1 + 1)\"}' | apimctl policy eval --jsonl")]
    Eval(PolicyEvalArguments),
}

/// Arguments of `policy eval`.
#[derive(Debug, Args)]
pub struct PolicyEvalArguments {
    /// Read and write JSON lines, the only form there is
    #[arg(long, required = true)]
    pub jsonl: bool,
}

/// Which policy documents, and where they go.
#[derive(Debug, Args)]
pub struct PolicyFileArguments {
    /// Policy documents and fragments
    #[arg(value_name = "FILE", required_unless_present = "files_from")]
    pub files: Vec<PathBuf>,
    /// Reads further paths from a file, one a line (or parted by NUL); `-` is stdin
    #[arg(long, value_name = "FILE")]
    pub files_from: Option<PathBuf>,
    /// The scope that the documents are attached to: rules that depend on it are applied too
    #[arg(long, value_enum, value_name = "SCOPE")]
    pub scope: Option<PolicyScope>,
}

/// The scope that a policy document is attached to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum PolicyScope {
    /// All APIs.
    Global,
    /// All APIs of a workspace.
    Workspace,
    /// A product.
    Product,
    /// An API.
    Api,
    /// An operation.
    Operation,
}

/// Arguments of `policy check`.
#[derive(Debug, Args)]
pub struct PolicyCheckArguments {
    #[command(flatten)]
    pub documents: PolicyFileArguments,
}

/// Arguments of `policy fmt`.
#[derive(Debug, Args)]
pub struct PolicyFmtArguments {
    #[command(flatten)]
    pub documents: PolicyFileArguments,
    /// Rewrite the files, and mend what has a safe cure
    #[arg(long)]
    pub fix: bool,
    /// Only list what would change, also for one file
    #[arg(long, conflicts_with = "fix")]
    pub check: bool,
}

/// Parses a command line.
///
/// # Errors
/// clap's own message, also for `--help` and `--version`.
pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<CommandLine, clap::Error> {
    let matches = definition().try_get_matches_from(arguments)?;
    CommandLine::from_arg_matches(&matches).map_err(|error| error.format(&mut definition()))
}

/// `fidelity`.
#[derive(Debug, Args)]
pub struct FidelityArguments {
    /// Only rows whose name or area holds this text
    #[arg(value_name = "TEXT")]
    pub only: Option<String>,
}
