//! The AWS JSON protocols, 1.0 and 1.1. <https://smithy.io/2.0/aws/protocols/aws-json-1_1-protocol.html>

use serde_json::Value;

use super::{Request, Response};

/// The content type of 1.0.
pub(crate) const JSON_1_0: &str = "application/x-amz-json-1.0";

/// The content type of 1.1.
pub(crate) const JSON_1_1: &str = "application/x-amz-json-1.1";

/// What a request asks for; null if it is no JSON.
pub(crate) fn read(request: &Request) -> Value {
    serde_json::from_slice(&request.body).unwrap_or_default()
}

/// A text in an object.
pub(crate) fn text<'a>(body: &'a Value, key: &str) -> Option<&'a str> {
    body.get(key)?.as_str()
}

/// An answer with this content type.
pub(crate) fn answer(content_type: &str, status: u16, body: &Value, request_id: &str) -> Response {
    let mut response = Response::json(status, body).header("x-amzn-requestid", request_id);
    response.headers.retain(|(name, _)| name != "content-type");
    response.header("content-type", content_type)
}
