//! SES version 2, in REST-JSON: sending, and the identities that may send.
//!
//! Every mail that was accepted is kept. Nothing is delivered, and nothing bounces.

use std::collections::BTreeMap;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::json;

use crate::service::{Ask, JsonErrors, Operation, Refusal, Route, Service, changes, reads};
use crate::wire::{AwsError, Request, Response, percent_decode};
use crate::world::World;

mod header;
#[cfg(test)]
mod tests;

const SEND_EMAIL: Operation = changes("SendEmail", send_email);
const CREATE_EMAIL_IDENTITY: Operation = changes("CreateEmailIdentity", create_email_identity);
const GET_EMAIL_IDENTITY: Operation = reads("GetEmailIdentity", get_email_identity);
const GET_ACCOUNT: Operation = reads("GetAccount", get_account);

/// To, Cc and Bcc together. <https://docs.aws.amazon.com/ses/latest/dg/quotas.html>
const MOST_RECIPIENTS: usize = 50;

pub(crate) struct SesV2;

/// Identities and mails.
#[derive(Debug, Default)]
pub(crate) struct SesState {
    /// Whether an identity is verified, by account, region (`None` for all) and name.
    identities: BTreeMap<(String, Option<String>, String), bool>,
    sandboxed: Vec<String>,
    mails: Vec<SentMail>,
}

/// A mail that SES accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SentMail {
    /// What SES answered.
    pub message_id: String,
    /// The simulated time.
    pub time: DateTime<Utc>,
    /// The account it was sent from.
    pub account: String,
    /// The region it was sent from.
    pub region: String,
    /// The sender, as given; of a raw mail that was sent without one, its `From`.
    pub from: String,
    /// The recipients, as given; of a raw mail that was sent without any, those of its headers.
    pub to: Vec<String>,
    /// The same for copies.
    pub cc: Vec<String>,
    /// The same for blind copies.
    pub bcc: Vec<String>,
    /// What was sent.
    pub content: MailContent,
}

/// What was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MailContent {
    /// A whole MIME message, byte by byte.
    Raw(Vec<u8>),
    /// Parts, of which SES makes a message.
    Simple {
        /// The subject.
        subject: String,
        /// The body as text.
        text: Option<String>,
        /// The body as HTML.
        html: Option<String>,
    },
}

impl SentMail {
    /// The mail as text, to look for words in it: the raw message, or subject and text.
    pub fn text(&self) -> String {
        match &self.content {
            MailContent::Raw(bytes) => String::from_utf8_lossy(bytes).into_owned(),
            MailContent::Simple {
                subject,
                text,
                html,
            } => {
                let body = text.as_ref().or(html.as_ref());
                format!("{subject}\n\n{}", body.map_or("", String::as_str))
            }
        }
    }
}

impl World {
    /// The default account may send from this address, or from this domain, in every region.
    pub fn verified_identity(mut self, identity: &str) -> World {
        let account = self.default_account().to_owned();
        self.ses
            .identities
            .insert((account, None, identity.to_ascii_lowercase()), true);
        self
    }

    /// The same for any account and one region: identities belong to a region.
    pub fn verified_identity_in(mut self, account: &str, region: &str, identity: &str) -> World {
        self.assert_place(account, region);
        let place = (
            account.to_owned(),
            Some(region.to_owned()),
            identity.to_ascii_lowercase(),
        );
        self.ses.identities.insert(place, true);
        self
    }

    /// An identity that was created, and never verified.
    pub fn pending_identity(mut self, account: &str, region: &str, identity: &str) -> World {
        self.assert_place(account, region);
        let place = (
            account.to_owned(),
            Some(region.to_owned()),
            identity.to_ascii_lowercase(),
        );
        self.ses.identities.insert(place, false);
        self
    }

    /// An account is in the sandbox, where recipients have to be verified too.
    /// <https://docs.aws.amazon.com/ses/latest/dg/request-production-access.html>
    pub fn ses_sandbox(mut self, account: &str) -> World {
        self.ses.sandboxed.push(account.to_owned());
        self
    }

    /// Every mail that was sent.
    pub fn mails(&self) -> &[SentMail] {
        &self.ses.mails
    }

    fn identity(&self, account: &str, region: &str, name: &str) -> Option<bool> {
        [Some(region.to_owned()), None]
            .into_iter()
            .find_map(|region| {
                let place = (account.to_owned(), region, name.to_ascii_lowercase());
                self.ses.identities.get(&place).copied()
            })
    }

    /// Whether an address is verified, itself or by its domain, or a domain above that.
    fn is_verified(&self, account: &str, region: &str, address: &str) -> bool {
        self.identity_for(account, region, address).is_some()
    }

    /// The verified identity that an address is sent from: itself, its domain, or a domain above that.
    fn identity_for<'a>(&self, account: &str, region: &str, address: &'a str) -> Option<&'a str> {
        let is = |name: &&str| self.identity(account, region, name) == Some(true);
        let domain = address.rsplit_once('@').map_or("", |(_, domain)| domain);
        let domains = std::iter::successors(Some(domain), |domain| Some(domain.split_once('.')?.1));
        std::iter::once(address).chain(domains).find(is)
    }

    /// The identity that SES asks the permission for, when this address sends.
    pub(crate) fn verified_identity_of(
        &self,
        account: &str,
        region: &str,
        address: &str,
    ) -> String {
        let identity = self.identity_for(account, region, address);
        identity.unwrap_or(address).to_owned()
    }
}

