use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Method, Request};
use order_core::Engine;
use order_core::memory::{MemoryCatalogue, MemoryStore};
use order_http::{Api, Caller, Person, openapi_json, router};
use serde_json::{Value, json};
use tower::ServiceExt as _;

use crate::shop::Shop;

/// Every route there is meant to be.
const ROUTES: &str = "
    GET /api/v1/cart · DELETE /api/v1/cart · POST /api/v1/cart/items · PUT /api/v1/cart/items/{item_id}
    DELETE /api/v1/cart/items/{item_id} · POST /api/v1/cart/items/bulk · POST /api/v1/cart/merge
    POST /api/v1/cart/quote
    GET /api/v1/orders · POST /api/v1/orders · GET /api/v1/orders/{id} · DELETE /api/v1/orders/{id}
    GET /api/v1/orders/user/{user_id} · PUT /api/v1/orders/{id}/status · POST /api/v1/orders/{id}/cancel
    GET /api/v1/orders/{id}/tracking · GET /api/v1/orders/{id}/history · GET /api/v1/orders/{id}/transitions
    POST /api/v1/orders/{id}/shipments · GET /api/v1/orders/{id}/payments · POST /api/v1/orders/{id}/payments
    POST /api/v1/payments/{id}/capture · POST /api/v1/payments/{id}/void · POST /api/v1/payments/{id}/refunds
    GET /api/v1/orders/{id}/findings · POST /api/v1/orders/{id}/findings/resolve
    GET /api/v1/admin/reconciliation · POST /api/v1/admin/reconciliation/repair
    POST /api/v1/admin/reconciliation/orphans/return
    GET /api/v1/admin/orders · GET /api/v1/inventory/stock/{sku} · PUT /api/v1/inventory/stock/{sku}
    POST /api/v1/inventory/stock/{sku}/adjust · POST /api/v1/inventory/stock/{sku}/receive
    PUT /api/v1/inventory/stock/{sku}/threshold · GET /api/v1/inventory/stock/{sku}/records
    POST /api/v1/inventory/check · POST /api/v1/inventory/reservations
    GET /api/v1/inventory/reservations/{id} · POST /api/v1/inventory/reservations/{id}/confirm
    POST /api/v1/inventory/reservations/{id}/release · GET /api/v1/openapi.json · GET /api/v1/docs
    POST /api/v1/webhooks/{provider} · GET /api/v1/admin/webhooks
    POST /api/v1/admin/webhooks/{provider}/{event_id}/retry · GET /health · GET /ready";

fn routes(document: &Value) -> BTreeSet<String> {
    let paths = document["paths"].as_object().unwrap();
    let operations = paths.iter().flat_map(|(path, item)| {
        item.as_object().unwrap().keys().map(move |method| format!("{} {path}", method.to_uppercase()))
    });
    operations.collect()
}

#[tokio::test]
async fn the_document_lists_every_route_and_no_other() {
    let shop = Shop::open().await;
    let expected: BTreeSet<String> = ROUTES
        .split(['·', '\n'])
        .map(|route| route.trim().to_owned())
        .filter(|route| !route.is_empty())
        .collect();
    let documented = routes(&shop.document);
    assert_eq!(documented, expected);
    let paths: BTreeSet<&str> = documented.iter().map(|route| route.split_once(' ').unwrap().1).collect();
    for path in paths {
        for method in ["GET", "PUT", "POST", "DELETE", "PATCH"] {
            let call = shop.call(method.parse().unwrap(), "");
            let concrete = path
                .replace("{id}", "00000000-0000-7000-8000-000000000000")
                .replace("{item_id}", "x")
                .replace("{provider}", "x")
                .replace("{event_id}", "x")
                .replace("{sku}", "x")
                .replace("{user_id}", "x");
            let call = if let Some(below) = concrete.strip_prefix("/api/v1") {
                shop.call(method.parse().unwrap(), below)
            } else {
                drop(call);
                shop.call(method.parse().unwrap(), &concrete).outside()
            };
            let answer = call.send().await;
            let is_there = answer.status != 405 && answer.body["code"] != "no_route";
            assert_eq!(
                is_there,
                documented.contains(&format!("{method} {path}")),
                "{method} {path}: {}",
                answer.status
            );
        }
    }
}

