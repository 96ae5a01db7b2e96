//! Calls without a network, for the tests of this crate.

use chrono::{DateTime, Duration, Utc};
use hyper::HeaderMap;
use hyper::body::Bytes;
use hyper::header::{AUTHORIZATION, HeaderName, HeaderValue};

use crate::dispatch::{Delivery, State, dispatch};
use crate::fault::{Fault, Faults};
use crate::wire::{Request, Response};
use crate::world::World;

pub(crate) const ACCOUNT: &str = "123456789012";
pub(crate) const REGION: &str = "eu-west-1";

/// A world, and a caller in it.
pub(crate) struct Stage {
    pub(crate) state: State,
    pub(crate) region: String,
    pub(crate) access_key: String,
    pub(crate) token: Option<String>,
}

pub(crate) fn world() -> World {
    World::new(ACCOUNT, DateTime::UNIX_EPOCH + Duration::days(20_000))
}

impl Stage {
    pub(crate) fn new(world: World) -> Stage {
        Stage {
            state: State {
                world,
                faults: Faults::default(),
                calls: Vec::new(),
            },
            region: REGION.to_owned(),
            access_key: "AKIA".to_owned(),
            token: None,
        }
    }

    pub(crate) fn inject(&mut self, fault: Fault) {
        self.state.faults.inject(fault);
    }

    pub(crate) fn now(&self) -> DateTime<Utc> {
        self.state.world.now()
    }

    pub(crate) fn wait(&mut self, seconds: i64) {
        let now = self.now() + Duration::seconds(seconds);
        self.state.world.set_now(now);
    }

    pub(crate) fn deliver(
        &mut self,
        service: &str,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Delivery {
        let credential = format!(
            "AWS4-HMAC-SHA256 Credential={}/20260101/{}/{service}/aws4_request, SignedHeaders=host, Signature=0",
            self.access_key, self.region
        );
        let mut map = HeaderMap::new();
        map.insert(AUTHORIZATION, HeaderValue::from_str(&credential).unwrap());
        let token = self
            .token
            .iter()
            .map(|token| ("x-amz-security-token", token.as_str()));
        for (name, value) in headers.iter().copied().chain(token) {
            let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
            map.insert(name, HeaderValue::from_str(value).unwrap());
        }
        let request = Request::new(method, target, map, Bytes::copy_from_slice(body));
        dispatch(&mut self.state, &request)
    }

    pub(crate) fn call(
        &mut self,
        service: &str,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Response {
        match self.deliver(service, method, target, headers, body) {
            Delivery::Answer(response) => response,
            lost => panic!("no answer, but {lost:?}"),
        }
    }

    /// A call without headers, as a browser makes it with a presigned link.
    pub(crate) fn unsigned(&mut self, method: &str, target: &str) -> Response {
        let request = Request::new(method, target, HeaderMap::new(), Bytes::new());
        match dispatch(&mut self.state, &request) {
            Delivery::Answer(response) => response,
            lost => panic!("no answer, but {lost:?}"),
        }
    }

    /// A call of the query protocol; its parameters are written as in a URL.
    pub(crate) fn query(&mut self, service: &str, action: &str, params: &str) -> Response {
        let form = [(
            "content-type",
            "application/x-www-form-urlencoded; charset=utf-8",
        )];
        let body = format!("Action={action}&{params}");
        self.call(service, "POST", "/", &form, body.as_bytes())
    }

    /// The same to EC2, in short: `200` or `400 Code: message`.
    pub(crate) fn ec2(&mut self, action: &str, params: &str) -> String {
        short(&self.query("ec2", action, params))
    }
}

/// `200` or `400 Code: message`.
pub(crate) fn short(response: &Response) -> String {
    let text = String::from_utf8_lossy(&response.body);
    match (
        response.status,
        leaves(&text, "Code").first(),
        leaves(&text, "Message").first(),
    ) {
        (status @ 200..=399, _, _) => status.to_string(),
        (status, Some(code), Some(message)) => format!("{status} {code}: {message}"),
        (status, _, _) => format!("{status} {text}"),
    }
}

/// What every element of this name holds.
pub(crate) fn leaves(xml: &str, name: &str) -> Vec<String> {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    let found = xml
        .split(&open)
        .skip(1)
        .filter_map(|rest| rest.split_once(&close));
    found
        .map(|(text, _)| quick_xml::escape::unescape(text).unwrap().into_owned())
        .collect()
}

pub(crate) fn body(response: &Response) -> String {
    String::from_utf8(response.body.clone()).unwrap()
}
