//! What is known about the gateway to be: from flags, from the login, from answers on a terminal, and from defaults.

use std::io::BufRead;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use super::render::{Values, render};
use super::templates::{self, OFFERED};
use crate::cli::arguments::{Ci, InitArguments, Template};
use crate::cli::commands::written::Planned;

const LOCATION: &str = "swedencentral";
/// Regions of accounts that are made up.
const ACCOUNT_LOCATIONS: [&str; 3] = ["swedencentral", "francecentral", "germanywestcentral"];
const DEPLOYMENT: &str = "gpt-4o-mini";
const TEAMS: [&str; 2] = ["research", "support"];

/// An Azure OpenAI account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Account {
    pub name: String,
    pub group: String,
    pub location: String,
}

/// What the login sees.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Found {
    pub accounts: Vec<Account>,
    /// Deployments that all of them have.
    pub deployments: Vec<String>,
}

/// Everything that a template is filled with.
#[derive(Debug, Clone)]
pub(super) struct Answers {
    directory: PathBuf,
    template: Template,
    ci: Ci,
    name: String,
    service: String,
    resource_group: String,
    locations: Vec<String>,
    publisher_name: String,
    publisher_email: String,
    accounts: Vec<Account>,
    deployments: Vec<String>,
    teams: Vec<String>,
    /// Whether the accounts are examples.
    pub invented_accounts: bool,
}

impl Answers {
    /// Without asking.
    ///
    /// # Errors
    /// Flags that the template cannot have.
    pub(super) fn of_flags(arguments: &InitArguments, found: Option<Found>) -> Result<Self> {
        let template = arguments.template.unwrap_or(Template::OpenaiLb);
        let ci = arguments.ci.unwrap_or_else(|| default_ci(&arguments.directory));
        let name = match &arguments.name {
            Some(name) => checked_name(name, "--name")?,
            None => default_name(&arguments.directory),
        };
        let (least, most) = templates::accounts(template);
        let found = found.unwrap_or_default();
        let mut accounts = arguments.account.iter().map(|text| account(text)).collect::<Result<Vec<_>>>()?;
        accounts.extend(found.accounts);
        let invented_accounts = accounts.is_empty();
        if invented_accounts {
            accounts = invented(templates::invented(template), &name);
        }
        if accounts.len() < least || accounts.len() > most {
            bail!(
                "the template `{}` takes {}, not {}",
                template_name(template),
                if least == most { format!("{least} account") } else { format!("at least {least} accounts (and at most {most})") },
                accounts.len()
            );
        }
        let locations = if arguments.location.is_empty() {
            let mut locations = vec![LOCATION.to_owned()];
            if templates::has_regions(template) {
                let other = accounts.iter().map(|account| account.location.clone()).find(|location| location != LOCATION);
                locations.push(other.unwrap_or_else(|| "francecentral".to_owned()));
            }
            locations
        } else {
            arguments.location.iter().map(|location| region(location)).collect()
        };
        match locations.as_slice() {
            [_] if templates::has_regions(template) => {
                bail!("the template `{}` needs a `--location` for each region, two at least", template_name(template))
            }
            [_, _, ..] if !templates::has_regions(template) => {
                bail!("the template `{}` has one region; `multi-region` has several", template_name(template))
            }
            _ => {}
        }
        if !arguments.team.is_empty() && template != Template::MultiTeam {
            bail!("`--team` is for the template `multi-team`");
        }
        let teams = if arguments.team.is_empty() {
            TEAMS.map(str::to_owned).to_vec()
        } else {
            arguments.team.iter().map(|team| checked_name(team, "--team")).collect::<Result<_>>()?
        };
        let deployments = match (arguments.deployment.is_empty(), found.deployments.is_empty()) {
            (false, _) => arguments.deployment.iter().map(|name| checked_deployment(name)).collect::<Result<_>>()?,
            (true, false) => found.deployments,
            (true, true) => vec![DEPLOYMENT.to_owned()],
        };
        Ok(Self {
            directory: arguments.directory.clone(),
            template,
            ci,
            service: arguments.service.clone().unwrap_or_else(|| format!("apim-{name}")),
            resource_group: arguments.resource_group.clone().unwrap_or_else(|| format!("rg-{name}")),
            locations,
            publisher_name: arguments.publisher_name.clone().unwrap_or_else(|| "Platform team".to_owned()),
            publisher_email: arguments.publisher_email.clone().unwrap_or_else(|| "platform@example.com".to_owned()),
            accounts,
            deployments,
            teams,
            name,
            invented_accounts,
        })
    }