#[tokio::test]
async fn the_document_is_sound() {
    let shop = Shop::open().await;
    let document = &*shop.document;
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    let served = shop.get("/openapi.json").send().await.is(200);
    assert_eq!(served.body, *document);
    let text = document.to_string();
    let mut names = BTreeSet::new();
    for reference in text.split("\"$ref\":\"").skip(1) {
        let pointer = reference.split('"').next().unwrap().trim_start_matches('#');
        assert!(document.pointer(pointer).is_some(), "{pointer} leads nowhere");
        names.insert(pointer.rsplit('/').next().unwrap().to_owned());
    }
    for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
        assert!(names.contains(name), "{name} is used by nobody");
        assert!(!name.ends_with("Body"), "{name} is a name of the code");
        assert!(jsonschema::draft202012::meta::is_valid(schema), "{name} is no schema");
        let is_open = schema.get("properties").is_some() && schema["additionalProperties"] != json!(false);
        assert!(!is_open, "{name} does not refuse unknown fields");
    }
    let mut ids = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let id = operation["operationId"].as_str().unwrap();
            assert!(ids.insert(id.to_owned()), "{id} is there twice");
            let problem = "/responses/default/content/application~1problem+json/schema/$ref";
            assert_eq!(
                operation.pointer(problem),
                Some(&json!("#/components/schemas/Problem")),
                "{method} {path}"
            );
            for name in path.split('/').filter_map(|part| part.strip_prefix('{')) {
                let parameters = operation["parameters"].as_array().unwrap();
                let name = name.trim_end_matches('}');
                assert!(
                    parameters.iter().any(|one| one["name"] == name && one["in"] == "path"),
                    "{method} {path}"
                );
            }
        }
    }
}

/// `UPDATE_OPENAPI=1 cargo test -p order-http` writes the file anew.
#[tokio::test]
async fn the_committed_document_is_this_one() {
    let shop = Shop::open().await;
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("openapi.json");
    let text = format!("{:#}\n", *shop.document);
    if std::env::var_os("UPDATE_OPENAPI").is_some() {
        std::fs::write(&file, &text).unwrap();
    }
    let committed = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(committed == text, "openapi.json is not up to date: UPDATE_OPENAPI=1 cargo test -p order-http");
}

fn plain_engine() -> Engine {
    Engine::builder(Arc::new(MemoryStore::default()))
        .catalogue(Arc::new(MemoryCatalogue::default()))
        .build()
        .unwrap()
}

async fn get(app: &Router, path: &str) -> (u16, String, String) {
    let request = Request::builder().method(Method::GET).uri(path).body(Body::empty()).unwrap();
    let response = app.clone().oneshot(request).await.unwrap();
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let header =
        |name: &str| headers.get(name).map_or_else(String::new, |value| value.to_str().unwrap().to_owned());
    let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
    let kind = if header("location").is_empty() { header("content-type") } else { header("location") };
    (status, kind, String::from_utf8_lossy(&body).into_owned())
}

#[tokio::test]
async fn the_pages_come_from_the_binary_wherever_they_are_nested() {
    #[derive(Clone)]
    struct Host;
    let api = Api::builder(plain_engine()).build().unwrap();
    let app = Router::<Host>::new().nest("/shops/{shop}", router(api)).with_state(Host);
    let base = "/shops/7/api/v1";
    assert_eq!(get(&app, &format!("{base}/docs")).await, (303, "docs/".to_owned(), String::new()));
    let (status, kind, page) = get(&app, &format!("{base}/docs/")).await;
    assert_eq!((status, kind.as_str()), (200, "text/html"));
    for attribute in ["src=\"", "href=\""] {
        for target in page.split(attribute).skip(1) {
            let target = target.split('"').next().unwrap();
            assert!(!target.starts_with('/') && !target.contains("://"), "{target} is loaded from elsewhere");
            let (status, ..) = get(&app, &format!("{base}/docs/{}", target.trim_start_matches("./"))).await;
            assert_eq!(status, 200, "{target}");
        }
    }
    let (_, _, script) = get(&app, &format!("{base}/docs/swagger-initializer.js")).await;
    assert!(script.contains("../openapi.json"), "{script}");
    let (status, _, text) = get(&app, &format!("{base}/openapi.json")).await;
    let document: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((status, &document["servers"][0]["url"]), (200, &json!("../..")));
    assert_eq!(get(&app, "/shops/7/health").await.0, 200);
}

#[tokio::test]
async fn a_host_brings_its_own_prefix_callers_and_fallback() {
    let api = Api::builder(plain_engine()).prefix("").build().unwrap();
    let document: Value = serde_json::from_str(&openapi_json(&api)).unwrap();
    assert!(document["paths"]["/orders"].is_object());
    let caller = Caller::Person(Person::customer(order_core::id::CustomerId::new("ann").unwrap()));
    let orders: Router = router(api);
    let app = Router::new().nest("/v9", orders.layer(axum::Extension(caller)));
    let (status, _, body) = get(&app, "/v9/cart").await;
    assert_eq!(status, 200, "{body}");
    assert_eq!(get(&app, "/v9/nowhere").await.0, 404);

    let api = Api::builder(plain_engine()).build().unwrap();
    let orders: Router = router(api);
    let app = Router::new().fallback(order_http::not_found).merge(orders);
    let (status, kind, body) = get(&app, "/elsewhere").await;
    assert_eq!((status, kind.as_str()), (404, "application/problem+json"));
    assert_eq!(serde_json::from_str::<Value>(&body).unwrap()["instance"], "/elsewhere");
    for prefix in ["api", "/api/", "/", "//", "/a b", "/{x}"] {
        assert!(Api::builder(plain_engine()).prefix(prefix).build().is_err(), "{prefix}");
    }
    assert!(Api::builder(plain_engine()).body_limit(0).build().is_err());
}
