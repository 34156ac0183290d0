//! Arguments of `init`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::Auth;

/// Arguments of `init`.
#[derive(Debug, Clone, Args)]
pub struct InitArguments {
    /// Where to write; made if it is not there
    #[arg(value_name = "DIR", default_value = ".")]
    pub directory: PathBuf,
    /// What to begin with [default: openai-lb]
    #[arg(long, short, value_enum, value_name = "TEMPLATE")]
    pub template: Option<Template>,
    /// Which CI runs it [default: github where there is a `.github` directory, else none]
    #[arg(long, value_enum, value_name = "CI")]
    pub ci: Option<Ci>,
    /// Name of the gateway; others are made of it [default: the directory's name]
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// Name of the API Management service, unique in the world [default: apim-NAME]
    #[arg(long, value_name = "NAME")]
    pub service: Option<String>,
    /// Resource group of the gateway [default: rg-NAME]
    #[arg(long, value_name = "NAME")]
    pub resource_group: Option<String>,
    /// Region of the gateway; for `multi-region` one for each region, the first is the main one [default: swedencentral]
    #[arg(long, value_name = "REGION")]
    pub location: Vec<String>,
    /// Who publishes the APIs
    #[arg(long, value_name = "NAME")]
    pub publisher_name: Option<String>,
    /// Where the service sends its mail
    #[arg(long, value_name = "ADDRESS")]
    pub publisher_email: Option<String>,
    /// An Azure OpenAI account that is there, with its resource group and region; for `ptu-priority` the first is the provisioned one
    #[arg(long, value_name = "ACCOUNT[:GROUP[:REGION]]")]
    pub account: Vec<String>,
    /// A deployment that all accounts have [default: gpt-4o-mini]
    #[arg(long, value_name = "NAME")]
    pub deployment: Vec<String>,
    /// A team, for `multi-team` [default: research and support]
    #[arg(long, value_name = "NAME")]
    pub team: Vec<String>,
    /// Take the accounts, and the deployments that all of them have, from what the login sees
    #[arg(long, conflicts_with_all = ["account"])]
    pub discover: bool,
    /// Which login `--discover` uses, instead of the first that answers
    #[arg(long, value_enum, value_name = "KIND")]
    pub auth: Option<Auth>,
    /// Overwrite files that are there
    #[arg(long)]
    pub force: bool,
    /// Do not ask, also on a terminal
    #[arg(long, short)]
    pub yes: bool,
}

/// What to begin with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Template {
    /// Several accounts behind one load-balanced pool, one key for every kind of client
    OpenaiLb,
    /// Provisioned throughput first, pay-as-you-go when it is full
    PtuPriority,
    /// A product for each team with its own token limit
    MultiTeam,
    /// Premium in several regions, each with the account that is near
    MultiRegion,
    /// One account, one key
    Minimal,
}

/// Which CI runs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Ci {
    /// GitHub Actions
    Github,
    /// Azure Pipelines
    AzurePipelines,
    /// None
    None,
}
