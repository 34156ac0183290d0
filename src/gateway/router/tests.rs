use http::{HeaderMap, HeaderName, HeaderValue};
use proptest::prelude::*;

use super::places::Entry;
use super::*;

fn templates(all: &[(&str, &str)]) -> Templates {
    let mut templates = Templates::default();
    for ((method, template), place) in all.iter().zip(0..) {
        let method = (*method != "*").then(|| Method::from_bytes(method.as_bytes()).unwrap());
        templates.add(&Template::parse(template), method, OperationIndex(place));
    }
    templates
}

/// The template that serves a request, and its parameters.
fn find(all: &[(&str, &str)], method: &str, target: &str) -> Option<(String, String)> {
    let (path, query) = target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)));
    let (operation, matched) = templates(all).find(path, query, &Method::from_bytes(method.as_bytes()).unwrap())?;
    let matched: Vec<String> = matched.iter().map(|(name, value)| format!("{name}={value}")).collect();
    Some((all[operation.0 as usize].1.to_owned(), matched.join(",")))
}

fn found(template: &str, matched: &str) -> Option<(String, String)> {
    Some((template.to_owned(), matched.to_owned()))
}

#[test]
fn the_order_of_definition_does_not_matter() {
    let mut all = vec![("GET", "/{a}/{b}"), ("GET", "/x/{b}"), ("GET", "/{a}/y"), ("GET", "/x/y"), ("GET", "/*"), ("GET", "/x/*")];
    for _ in 0..all.len() {
        all.rotate_left(1);
        assert_eq!(find(&all, "GET", "/x/y"), found("/x/y", ""));
        // The earliest literal decides.
        assert_eq!(find(&all, "GET", "/x/z"), found("/x/{b}", "b=z"));
        assert_eq!(find(&all, "GET", "/w/y"), found("/{a}/y", "a=w"));
        assert_eq!(find(&all, "GET", "/w/z"), found("/{a}/{b}", "a=w,b=z"));
        assert_eq!(find(&all, "GET", "/x/y/z"), found("/x/*", ""));
        assert_eq!(find(&all, "GET", "/w/y/z"), found("/*", ""));
    }
}

#[test]
fn a_literal_way_that_ends_nowhere_is_left_again() {
    let all = [("GET", "/a/b/c"), ("GET", "/{x}/b/d"), ("POST", "/{x}/b/c")];
    assert_eq!(find(&all, "GET", "/a/b/d"), found("/{x}/b/d", "x=a"));
    assert_eq!(find(&all, "POST", "/a/b/c"), found("/{x}/b/c", "x=a"));
    assert_eq!(find(&all, "PUT", "/a/b/c"), None);
}

#[test]
fn an_operation_of_one_method_comes_before_one_of_every_method() {
    let all = [("*", "/a"), ("GET", "/a")];
    let templates = templates(&all);
    let operation = |method: &Method| templates.find("/a", None, method).map(|(operation, _)| operation.0);
    assert_eq!((operation(&Method::GET), operation(&Method::PATCH)), (Some(1), Some(0)));
}

#[test]
fn a_named_wildcard_is_a_parameter() {
    let all = [("GET", "/files/{*path}")];
    assert_eq!(find(&all, "GET", "/files/a/b%20c"), found("/files/{*path}", "path=a/b c"));
    assert_eq!(find(&all, "GET", "/files/"), found("/files/{*path}", "path="));
    assert_eq!(find(&all, "GET", "/files"), None);
}

#[test]
fn the_query_part_with_more_literals_comes_first() {
    let all = [("GET", "/a"), ("GET", "/a?x={x}"), ("GET", "/a?x=1"), ("GET", "/a?x={x}&y={y}")];
    assert_eq!(find(&all, "GET", "/a?x=1&y=2"), found("/a?x=1", ""));
    assert_eq!(find(&all, "GET", "/a?X=3&y=2"), found("/a?x={x}&y={y}", "x=3,y=2"));
    assert_eq!(find(&all, "GET", "/a?x=3"), found("/a?x={x}", "x=3"));
    assert_eq!(find(&all, "GET", "/a?z=3"), found("/a", ""));
}

#[test]
fn segments_of_several_parts() {
    let all = [("GET", "/{base}sync"), ("GET", "/v{major}.{minor}"), ("GET", "/Products({id})")];
    assert_eq!(find(&all, "GET", "/a%2Fb%2Fsync"), found("/{base}sync", "base=a/b/"));
    assert_eq!(find(&all, "GET", "/syncsync"), found("/{base}sync", "base=sync"));
    assert_eq!(find(&all, "GET", "/sync"), None);
    assert_eq!(find(&all, "GET", "/V1.2"), found("/v{major}.{minor}", "major=1,minor=2"));
    assert_eq!(find(&all, "GET", "/products('x')"), found("/Products({id})", "id='x'"));
}