    /// Asks for what flags leave open; an empty answer takes what stands in brackets.
    ///
    /// # Errors
    /// The terminal went away, or flags and answers do not fit together.
    pub(super) fn asked(
        arguments: &InitArguments,
        found: Option<Found>,
        input: &mut impl BufRead,
        say: &mut dyn FnMut(&str),
    ) -> Result<Self> {
        let mut questions = Questions { input, say };
        let mut arguments = arguments.clone();
        if arguments.template.is_none() {
            (questions.say)("What to begin with?\n");
            for (index, (_, name, about)) in OFFERED.iter().enumerate() {
                (questions.say)(&format!("  {}  {name:<13} {about}\n", index + 1));
            }
            let names: Vec<&str> = OFFERED.iter().map(|(_, name, _)| *name).collect();
            let chosen = questions.choose("Template", &names, 0)?;
            arguments.template = OFFERED.get(chosen).map(|(template, _, _)| *template);
        }
        let template = arguments.template.unwrap_or(Template::OpenaiLb);
        let name = match &arguments.name {
            Some(name) => name.clone(),
            None => questions.text("Name of the gateway", &default_name(&arguments.directory))?,
        };
        if arguments.service.is_none() {
            arguments.service = Some(questions.text("Name of the service, unique in the world", &format!("apim-{name}"))?);
        }
        arguments.name = Some(name);
        if arguments.location.is_empty() {
            let regions = if templates::has_regions(template) { "swedencentral francecentral" } else { LOCATION };
            let words = if templates::has_regions(template) { "Regions, the main one first" } else { "Region" };
            arguments.location =
                questions.text(words, regions)?.split([' ', ',']).filter(|word| !word.is_empty()).map(str::to_owned).collect();
        }
        if arguments.publisher_email.is_none() {
            arguments.publisher_email = Some(questions.text("Where the service sends its mail", "platform@example.com")?);
        }
        if arguments.account.is_empty() && found.is_none() {
            let (least, most) = templates::accounts(template);
            (questions.say)(
                "Azure OpenAI accounts, as ACCOUNT:GROUP:REGION, one a line; an empty line ends (none: examples to fill in later).\n",
            );
            while arguments.account.len() < most {
                let text = questions.text(&format!("Account {}", arguments.account.len() + 1), "")?;
                if text.is_empty() {
                    if arguments.account.is_empty() || arguments.account.len() >= least {
                        break;
                    }
                    (questions.say)(&format!("This template needs at least {least}.\n"));
                    continue;
                }
                match account(&text) {
                    Ok(_) => arguments.account.push(text),
                    Err(error) => (questions.say)(&format!("{error}\n")),
                }
            }
        }
        if arguments.deployment.is_empty() && found.as_ref().is_none_or(|found| found.deployments.is_empty()) {
            arguments.deployment = vec![questions.text("Deployment that all accounts have", DEPLOYMENT)?];
        }
        if arguments.ci.is_none() {
            let default = match default_ci(&arguments.directory) {
                Ci::Github => 0,
                Ci::AzurePipelines => 1,
                Ci::None => 2,
            };
            let chosen = questions.choose("CI", &["github", "azure-pipelines", "none"], default)?;
            arguments.ci = [Ci::Github, Ci::AzurePipelines, Ci::None].get(chosen).copied();
        }
        Self::of_flags(&arguments, found)
    }

