use std::collections::BTreeSet;

use super::super::Rule;
use super::*;

#[test]
fn every_type_stands_once_and_its_lines_can_be_read() {
    let mut names = BTreeSet::new();
    for entry in all() {
        assert!(names.insert(entry.name.to_ascii_lowercase()), "{} stands twice", entry.name);
        regex::Regex::new(entry.naming.pattern).unwrap();
        assert!(entry.naming.length.0 <= entry.naming.length.1, "{}", entry.name);
        assert!(!entry.label.is_empty());
        for property in entry.properties {
            assert!(property.pointer.starts_with('/'), "{} {}", entry.name, property.pointer);
            if let Rule::Default(text) = property.rule {
                serde_json::from_str::<serde_json::Value>(text)
                    .unwrap_or_else(|error| panic!("{} {}: {error}", entry.name, property.pointer));
            }
        }
        let distinct = entry.properties.iter().enumerate().all(|(index, property)| !entry.properties[..index].contains(property));
        assert!(distinct, "{} has a line twice", entry.name);
        for preview in entry.preview {
            assert!(preview.api_version > entry.api_version, "{} {}", entry.name, preview.pointer);
        }
    }
}

#[test]
fn the_version_follows_what_the_body_sets() {
    let backend = find("microsoft.apimanagement/SERVICE/backends").unwrap();
    let version = |body: serde_json::Value| backend.api_version_for(&body);
    assert_eq!(version(serde_json::json!({"properties": {"url": "https://x"}})), "2024-05-01");
    assert_eq!(version(serde_json::json!({"properties": {"credentials": {"managedIdentity": {"resource": "r"}}}})), "2024-06-01-preview");
    assert_eq!(version(serde_json::json!({"properties": {"pool": {"services": []}}})), "2024-06-01-preview");
    let region = serde_json::json!({"properties": {"pool": {"services": [{"preferredCarbonEmission": "Low"}]}}});
    assert_eq!(version(region), "2025-03-01-preview");
}

#[test]
fn a_pattern_matches_whole_paths_only() {
    let property = super::super::properties::property("/a/*/b", Rule::Kept);
    assert!(property.matches(&["a", "7", "b"]));
    assert!(!property.matches(&["a", "7"]));
    assert!(!property.matches(&["a", "7", "b", "c"]));
    assert!(!property.matches(&["x", "7", "b"]));
}

#[test]
fn writes_to_one_api_share_a_group() {
    let id = |tail: &str| {
        crate::arm::ResourceId::parse(&format!("/subscriptions/s/resourceGroups/g/providers/Microsoft.ApiManagement/service/x{tail}"))
            .unwrap()
    };
    let group = super::super::serial_group;
    assert_eq!(group(&id("/apis/a/operations/o/policies/policy")), Some(id("/apis/a")));
    assert_eq!(group(&id("/apis/a;rev=2")), Some(id("/apis/A")));
    assert_eq!(group(&id("/products/p/apis/a")), None);
    assert_eq!(group(&id("/backends/b")), None);
}