#[test]
fn names_of_parameters_are_plain() {
    assert_eq!(Template::parse("/a/{id:int}/{b?}/*").parameters(), [Arc::from("id"), Arc::from("b")]);
    assert_eq!(Template::parse("/a?x={y}").parameters(), [Arc::from("y")]);
}

fn place(places: &Places, path: &str, query: Option<&str>, header: Option<&'static str>) -> Option<(u32, usize)> {
    let mut headers = HeaderMap::new();
    if let Some(version) = header {
        headers.insert("api-version", HeaderValue::from_static(version));
    }
    places.find(&PlaceRequest { path, query, headers: &headers }).ok().map(|(api, rest)| (api.0, rest))
}

#[test]
fn versions_and_revisions_part_apis_of_one_path() {
    let header = VersionSet { id: "h".into(), by: VersionBy::Header(HeaderName::from_static("api-version")) };
    let segment = VersionSet { id: "s".into(), by: VersionBy::Segment };
    let mut places = Places::default();
    let mut add = |api, path, version, set, revision, is_current| {
        places.add(&Entry { api: ApiIndex(api), path, version, set, revision, is_current });
    };
    add(0, "", None, None, "1", true);
    add(1, "a/b", Some("v1"), Some(&header), "1", true);
    add(2, "a/b", Some("v1"), Some(&header), "2", false);
    add(3, "a/b", None, Some(&header), "1", true);
    add(4, "c", Some("V2"), Some(&segment), "1", true);
    assert_eq!(place(&places, "/a/b/x", None, Some("V1")), Some((1, 4)));
    assert_eq!(place(&places, "/A/B;rev=2/x", None, Some("v1")), Some((2, 10)));
    assert_eq!(place(&places, "/a/b/x", None, None), Some((3, 4)));
    assert_eq!(place(&places, "/a/b/x", None, Some("v9")), None);
    assert_eq!(place(&places, "/c/v2/x", None, None), Some((4, 5)));
    // No API has the path of the segment alone, so the root's serves it.
    assert_eq!(place(&places, "/c/x", None, None), Some((0, 0)));
    assert_eq!(place(&places, "/a/x", None, None), Some((0, 0)));
    assert_eq!(place(&places, "/;rev=1/x", None, None), Some((0, 7)));
    assert_eq!(place(&places, "/;rev=2/x", None, None), None);
}

proptest! {
    #[test]
    fn any_path_and_template_are_survived(template in "[/{}*?=&a-c%:.]{0,40}", path in "/[/a-c%2Ff.;=rev]{0,40}") {
        let all = [("GET", template.as_str())];
        let _ = find(&all, "GET", &path);
        let mut places = Places::default();
        places.add(&Entry { api: ApiIndex(0), path: &template, version: None, set: None, revision: "1", is_current: true });
        let _ = place(&places, &path, None, None);
    }

    #[test]
    fn a_template_without_parameters_matches_itself(path in "(/[a-zA-Z0-9-]{1,8}){1,6}") {
        let all = [("GET", path.as_str())];
        prop_assert_eq!(find(&all, "GET", &path.to_uppercase()), found(&path, ""));
    }

    #[test]
    fn parameters_are_what_stands_in_their_place(values in proptest::collection::vec("[a-zA-Z0-9]{1,8}", 1..6)) {
        let template: String = (0..values.len()).map(|number| format!("/p{{n{number}}}")).collect();
        let path: String = values.iter().map(|value| format!("/p{value}")).collect();
        let matched: Vec<String> = values.iter().enumerate().map(|(number, value)| format!("n{number}={value}")).collect();
        prop_assert_eq!(find(&[("GET", template.as_str())], "GET", &path), found(&template, &matched.join(",")));
    }
}

/// What a look-up looks at depends on the length of the path, not on how many operations there are.
#[test]
fn ten_thousand_operations_are_no_more_work_than_ten() {
    let steps = |count: u32| {
        let mut templates = Templates::default();
        for number in 0..count {
            let template = Template::parse(&format!("/group{}/{{id}}/item{number}", number % 10));
            templates.add(&template, Some(Method::GET), OperationIndex(number));
        }
        super::templates::steps::take();
        let found = templates.find("/group7/some/item7", None, &Method::GET);
        assert_eq!(found.map(|(operation, _)| operation), Some(OperationIndex(7)));
        assert!(templates.find("/group7/some/item8", None, &Method::GET).is_none());
        super::templates::steps::take()
    };
    let few = steps(10);
    assert_eq!((few, steps(10_000)), (few, few));
    assert!(few <= 10, "{few} steps");
}