    /// The template's name.
    pub(super) fn template_name(&self) -> &'static str {
        template_name(self.template)
    }

    /// The specification, for printing.
    pub(super) fn spec_path(&self) -> PathBuf {
        Planned::below(&self.directory, "gateway.yaml", String::new()).path
    }

    /// The environment for trying the specification, if it has environments.
    pub(super) fn environment(&self) -> Option<&'static str> {
        templates::environment(self.template)
    }

    /// Everything to write.
    pub(super) fn files(&self) -> Vec<Planned> {
        let values = self.values();
        let mut files: Vec<Planned> = templates::files(self.template)
            .iter()
            .map(|file| Planned::below(&self.directory, file.path, render(file.text, &values)))
            .collect();
        let schema = format!("{:#}\n", crate::spec::schema());
        files.push(Planned::below(&self.directory, "apimctl.schema.json", schema));
        files.push(Planned {
            keep: true,
            ..Planned::below(&self.directory, ".gitignore", ".apimctl/\n*-results.xml\nplan.json\n".to_owned())
        });
        if let Some(workflow) = templates::workflow(self.ci) {
            let path = render(workflow.path, &values);
            files.push(Planned::below(&self.repository().0, path.trim_end(), render(workflow.text, &values)));
        }
        files
    }

    /// The repository that the directory lies in, as far as one can be seen from it, and the way from there to the directory.
    fn repository(&self) -> (PathBuf, String) {
        let own = || (self.directory.clone(), ".".to_owned());
        let Ok(absolute) = std::path::absolute(&self.directory) else { return own() };
        // `.` and `..` are taken out where the directory is there; a new one has none below what is there.
        let absolute = absolute.canonicalize().unwrap_or(absolute);
        for ancestor in absolute.ancestors() {
            if ancestor.join(".git").exists() {
                let Ok(inside) = absolute.strip_prefix(ancestor) else { return own() };
                let inside = inside.to_string_lossy().replace('\\', "/");
                if inside.is_empty() {
                    return own();
                }
                return (ancestor.to_path_buf(), inside);
            }
        }
        own()
    }

    fn values(&self) -> Values {
        let near = |region: &str, index: usize| {
            let same = self.accounts.iter().position(|account| account.location == region);
            key(&self.accounts, same.unwrap_or(index % self.accounts.len().max(1)))
        };
        let account = |index: usize| {
            let mut values = Values::default();
            if let Some(account) = self.accounts.get(index) {
                values
                    .set("key", key(&self.accounts, index))
                    .set("account", account.name.as_str())
                    .set("account-group", account.group.as_str())
                    .set("account-location", account.location.as_str());
            }
            values
        };
        let accounts: Vec<Values> = (0..self.accounts.len())
            .map(|index| {
                let mut values = account(index);
                values.list("other", (0..self.accounts.len()).filter(|other| *other != index).map(account).collect());
                values
            })
            .collect();
        let regions = self.locations.iter().enumerate().skip(1).map(|(index, region)| {
            let mut values = Values::default();
            values.set("region", region.as_str()).set("near-key", near(region, index));
            values
        });
        let teams = self.teams.iter().map(|team| {
            let mut values = Values::default();
            values.set("team", team.as_str());
            values
        });
        let main = self.locations.first().map_or(LOCATION, String::as_str);
        let retries = |members: usize| members.saturating_sub(1).max(1).to_string();
        let (_, inside) = self.repository();
        let mut values = Values::default();
        values
            .set("name", self.name.as_str())
            .set("service", self.service.as_str())
            .set("resource-group", self.resource_group.as_str())
            .set("location", main)
            .set("publisher-name", quoted(&self.publisher_name))
            .set("publisher-email", quoted(&self.publisher_email))
            .set("deployments", self.deployments.join(", "))
            .set("first-deployment", self.deployments.first().map_or(DEPLOYMENT, String::as_str))
            .set("first-key", key(&self.accounts, 0))
            .set("first-team", self.teams.first().map_or("", String::as_str))
            .set("near-key", near(main, 0))
            .set("count", self.accounts.len().to_string())
            .set("twice", (2 * self.accounts.len()).to_string())
            .set("retries", retries(self.accounts.len()))
            .set("retries-rest", retries(self.accounts.len().saturating_sub(1)))
            .set("environment", self.environment().map(|name| format!(" --env {name}")).unwrap_or_default())
            .set("paths", if inside == "." { "**".to_owned() } else { format!("{inside}/**") })
            .set("directory", inside)
            .list("first", accounts.first().cloned().into_iter().collect())
            .list("rest", accounts.iter().skip(1).cloned().collect())
            .list("account", accounts)
            .list("further-region", regions.collect())
            .list("team", teams.collect());
        values
    }
}

/// Asks on a terminal.
struct Questions<'a, Input: BufRead> {
    input: &'a mut Input,
    say: &'a mut dyn FnMut(&str),
}

impl<Input: BufRead> Questions<'_, Input> {
    fn text(&mut self, question: &str, default: &str) -> Result<String> {
        let shown = if default.is_empty() { String::new() } else { format!(" [{default}]") };
        (self.say)(&format!("{question}{shown}: "));
        let mut line = String::new();
        if self.input.read_line(&mut line)? == 0 {
            bail!("the input ended before all questions were answered; nothing was written");
        }
        let answer = line.trim();
        Ok(if answer.is_empty() { default.to_owned() } else { answer.to_owned() })
    }

    /// The index of one of `names`, chosen by number or name.
    fn choose(&mut self, question: &str, names: &[&str], default: usize) -> Result<usize> {
        loop {
            let answer = self.text(question, names.get(default).copied().unwrap_or_default())?;
            let by_number = answer.parse::<usize>().ok().and_then(|number| number.checked_sub(1)).filter(|index| *index < names.len());
            if let Some(index) = by_number.or_else(|| names.iter().position(|name| name.eq_ignore_ascii_case(&answer))) {
                return Ok(index);
            }
            (self.say)(&format!("One of {}.\n", names.join(", ")));
        }
    }
}

