//! Small answers: plain refusals, the pages of a link, and what every answer carries.

use warp::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, HeaderValue, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use warp::http::{Response as HttpResponse, StatusCode};
use warp::reply::{Reply, Response};

use crate::assets::OwnCode;

/// Our small pages carry their own style and nothing else.
const SMALL_PAGE_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'self'; \
                                 frame-ancestors 'none'";

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:32rem;margin:15vh auto 0;padding:0 1.5rem;\
                     color:#1c2733;background:#fff}h1{font-size:1.4rem}button{font:inherit;font-weight:600;\
                     min-height:56px;width:100%;border:0;border-radius:8px;color:#fff;background:#14507a}\
                     input{font:1.4rem ui-monospace,monospace;letter-spacing:.1em;box-sizing:border-box;width:100%;\
                     min-height:56px;margin:.5rem 0 1rem;padding:0 .75rem;border:2px solid #5a6b7a;border-radius:8px;\
                     color:inherit;background:transparent}input::placeholder{color:inherit;opacity:.7}\
                     a{display:inline-block;padding:.75rem 0}\
                     code{background:#e8edf2;padding:.1em .35em;border-radius:4px}\
                     @media(prefers-color-scheme:dark){body{color:#e6ecf1;background:#11181f}code{background:#25313c}a{color:#8cc4ee}}";

/// A small page. `body` is our own HTML.
fn small_page(status: StatusCode, title: &str, body: &str) -> Response {
    let text = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width,initial-scale=1\"><meta name=\"robots\" content=\"noindex\"><title>{title}</title>\
         <style>{STYLE}</style></head><body><h1>{title}</h1>{body}</body></html>"
    );
    let mut response = HttpResponse::new(text).into_response();
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    response.headers_mut().insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(SMALL_PAGE_POLICY));
    response
}

/// What a browser without a session sees. The way back is a link on purpose: a cookie that is `SameSite=Strict` isn't
/// sent when somebody comes from another page or app, but it is sent when they go on from here.
pub(crate) fn locked(claimable: bool) -> Response {
    if claimable {
        return claim_page(StatusCode::UNAUTHORIZED, "This browser isn't let in yet", "", "");
    }
    small_page(
        StatusCode::UNAUTHORIZED,
        "This browser isn't let in yet",
        "<p>Whoever runs this gateway can let it in with a one-time link: <code>forebay link</code> on the gateway \
         prints a fresh one. Open it here within 15 minutes.</p><p>It was let in before? <a href=\"\">Try again</a>.</p>",
    )
}

/// A code that doesn't admit. `why` is one of our own sentences.
pub(crate) fn claim_refused(status: StatusCode, why: &str) -> Response {
    claim_page(status, "Not let in", &format!("<p role=\"alert\"><b>{why}</b></p>"), "/")
}

/// Where the code of a box is typed. `again` is where a browser that has a session goes on.
fn claim_page(status: StatusCode, title: &str, before: &str, again: &str) -> Response {
    small_page(
        status,
        title,
        &format!(
            "{before}<form method=\"post\" action=\"/claim\"><label>Type the code on the label of this box\
             <input name=\"code\" required maxlength=\"80\" autocomplete=\"off\" autocapitalize=\"characters\" \
             autocorrect=\"off\" spellcheck=\"false\" placeholder=\"XXXX-XXXX\"></label>\
             <button>Let this browser in</button></form>\
             <p>No label? A box that nobody has claimed shows the code on its screen and serial console when it starts. \
             Or <code>forebay link</code> on it prints a one-time link.</p>\
             <p>It was let in before? <a href=\"{again}\">Try again</a>.</p>"
        ),
    )
}

/// What a one-time link shows. Nothing is used up until the button is pressed, so a preview in a chat does no harm.
pub(crate) fn link_button() -> Response {
    small_page(
        StatusCode::OK,
        "Let this browser in?",
        "<p>This link lets one browser see the plant and work its set-points for 90 days.</p>\
         <form method=\"post\"><button>Let this browser in</button></form>",
    )
}

/// A link that doesn't admit. `why` is one of our own sentences.
pub(crate) fn link_refused(status: StatusCode, why: &str) -> Response {
    small_page(
        status,
        "Not let in",
        &format!("<p>{why}</p><p>For a fresh link, run <code>forebay link</code> on the gateway.</p>"),
    )
}

/// A plain refusal for programs.
pub(crate) fn refused(status: StatusCode, why: &str) -> Response {
    let body = serde_json::json!({"error": why}).to_string();
    let mut response = HttpResponse::new(body).into_response();
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// A JSON answer.
pub(crate) fn json(value: &serde_json::Value) -> Response {
    let mut response = HttpResponse::new(value.to_string()).into_response();
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// What every answer carries. `host` is the name the browser knows us by, already checked.
pub(crate) fn dress(mut response: Response, host: Option<&str>) -> Response {
    let own_code = response.extensions_mut().remove::<OwnCode>().map(|OwnCode(sources)| sources).unwrap_or_default();
    let headers = response.headers_mut();
    let mut default = |name: HeaderName, value: HeaderValue| {
        headers.entry(name).or_insert(value);
    };
    // Older Safari doesn't count a WebSocket to the same place as 'self'.
    let socket = host.map(|host| format!(" ws://{host} wss://{host}")).unwrap_or_default();
    let policy = format!(
        "default-src 'self'; {own_code}img-src 'self' data: blob:; connect-src 'self'{socket}; base-uri 'none'; object-src 'none'; \
         form-action 'self'; frame-ancestors 'none'"
    );
    default(CONTENT_SECURITY_POLICY, HeaderValue::from_str(&policy).expect("a checked host has plain characters"));
    default(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    default(X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    // `no-referrer` would turn the `Origin` of our own form into `null`; this tells other sites just as little.
    default(REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    default(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
