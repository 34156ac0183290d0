//! Operations: URL templates and their parameters.

use std::collections::{BTreeSet, HashMap};

use super::{Advise, Rules};
use crate::spec::codes;
use crate::spec::model::{Api, Operation};
use crate::spec::tree::join;
use crate::support::finding::Kind;
use crate::support::suggest;

pub(super) fn check(rules: &mut Rules<'_>, name: &str, api: &Api, pointer: &str) {
    let mut seen: HashMap<(String, String), &String> = HashMap::new();
    for (operation_name, operation) in &api.operations {
        let place = join(&format!("{pointer}/operations"), operation_name);
        template(rules, operation, &place);
        let key = (operation.method.to_uppercase(), shape(&operation.url_template));
        if let Some(first) = seen.insert(key, operation_name) {
            let message =
                format!("`{operation_name}` and `{first}` are both `{} {}`", operation.method.to_uppercase(), operation.url_template);
            let first_place = rules.locator.key(&join(&format!("{pointer}/operations"), first));
            let finding = rules.error(codes::DUPLICATE_OPERATION, Kind::Place, &format!("{place}/urlTemplate"), message);
            if let Some(first_place) = first_place {
                finding.labels.push((first_place, "the other one".to_owned()));
            }
        }
    }
    let operations = format!("{pointer}/operations");
    let broken = rules.checked.dropped.iter().any(|dropped| dropped.starts_with(&operations));
    let of_http = api.kind.as_deref().is_none_or(|kind| kind == "http");
    if api.operations.is_empty() && api.import.is_none() && of_http && !broken {
        let message = format!("`{name}` has no operations, so every request to it gets 404");
        rules.trap(codes::NO_OPERATIONS, pointer, message).advise("add `operations`, or `import` an OpenAPI document");
    }
}

fn template(rules: &mut Rules<'_>, operation: &Operation, pointer: &str) {
    let place = format!("{pointer}/urlTemplate");
    let names = match parameters(&operation.url_template) {
        Ok(names) => names,
        Err(problem) => {
            rules.error(codes::TEMPLATE_PARAMETERS, Kind::Syntax, &place, format!("`{}`: {problem}", operation.url_template));
            return;
        }
    };
    let mut in_template = BTreeSet::new();
    for name in &names {
        if !in_template.insert(name.to_lowercase()) {
            let message = format!("`{{{name}}}` stands twice in `{}`", operation.url_template);
            rules.error(codes::TEMPLATE_PARAMETERS, Kind::Place, &place, message);
        }
    }
    let mut declared = BTreeSet::new();
    for (index, parameter) in operation.template_parameters.iter().flatten().enumerate() {
        let Some(name) = parameter.get("name").and_then(serde_json::Value::as_str) else { continue };
        let place = format!("{pointer}/templateParameters/{index}/name");
        if !declared.insert(name.to_lowercase()) {
            rules.error(codes::TEMPLATE_PARAMETERS, Kind::Place, &place, format!("the parameter `{name}` stands twice"));
        } else if !in_template.contains(&name.to_lowercase()) {
            // Refused by the service with 400; missing ones are added here, so only the reverse can go wrong.
            let message = format!("`{}` has no parameter `{{{name}}}`", operation.url_template);
            let finding = rules.error(codes::TEMPLATE_PARAMETERS, Kind::Place, &place, message);
            if let Some(near) = suggest::nearest(name, names.iter().copied()) {
                finding.advise(format!("did you mean `{near}`?"));
            }
        }
    }
}

/// The parameters of a template: `{name}`, or `{*name}` for the rest of the path.
fn parameters(template: &str) -> Result<Vec<&str>, String> {
    let mut names = Vec::new();
    let mut rest = template;
    while let Some(start) = rest.find(['{', '}']) {
        if rest[start..].starts_with('}') {
            return Err("`}` without `{`".to_owned());
        }
        let inner = &rest[start + 1..];
        let end = inner.find(['{', '}']).filter(|end| inner[*end..].starts_with('}')).ok_or("`{` without `}`")?;
        let name = inner[..end].strip_prefix('*').unwrap_or(&inner[..end]);
        if name.is_empty() {
            if !inner.starts_with("*}") {
                return Err("`{}` needs a name".to_owned());
            }
        } else {
            names.push(name);
        }
        rest = &inner[end + 1..];
    }
    Ok(names)
}

/// A template with the names taken out: two that differ in names only are the same to a request (assumed to be refused).
fn shape(template: &str) -> String {
    let mut shape = String::new();
    let mut inside = false;
    for character in template.trim_end_matches('/').chars() {
        match character {
            '{' => {
                inside = true;
                shape.push('{');
            }
            '}' => {
                inside = false;
                shape.push('}');
            }
            '*' if inside => shape.push('*'),
            _ if inside => {}
            other => shape.extend(other.to_lowercase()),
        }
    }
    shape
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_parameters_of_a_template() {
        assert_eq!(parameters("/deployments/{deployment-id}/x?api-version={v}"), Ok(vec!["deployment-id", "v"]));
        assert_eq!(parameters("/{*path}"), Ok(vec!["path"]));
        assert_eq!(parameters("/*"), Ok(vec![]));
        for bad in ["/{", "/}", "/{a", "/{a{b}}", "/{}"] {
            assert!(parameters(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn names_of_parameters_do_not_tell_templates_apart() {
        assert_eq!(shape("/a/{x}/B"), shape("/a/{y}/b/"));
        assert_ne!(shape("/a/{x}"), shape("/a/{*x}"));
    }
}