fn template_name(template: Template) -> &'static str {
    OFFERED.iter().find(|(offered, _, _)| *offered == template).map_or("", |(_, name, _)| name)
}

/// What a person would call the account in a specification: its region, where that tells it from the others, else its own name.
fn key(accounts: &[Account], index: usize) -> String {
    let Some(account) = accounts.get(index) else { return String::new() };
    let alone = accounts.iter().filter(|other| other.location == account.location).count() == 1;
    slug(if alone { &account.location } else { &account.name })
}

fn slug(text: &str) -> String {
    let lower = text.to_ascii_lowercase();
    let parts: Vec<&str> = lower.split(|letter: char| !letter.is_ascii_alphanumeric()).filter(|part| !part.is_empty()).collect();
    parts.join("-")
}

/// `West Europe` and `westeurope` are one region to ARM; the second is its name.
fn region(text: &str) -> String {
    text.replace(' ', "").to_ascii_lowercase()
}

fn account(text: &str) -> Result<Account> {
    let parts: Vec<&str> = text.split(':').map(str::trim).collect();
    let fine = |part: &&str| {
        !part.is_empty() && part.chars().all(|letter| letter.is_alphanumeric() || "-_.() ".contains(letter)) && !part.contains('@')
    };
    if parts.len() > 3 || !parts.iter().all(fine) {
        bail!("`{text}` is no account: write ACCOUNT, ACCOUNT:GROUP or ACCOUNT:GROUP:REGION");
    }
    Ok(Account {
        name: parts.first().copied().unwrap_or_default().to_owned(),
        group: parts.get(1).copied().unwrap_or("rg-openai").to_owned(),
        location: region(parts.get(2).copied().unwrap_or(LOCATION)),
    })
}

fn invented(count: usize, name: &str) -> Vec<Account> {
    (0..count)
        .map(|index| {
            let location = ACCOUNT_LOCATIONS.get(index).copied().unwrap_or(LOCATION);
            Account { name: format!("{name}-{location}"), group: "rg-openai".to_owned(), location: location.to_owned() }
        })
        .collect()
}

/// Names become parts of names of many resources: letters, digits and `-`.
fn checked_name(name: &str, argument: &str) -> Result<String> {
    let slug = slug(name);
    if slug != name || !name.starts_with(|letter: char| letter.is_ascii_alphabetic()) || name.len() > 40 {
        let near = if slug.is_empty() { String::new() } else { format!(", for instance `{slug}`") };
        bail!("`{argument}` takes small letters, digits and `-`, beginning with a letter, 40 at most{near}");
    }
    Ok(slug)
}

fn checked_deployment(name: &str) -> Result<String> {
    if name.is_empty() || !name.chars().all(|letter| letter.is_ascii_alphanumeric() || "-_.".contains(letter)) {
        bail!("`--deployment` takes letters, digits, `-`, `_` and `.`");
    }
    Ok(name.to_owned())
}

fn default_name(directory: &Path) -> String {
    let absolute = std::path::absolute(directory).and_then(|path| path.canonicalize().or(Ok(path)));
    let name = absolute.ok().and_then(|path| Some(slug(&path.file_name()?.to_string_lossy()))).unwrap_or_default();
    let name = name.trim_start_matches(|letter: char| !letter.is_ascii_alphabetic());
    let name: String = name.chars().take(40).collect();
    let name = name.trim_end_matches('-');
    if name.is_empty() { "ai-gateway".to_owned() } else { name.to_owned() }
}

fn default_ci(directory: &Path) -> Ci {
    if directory.join(".github").is_dir() { Ci::Github } else { Ci::None }
}

/// As a YAML text, in quotes where it needs them.
fn quoted(text: &str) -> String {
    let plain = text.starts_with(|letter: char| letter.is_alphabetic())
        && text.chars().all(|letter| letter.is_alphanumeric() || " -_.@".contains(letter))
        && text.trim() == text
        && !["true", "false", "yes", "no", "null", "on", "off"].contains(&text.to_ascii_lowercase().as_str());
    if plain { text.to_owned() } else { serde_json::Value::String(text.to_owned()).to_string() }
}

#[cfg(test)]
mod tests;
