//! The files of each template, as they are embedded.

use crate::cli::arguments::{Ci, Template};

/// A file of a template: where it goes, and its text with what is to be filled in.
#[derive(Debug, Clone, Copy)]
pub(super) struct File {
    pub path: &'static str,
    pub text: &'static str,
}

macro_rules! files {
    ($template:literal: $($path:literal),+) => {
        &[$(File { path: $path, text: include_str!(concat!("../../../../templates/", $template, "/", $path)) }),+]
    };
}

/// Name and what it is, in the order in which they are offered.
pub(super) const OFFERED: [(Template, &str, &str); 5] = [
    (Template::OpenaiLb, "openai-lb", "several accounts behind one load-balanced pool"),
    (Template::PtuPriority, "ptu-priority", "provisioned throughput first, pay-as-you-go when it is full"),
    (Template::MultiTeam, "multi-team", "a product for each team with its own token limit"),
    (Template::MultiRegion, "multi-region", "Premium in several regions, each with the account that is near"),
    (Template::Minimal, "minimal", "one account, one key"),
];

/// The files of a template.
pub(super) const fn files(template: Template) -> &'static [File] {
    match template {
        Template::OpenaiLb => files!("openai-lb": "gateway.yaml", "gateway.test.yaml", "policies/openai.xml"),
        Template::PtuPriority => files!("ptu-priority": "gateway.yaml", "gateway.test.yaml", "policies/openai.xml"),
        Template::MultiTeam => files!("multi-team": "gateway.yaml", "gateway.test.yaml", "policies/openai.xml"),
        Template::MultiRegion => files!("multi-region": "gateway.yaml", "gateway.test.yaml", "policies/openai.xml"),
        Template::Minimal => files!("minimal": "gateway.yaml", "gateway.test.yaml", "policies/openai.xml"),
    }
}

/// The workflow; its path is relative to the repository, and its name is filled in too.
pub(super) const fn workflow(ci: Ci) -> Option<File> {
    match ci {
        Ci::Github => Some(File { path: ".github/workflows/@name@.yml", text: include_str!("../../../../templates/ci/github.yml") }),
        Ci::AzurePipelines => {
            Some(File { path: "@name@-pipelines.yml", text: include_str!("../../../../templates/ci/azure-pipelines.yml") })
        }
        Ci::None => None,
    }
}

/// How many accounts a template needs, and how many it can have.
pub(super) const fn accounts(template: Template) -> (usize, usize) {
    match template {
        Template::Minimal => (1, 1),
        // One is provisioned.
        Template::PtuPriority => (2, 30),
        Template::OpenaiLb | Template::MultiTeam | Template::MultiRegion => (2, 30),
    }
}

/// How many accounts are made up where none is named.
pub(super) const fn invented(template: Template) -> usize {
    match template {
        Template::Minimal => 1,
        Template::PtuPriority => 3,
        Template::OpenaiLb | Template::MultiTeam | Template::MultiRegion => 2,
    }
}

/// Whether the gateway of a template can have further regions.
pub(super) const fn has_regions(template: Template) -> bool {
    matches!(template, Template::MultiRegion)
}

/// The environment that a template's specification is planned with in CI.
pub(super) const fn environment(template: Template) -> Option<&'static str> {
    match template {
        Template::MultiRegion => Some("prod"),
        _ => None,
    }
}
