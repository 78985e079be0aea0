//! The OpenAPI document, made from the routes, and the pages that show it.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Router, routing};
use utoipa::openapi::content::Content;
use utoipa::openapi::path::Operation;
use utoipa::openapi::schema::Schema;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::tag::TagBuilder;
use utoipa::openapi::{ComponentsBuilder, InfoBuilder, OpenApiBuilder, Ref, RefOr, ResponseBuilder, Server};
use utoipa::{PartialSchema as _, ToSchema as _};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::api::Api;
use crate::problem::{self, Problem, ProblemBody};
use crate::{
    cart, findings, inventory, operations, orders, orphans, payments, reconciliation, stock, webhooks,
};

/// The document, as it is served.
#[derive(Debug, Clone)]
struct Document(Arc<str>);

/// The OpenAPI 3.1 document of an interface: the JSON that it serves itself.
pub fn openapi_json(api: &Api) -> String {
    document(api).to_pretty_json().unwrap_or_default()
}

fn resources() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .merge(cart::routes())
        .merge(orders::routes())
        .merge(payments::routes())
        .merge(findings::routes())
        .merge(reconciliation::routes())
        .merge(orphans::routes())
        .merge(stock::routes())
        .merge(inventory::routes())
        .merge(webhooks::routes())
        .routes(routes!(openapi))
        .routes(routes!(docs))
}

/// The routes below the prefix, and those beside it.
pub(crate) fn routes(api: &Api) -> (Router<Api>, Router<Api>) {
    let document = Document(openapi_json(api).into());
    let (resources, _) = resources().split_for_parts();
    let resources = resources
        .route("/docs/", routing::get(docs_index))
        .route("/docs/{*file}", routing::get(docs_file))
        .layer(Extension(document));
    let (operations, _) = operations::routes().split_for_parts();
    (resources, operations)
}

fn document(api: &Api) -> utoipa::openapi::OpenApi {
    let routes = match api.prefix() {
        "" => resources(),
        prefix => OpenApiRouter::new().nest(prefix, resources()),
    };
    let (_, mut document) =
        OpenApiRouter::with_openapi(frame(api)).merge(routes).merge(operations::routes()).split_for_parts();
    for item in document.paths.paths.values_mut() {
        let operations = [&mut item.get, &mut item.put, &mut item.post, &mut item.delete];
        operations.into_iter().flatten().for_each(add_problem);
    }
    document
}

/// Everything that no route says.
fn frame(api: &Api) -> utoipa::openapi::OpenApi {
    let mut schemas: Vec<(String, RefOr<Schema>)> =
        vec![(ProblemBody::name().into_owned(), ProblemBody::schema())];
    ProblemBody::schemas(&mut schemas);
    let key = |header| SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::new(header)));
    let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("JWT").build();
    let components = ComponentsBuilder::new()
        .schemas_from_iter(schemas)
        .security_scheme("bearer", SecurityScheme::Http(bearer))
        .security_scheme("service_key", key("X-Service-Key"))
        .security_scheme("guest", key("X-Guest-Token"))
        .build();
    let tag = |(name, description): (&str, &str)| {
        TagBuilder::new().name(name).description(Some(description)).build()
    };
    let info = InfoBuilder::new()
        .title("Orders")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(
            "Carts, orders, payments and stock. Every refusal is a problem (RFC 9457) with a stable `code`. Reads of one \
             resource carry an `ETag`; writes take it as `If-Match`. Requests that create or move money take an \
             `Idempotency-Key`: a repeated one is answered as the first one was, with `Idempotent-Replayed: true`.",
        ))
        .build();
    OpenApiBuilder::new()
        .info(info)
        .servers(Some([Server::new(server(api.prefix()))]))
        .components(Some(components))
        .tags(Some(
            [
                ("cart", "What somebody is about to order."),
                ("orders", "What was ordered, and what becomes of it."),
                ("payments", "The money for it."),
                ("inventory", "What is there, and what is held."),
                ("webhooks", "What payment providers tell of their own accord."),
                ("admin", "For the staff."),
                ("operations", "Whether it runs."),
                ("documentation", "What you are reading."),
            ]
            .map(tag),
        ))
        .build()
}

/// Where the paths begin, seen from the document: wherever a host has nested us.
fn server(prefix: &str) -> String {
    match prefix.matches('/').count() {
        0 => ".".to_owned(),
        depth => vec![".."; depth].join("/"),
    }
}

/// Every operation may be answered by a problem.
fn add_problem(operation: &mut Operation) {
    let schema = Ref::from_schema_name(ProblemBody::name());
    let content = Content::builder().schema(Some(schema)).build();
    let response =
        ResponseBuilder::new().description("A problem.").content(problem::MEDIA_TYPE, content).build();
    operation.responses.responses.insert("default".to_owned(), response.into());
}

/// This document.
#[utoipa::path(get, operation_id = "get_openapi", path = "/openapi.json", tag = "documentation",
    responses((status = 200, body = Object, content_type = "application/json")))]
async fn openapi(Extension(Document(text)): Extension<Document>) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], text.to_string()).into_response()
}

/// A page that shows this document. It comes from the binary, and loads nothing from elsewhere.
#[utoipa::path(get, operation_id = "get_docs", path = "/docs", tag = "documentation",
    responses((status = 303, description = "The page is at `docs/`.")))]
async fn docs() -> Response {
    // Relative: it holds wherever a host has nested us.
    (StatusCode::SEE_OTHER, [(header::LOCATION, HeaderValue::from_static("docs/"))]).into_response()
}

async fn docs_index(State(_): State<Api>) -> Result<Response, Problem> {
    serve("")
}

async fn docs_file(path: axum::extract::RawPathParams) -> Result<Response, Problem> {
    serve(path.iter().last().map_or("", |(_, file)| file))
}

fn serve(file: &str) -> Result<Response, Problem> {
    let missing = || Problem::new(StatusCode::NOT_FOUND, "no_route", "There is no such page.");
    let config = Arc::new(utoipa_swagger_ui::Config::from("../openapi.json"));
    let found = utoipa_swagger_ui::serve(file, config).map_err(|_| missing())?.ok_or_else(missing)?;
    let mut response = found.bytes.into_owned().into_response();
    let headers = response.headers_mut();
    if let Ok(value) = HeaderValue::try_from(found.content_type) {
        headers.insert(header::CONTENT_TYPE, value);
    }
    if found.gzpipped {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    Ok(response)
}
