//! Lists: pages, counts, filters.

use apimctl::emulator::Options;
use serde_json::json;

use super::{World, options, svc};

async fn with_tags(count: usize, options: Options) -> World {
    let world = World::with_service(options, "Consumption").await;
    for index in 0..count {
        let body = json!({ "properties": { "displayName": format!("Tag {index}") } });
        world.put(&format!("{}/tags/t{index:03}", svc()), body).await.expect(201);
    }
    world
}

#[tokio::test(start_paused = true)]
async fn a_long_list_comes_in_pages_that_lose_nothing() {
    let world = with_tags(250, options()).await;
    let (mut uri, mut names, mut pages) = (format!("{}/tags", svc()), Vec::new(), 0);
    loop {
        let page = world.get(&uri).await.expect(200);
        assert_eq!(page.body["count"], 250);
        names.extend(page.body["value"].as_array().unwrap().iter().map(|tag| tag["name"].as_str().unwrap().to_owned()));
        pages += 1;
        match page.body.get("nextLink") {
            Some(next) => next.as_str().unwrap().clone_into(&mut uri),
            None => break,
        }
    }
    assert_eq!(pages, 3);
    let expected: Vec<String> = (0..250).map(|index| format!("t{index:03}")).collect();
    assert_eq!(names, expected);
}

#[tokio::test(start_paused = true)]
async fn top_and_skip_cut_the_list() {
    let world = with_tags(10, Options { page_size: 4, ..options() }).await;
    let names = |body: &serde_json::Value| {
        body["value"].as_array().unwrap().iter().map(|tag| tag["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let page = world.get(&format!("{}/tags?$top=2&$skip=3", svc())).await.expect(200);
    assert_eq!(names(&page.body), ["t003", "t004"]);
    assert!(page.body.get("nextLink").is_none());
    let first = world.get(&format!("{}/tags?$top=6", svc())).await.expect(200);
    assert_eq!(names(&first.body).len(), 4);
    let second = world.get(first.body["nextLink"].as_str().unwrap()).await.expect(200);
    assert_eq!(names(&second.body), ["t004", "t005"]);
    assert!(second.body.get("nextLink").is_none());
    world.get(&format!("{}/tags?$top=0", svc())).await.expect(400);
    world.get(&format!("{}/tags?$skip=x", svc())).await.expect(400);
    assert_eq!(world.get(&format!("{}/tags?$skip=99", svc())).await.body["value"], json!([]));
}

#[tokio::test(start_paused = true)]
async fn filters_select_and_unknown_ones_are_refused() {
    let world = with_tags(3, options()).await;
    let page = world.get(&format!("{}/tags?$filter=displayName%20eq%20'Tag%201'", svc())).await.expect(200);
    assert_eq!(page.body["count"], 1);
    assert_eq!(page.body["value"][0]["name"], "t001");
    world.get(&format!("{}/tags?$filter=contains(name,'x')", svc())).await.expect(400);
}