const ERRORS: JsonErrors = JsonErrors {
    throttled: (429, "TooManyRequestsException", "Too Many Requests"),
    broken: "InternalFailure",
    denied: 403,
    unknown: 404,
};

impl Service for SesV2 {
    fn name(&self) -> &'static str {
        "ses"
    }

    fn route(&self, request: &Request) -> Route {
        const IDENTITIES: &str = "/v2/email/identities";
        let identity = request
            .path
            .strip_prefix(IDENTITIES)
            .and_then(|rest| rest.strip_prefix('/'));
        let (operation, resource) = match (request.method.as_str(), request.path.as_str(), identity)
        {
            ("POST", "/v2/email/outbound-emails", _) => {
                (Some(&SEND_EMAIL), field(request, "FromEmailAddress"))
            }
            ("GET", "/v2/email/account", _) => (Some(&GET_ACCOUNT), None),
            ("POST", IDENTITIES, _) => (
                Some(&CREATE_EMAIL_IDENTITY),
                field(request, "EmailIdentity"),
            ),
            ("GET", _, Some(name)) if !name.contains('/') => {
                (Some(&GET_EMAIL_IDENTITY), Some(percent_decode(name)))
            }
            _ => (None, None),
        };
        Route {
            action: operation.map_or_else(
                || format!("{} {}", request.method, request.path),
                |operation| operation.name.to_owned(),
            ),
            operation,
            resources: resource.into_iter().collect(),
            dry_run: false,
        }
    }

    fn refusal(&self, refusal: &Refusal) -> AwsError {
        match refusal {
            Refusal::Denied { action, principal } => {
                let message = format!("User `{principal}' is not authorized to perform `{action}'");
                AwsError::new(ERRORS.denied, "AccessDeniedException", message)
            }
            other => ERRORS.refusal(other),
        }
    }

    fn error(&self, error: &AwsError, request_id: &str) -> Response {
        Response::json(error.status, &json!({ "message": error.message }))
            .header("x-amzn-errortype", &error.code)
            .header("x-amzn-requestid", request_id)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", default)]
#[derive(Default)]
struct SendEmail {
    from_email_address: Option<String>,
    destination: Destination,
    content: Content,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Destination {
    to_addresses: Vec<String>,
    cc_addresses: Vec<String>,
    bcc_addresses: Vec<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Content {
    raw: Option<Text>,
    simple: Option<Simple>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Simple {
    subject: Text,
    #[serde(default)]
    body: SimpleBody,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct SimpleBody {
    text: Option<Text>,
    html: Option<Text>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Text {
    data: String,
}

impl Destination {
    fn all(&self) -> impl Iterator<Item = &String> {
        self.to_addresses
            .iter()
            .chain(&self.cc_addresses)
            .chain(&self.bcc_addresses)
    }
}

fn send_email(world: &mut World, ask: &Ask<'_>) -> Result<Response, AwsError> {
    let SendEmail {
        from_email_address,
        mut destination,
        content,
    } = serde_json::from_slice(&ask.request.body)
        .map_err(|error| bad_request(error.to_string()))?;
    let mut senders: Vec<String> = from_email_address.iter().cloned().collect();
    let content = match (content.raw, content.simple) {
        (Some(raw), None) => {
            let bytes = BASE64_STANDARD
                .decode(&raw.data)
                .map_err(|_| bad_request("Raw message is not base64"))?;
            if let Some(name) = header::duplicate(&bytes) {
                return Err(bad_request(format!("Duplicate header '{name}'.")));
            }
            let from = header::addresses(&bytes, "From");
            if from.is_empty() {
                return Err(bad_request("Missing required header 'From'."));
            }
            senders.extend(from);
            if destination.all().next().is_none() {
                destination.to_addresses = header::addresses(&bytes, "To");
                destination.cc_addresses = header::addresses(&bytes, "Cc");
                destination.bcc_addresses = header::addresses(&bytes, "Bcc");
            }
            MailContent::Raw(bytes)
        }
        (None, Some(simple)) => MailContent::Simple {
            subject: simple.subject.data,
            text: simple.body.text.map(|text| text.data),
            html: simple.body.html.map(|html| html.data),
        },
        _ => {
            return Err(bad_request(
                "Exactly one of Raw, Simple and Template must be given",
            ));
        }
    };
    let Some(from) = senders.first().cloned() else {
        return Err(bad_request("Missing From address"));
    };
    match destination.all().count() {
        0 => return Err(bad_request("At least one recipient is required")),
        count if count > MOST_RECIPIENTS => {
            return Err(bad_request(format!(
                "Recipient count exceeds {MOST_RECIPIENTS}."
            )));
        }
        _ => {}
    }
    for address in destination.all().chain(&senders) {
        if !header::bare(address).contains('@') {
            return Err(bad_request("Missing final '@domain'"));
        }
    }
    check_verified(world, ask, &senders, &destination)?;

    let message_id = format!("0102{:012x}-10ca1a75-000000", world.mails().len() + 1);
    let mail = SentMail {
        message_id: message_id.clone(),
        time: world.now(),
        account: ask.caller.account.clone(),
        region: ask.caller.region.clone(),
        from,
        to: destination.to_addresses,
        cc: destination.cc_addresses,
        bcc: destination.bcc_addresses,
        content,
    };
    world.ses.mails.push(mail);
    Ok(answer(ask, &json!({ "MessageId": message_id })))
}

/// Every sender has to be verified; in the sandbox, every recipient too.
fn check_verified(
    world: &World,
    ask: &Ask<'_>,
    senders: &[String],
    destination: &Destination,
) -> Result<(), AwsError> {
    let (account, region) = (&ask.caller.account, &ask.caller.region);
    let is_sandboxed = world.ses.sandboxed.contains(account);
    let recipients = destination.all().filter(|_| is_sandboxed);
    let mut failed: Vec<&str> = senders
        .iter()
        .chain(recipients)
        .map(|address| header::bare(address))
        .filter(|address| !world.is_verified(account, region, address))
        .collect();
    failed.dedup();
    if failed.is_empty() {
        return Ok(());
    }
    let message = format!(
        "Email address is not verified. The following identities failed the check in region {}: {}",
        region.to_uppercase(),
        failed.join(", ")
    );
    Err(AwsError::new(400, "MessageRejected", message))
}

/// Verifies at once, as if the mail with the link had been answered, or the domain's records set.
fn create_email_identity(world: &mut World, ask: &Ask<'_>) -> Result<Response, AwsError> {
    let Some(name) = ask.resources.first() else {
        return Err(bad_request("EmailIdentity is required"));
    };
    let (account, region) = (ask.caller.account.clone(), ask.caller.region.clone());
    if world.identity(&account, &region, name).is_some() {
        let message = format!("Email identity {name} already exist.");
        return Err(AwsError::new(400, "AlreadyExistsException", message));
    }
    world
        .ses
        .identities
        .insert((account, Some(region), name.to_ascii_lowercase()), true);
    Ok(answer(
        ask,
        &json!({ "IdentityType": kind(name), "VerifiedForSendingStatus": true }),
    ))
}

fn get_email_identity(world: &mut World, ask: &Ask<'_>) -> Result<Response, AwsError> {
    let name = ask
        .resources
        .first()
        .map(String::as_str)
        .unwrap_or_default();
    let Some(is_verified) = world.identity(&ask.caller.account, &ask.caller.region, name) else {
        let message = format!("Email identity {name} does not exist.");
        return Err(AwsError::new(404, "NotFoundException", message));
    };
    let body = json!({
        "IdentityType": kind(name),
        "VerifiedForSendingStatus": is_verified,
        "VerificationStatus": if is_verified { "SUCCESS" } else { "PENDING" },
        "FeedbackForwardingStatus": true,
    });
    Ok(answer(ask, &body))
}

fn get_account(world: &mut World, ask: &Ask<'_>) -> Result<Response, AwsError> {
    let is_sandboxed = world.ses.sandboxed.contains(&ask.caller.account);
    let sent = world.mails().iter().filter(|mail| {
        mail.account == ask.caller.account
            && mail.region == ask.caller.region
            && mail.time > world.now() - chrono::Duration::hours(24)
    });
    let (most, rate) = if is_sandboxed {
        (200.0, 1.0)
    } else {
        (50_000.0, 14.0)
    };
    let body = json!({
        "ProductionAccessEnabled": !is_sandboxed,
        "SendingEnabled": true,
        "EnforcementStatus": "HEALTHY",
        "DedicatedIpAutoWarmupEnabled": false,
        "SendQuota": {
            "Max24HourSend": most,
            "MaxSendRate": rate,
            "SentLast24Hours": sent.map(|mail| mail.to.len() + mail.cc.len() + mail.bcc.len()).sum::<usize>(),
        },
    });
    Ok(answer(ask, &body))
}

fn answer(ask: &Ask<'_>, body: &serde_json::Value) -> Response {
    Response::json(200, body).header("x-amzn-requestid", ask.request_id)
}

fn bad_request(message: impl Into<String>) -> AwsError {
    AwsError::new(400, "BadRequestException", message)
}

fn kind(identity: &str) -> &'static str {
    if identity.contains('@') {
        "EMAIL_ADDRESS"
    } else {
        "DOMAIN"
    }
}

/// An address without its display name.
pub(crate) fn bare_address(address: &str) -> &str {
    header::bare(address)
}

/// Who a raw message, in base64, is from.
pub(crate) fn senders_of_raw(data: &str) -> Vec<String> {
    let message = BASE64_STANDARD.decode(data).unwrap_or_default();
    header::addresses(&message, "From")
}

/// A text of a request's body, if there is one.
fn field(request: &Request, name: &str) -> Option<String> {
    let body: serde_json::Value = serde_json::from_slice(&request.body).ok()?;
    Some(body.get(name)?.as_str()?.to_owned())
}
