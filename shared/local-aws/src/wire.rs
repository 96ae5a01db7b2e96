//! Requests and responses as plain values, so that answering needs no network, and the helpers to read and write
//! the formats AWS speaks.

mod element;
pub(crate) mod json;
mod query;
mod rest;
mod xml;

pub(crate) use element::Element;
pub(crate) use query::Params;
pub(crate) use rest::{decode_chunks, http_date, percent_decode, percent_encode, read_http_date};
pub(crate) use xml::Xml;

use hyper::HeaderMap;
use hyper::body::Bytes;

/// One HTTP request, read to its end.
pub(crate) struct Request {
    pub(crate) method: String,
    /// As sent, still percent-encoded.
    pub(crate) path: String,
    pub(crate) query: Params,
    /// The parameters of the query protocol; empty for the others.
    pub(crate) form: Params,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Request {
    pub(crate) fn new(method: &str, target: &str, headers: HeaderMap, body: Bytes) -> Request {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let is_form = headers.get("content-type").is_some_and(|kind| {
            kind.as_bytes()
                .starts_with(b"application/x-www-form-urlencoded")
        });
        Request {
            method: method.to_owned(),
            path: path.to_owned(),
            query: Params::parse(query.as_bytes()),
            form: if is_form {
                Params::parse(&body)
            } else {
                Params::default()
            },
            headers,
            body,
        }
    }

    /// A header's value, if it is text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// One HTTP response.
#[derive(Clone, Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    /// It says "nothing yet", and the client waits for more.
    pub(crate) poll: Option<crate::sqs::Poll>,
}

impl Response {
    pub(crate) fn new(status: u16) -> Response {
        Response {
            status,
            headers: Vec::new(),
            body: Vec::new(),
            poll: None,
        }
    }

    pub(crate) fn xml(status: u16, body: String) -> Response {
        Response {
            body: body.into_bytes(),
            ..Response::new(status)
        }
        .header("content-type", "text/xml;charset=UTF-8")
    }

    pub(crate) fn json(status: u16, body: &serde_json::Value) -> Response {
        Response {
            body: body.to_string().into_bytes(),
            ..Response::new(status)
        }
        .header("content-type", "application/json")
    }

    pub(crate) fn header(mut self, name: &str, value: impl Into<String>) -> Response {
        self.headers.push((name.to_owned(), value.into()));
        self
    }
}

/// An error as AWS names it; each service writes it in its own dress.
#[derive(Clone, Debug)]
pub(crate) struct AwsError {
    pub(crate) status: u16,
    pub(crate) code: String,
    pub(crate) message: String,
    /// Further elements or headers, for the few errors that have them.
    pub(crate) details: Vec<(&'static str, String)>,
}

impl AwsError {
    pub(crate) fn new(status: u16, code: &str, message: impl Into<String>) -> AwsError {
        AwsError {
            status,
            code: code.to_owned(),
            message: message.into(),
            details: Vec::new(),
        }
    }

    pub(crate) fn detail(mut self, name: &'static str, value: impl Into<String>) -> AwsError {
        self.details.push((name, value.into()));
        self
    }
}
