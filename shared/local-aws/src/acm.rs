//! ACM, in the JSON protocol 1.1: certificates as they are listed, described, given out and imported.
//!
//! Nothing is issued or renewed here: a test says what the state is. A certificate that runs out is `EXPIRED` by the
//! world's clock.

use std::collections::BTreeMap;

use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};

use crate::pem::{self, Parsed};
use crate::service::{Ask, JsonErrors, Operation, Refusal, Route, Service, changes, reads};
use crate::wire::json::{self, JSON_1_1, read, text};
use crate::wire::{AwsError, Request, Response};
use crate::world::World;

const OPERATIONS: &[Operation] = &[
    reads("DescribeCertificate", describe_certificate),
    reads("GetCertificate", get_certificate),
    changes("ImportCertificate", import_certificate),
    reads("ListCertificates", list_certificates),
];

/// Before the operation's name in `X-Amz-Target`.
const TARGET: &str = "CertificateManager.";

/// What is listed if the request names no key types, and no origins.
/// <https://docs.aws.amazon.com/acm/latest/APIReference/API_ListCertificates.html>
const DEFAULT_KEY_TYPES: [&str; 1] = ["RSA_2048"];
const DEFAULT_ORIGINS: [&str; 2] = ["AWS_MANAGED", "CUSTOMER_PROVIDED"];

pub(crate) struct Acm;

/// All certificates.
#[derive(Debug, Default)]
pub(crate) struct AcmState {
    /// By account and region, then by ARN.
    places: BTreeMap<(String, String), BTreeMap<String, AcmCertificate>>,
}

/// A certificate of ACM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AcmCertificate {
    /// The ARN; empty until it is in a world.
    pub arn: String,
    /// The first name it is for.
    pub domain: String,
    /// All names it is for.
    pub names: Vec<String>,
    /// `ISSUED`, `PENDING_VALIDATION`, `FAILED`, … An issued one that ran out is shown as `EXPIRED`.
    pub status: String,
    /// `IMPORTED`, `AMAZON_ISSUED`, `PRIVATE`.
    pub kind: String,
    /// `RSA_2048`, `EC_prime256v1`, …
    pub key_algorithm: String,
    /// `AWS_MANAGED`, `CUSTOMER_PROVIDED`, `ACME`.
    pub key_pair_origin: String,
    /// The ARNs of what uses it.
    pub in_use_by: Vec<String>,
    /// Whether its private key was exported.
    pub exported: bool,
    /// Whether ACM may renew it.
    pub is_eligible: bool,
    /// How its renewal stands: the status, and the names that are not validated.
    pub renewal: Option<(String, Vec<String>)>,
    /// Why it was not issued.
    pub failure: Option<String>,
    /// From when it holds.
    pub not_before: Option<DateTime<Utc>>,
    /// Until when it holds.
    pub not_after: Option<DateTime<Utc>>,
    /// Its text.
    pub body: Option<String>,
    /// The text of its chain.
    pub chain: Option<String>,
}

impl AcmCertificate {
    /// An imported certificate, from its PEM. Panics if it is none: that is a slip of the pen.
    pub fn imported(certificate: &str) -> AcmCertificate {
        let parsed = pem::parse(certificate).expect("a certificate as PEM");
        AcmCertificate::of(parsed, certificate)
    }

    /// A certificate that ACM issued, from its PEM: in use, and renewed by ACM.
    pub fn issued(certificate: &str) -> AcmCertificate {
        AcmCertificate {
            kind: "AMAZON_ISSUED".to_owned(),
            key_pair_origin: "AWS_MANAGED".to_owned(),
            is_eligible: true,
            ..AcmCertificate::imported(certificate).in_use_by(
                "arn:aws:elasticloadbalancing:eu-west-1:123456789012:loadbalancer/app/web/0123456789abcdef",
            )
        }
    }

    /// A request that nobody has proved yet: it has no text and no dates.
    pub fn requested(domain: &str, status: &str) -> AcmCertificate {
        AcmCertificate {
            arn: String::new(),
            domain: domain.to_owned(),
            names: vec![domain.to_owned()],
            status: status.to_owned(),
            kind: "AMAZON_ISSUED".to_owned(),
            key_algorithm: "RSA_2048".to_owned(),
            key_pair_origin: "AWS_MANAGED".to_owned(),
            in_use_by: vec![],
            exported: false,
            is_eligible: false,
            renewal: None,
            failure: None,
            not_before: None,
            not_after: None,
            body: None,
            chain: None,
        }
    }

    fn of(parsed: Parsed, text: &str) -> AcmCertificate {
        AcmCertificate {
            kind: "IMPORTED".to_owned(),
            key_pair_origin: "CUSTOMER_PROVIDED".to_owned(),
            key_algorithm: parsed.key_algorithm,
            names: parsed.names,
            not_before: Some(parsed.not_before),
            not_after: Some(parsed.not_after),
            body: Some(text.to_owned()),
            ..AcmCertificate::requested(&parsed.domain, "ISSUED")
        }
    }

    /// Something uses it.
    #[must_use]
    pub fn in_use_by(mut self, arn: &str) -> AcmCertificate {
        self.in_use_by.push(arn.to_owned());
        self
    }

    /// How its renewal stands, and which names are not validated.
    #[must_use]
    pub fn renewal(mut self, status: &str, unproven: &[&str]) -> AcmCertificate {
        let unproven = unproven.iter().map(|name| (*name).to_owned()).collect();
        self.renewal = Some((status.to_owned(), unproven));
        self
    }

    fn status_at(&self, now: DateTime<Utc>) -> &str {
        let is_over = self.not_after.is_some_and(|not_after| not_after <= now);
        if self.status == "ISSUED" && is_over {
            "EXPIRED"
        } else {
            &self.status
        }
    }
}

impl World {
    /// Adds a certificate; one without an ARN gets one.
    ///
    /// Panics if the world has no such account or region: that is a slip of the pen.
    pub fn certificate(
        mut self,
        account: &str,
        region: &str,
        certificate: AcmCertificate,
    ) -> World {
        self.add_certificate(account, region, certificate);
        self
    }

    /// The same in the middle of a test; answers the ARN.
    pub fn add_certificate(
        &mut self,
        account: &str,
        region: &str,
        mut certificate: AcmCertificate,
    ) -> String {
        self.assert_place(account, region);
        if certificate.arn.is_empty() {
            let id = self.next_id();
            certificate.arn = format!("arn:aws:acm:{region}:{account}:certificate/{id}");
        }
        let arn = certificate.arn.clone();
        self.certificates_of(account, region)
            .insert(arn.clone(), certificate);
        arn
    }

    /// The certificates of an account in a region, in the order of their ARNs.
    pub fn certificates(&self, account: &str, region: &str) -> Vec<&AcmCertificate> {
        let place = (account.to_owned(), region.to_owned());
        let certificates = self.acm.places.get(&place).into_iter();
        certificates.flat_map(BTreeMap::values).collect()
    }

    fn certificates_of(
        &mut self,
        account: &str,
        region: &str,
    ) -> &mut BTreeMap<String, AcmCertificate> {
        let place = (account.to_owned(), region.to_owned());
        self.acm.places.entry(place).or_default()
    }
}

impl Service for Acm {
    fn name(&self) -> &'static str {
        "acm"
    }

    fn route(&self, request: &Request) -> Route {
        let target = request.header("x-amz-target").unwrap_or_default();
        let action = target.strip_prefix(TARGET).unwrap_or(target);
        let body = read(request);
        Route {
            action: action.to_owned(),
            operation: OPERATIONS.iter().find(|operation| operation.name == action),
            resources: text(&body, "CertificateArn")
                .map(str::to_owned)
                .into_iter()
                .collect(),
            dry_run: false,
        }
    }

    /// <https://docs.aws.amazon.com/acm/latest/APIReference/CommonErrors.html>
    fn refusal(&self, refusal: &Refusal) -> AwsError {
        JsonErrors::BY_TARGET.refusal(refusal)
    }

    fn error(&self, error: &AwsError, request_id: &str) -> Response {
        let body = json!({ "__type": error.code, "message": error.message });
        answer(error.status, &body, request_id)
    }
}

fn answer(status: u16, body: &Value, request_id: &str) -> Response {
    json::answer(JSON_1_1, status, body, request_id)
}

fn texts(list: Option<&Value>) -> Option<Vec<&str>> {
    let list = list?.as_array()?;
    Some(list.iter().filter_map(Value::as_str).collect())
}

fn invalid(message: impl Into<String>) -> AwsError {
    AwsError::new(400, "ValidationException", message)
}

fn list_certificates(world: &mut World, ask: &Ask<'_>) -> Result<Response, AwsError> {
    let body = read(ask.request);
    let includes = body.get("Includes").unwrap_or(&Value::Null);
    let key_types = texts(includes.get("keyTypes")).unwrap_or(DEFAULT_KEY_TYPES.to_vec());
    let origins = texts(body.get("CertificateKeyPairOrigins")).unwrap_or(DEFAULT_ORIGINS.to_vec());
    let statuses = texts(body.get("CertificateStatuses")).unwrap_or_default();
    let asked = match body.get("MaxItems") {
        None | Some(Value::Null) => None,
        Some(value) => match value.as_u64() {
            Some(size @ 1..=1000) => usize::try_from(size).ok(),
            _ => {
                return Err(invalid(format!(
                    "1 validation error detected: Value '{value}' at 'maxItems' failed to satisfy constraint: \
                     Member must have value less than or equal to 1000"
                )));
            }
        },
    };
    let after = match text(&body, "NextToken") {
        None => None,
        Some(token) => Some(
            BASE64_URL_SAFE_NO_PAD
                .decode(token)
                .ok()
                .and_then(|bytes| String::from_utf8(bytes).ok())
                .ok_or_else(|| {
                    AwsError::new(400, "InvalidArgsException", "The next token is not valid.")
                })?,
        ),
    };
    let (now, size) = (world.now(), world.page_of(asked, 1000));
    let certificates = world.certificates_of(&ask.caller.account, &ask.caller.region);
    let mut rest = certificates
        .values()
        .filter(|one| after.as_ref().is_none_or(|after| one.arn > *after))
        .filter(|one| key_types.contains(&one.key_algorithm.as_str()))
        .filter(|one| origins.contains(&one.key_pair_origin.as_str()))
        .filter(|one| statuses.is_empty() || statuses.contains(&one.status_at(now)));
    let taken: Vec<&AcmCertificate> = rest.by_ref().take(size).collect();
    let token = taken
        .last()
        .filter(|_| rest.next().is_some())
        .map(|last| BASE64_URL_SAFE_NO_PAD.encode(&last.arn));
    let summaries: Vec<Value> = taken.iter().map(|one| summary(one, now)).collect();
    let mut body = json!({ "CertificateSummaryList": summaries });
    if let Some(token) = token {
        body["NextToken"] = json!(token);
    }
    Ok(answer(200, &body, ask.request_id))
}

/// What a list and a description have in common.
fn common(one: &AcmCertificate, now: DateTime<Utc>) -> Map<String, Value> {
    let mut map = Map::new();
    let mut put = |key: &str, value: Value| {
        map.insert(key.to_owned(), value);
    };
    put("CertificateArn", json!(one.arn));
    put("DomainName", json!(one.domain));
    put("Status", json!(one.status_at(now)));
    put("Type", json!(one.kind));
    put("KeyAlgorithm", json!(one.key_algorithm));
    put("CertificateKeyPairOrigin", json!(one.key_pair_origin));
    if one.kind != "IMPORTED" {
        let word = if one.is_eligible {
            "ELIGIBLE"
        } else {
            "INELIGIBLE"
        };
        put("RenewalEligibility", json!(word));
    }
    for (key, time) in [("NotBefore", one.not_before), ("NotAfter", one.not_after)] {
        if let Some(time) = time {
            put(key, json!(time.timestamp()));
        }
    }
    map
}

fn summary(one: &AcmCertificate, now: DateTime<Utc>) -> Value {
    let mut map = common(one, now);
    let shown: Vec<&String> = one.names.iter().take(100).collect();
    map.insert("SubjectAlternativeNameSummaries".to_owned(), json!(shown));
    map.insert(
        "HasAdditionalSubjectAlternativeNames".to_owned(),
        json!(one.names.len() > 100),
    );
    map.insert("InUse".to_owned(), json!(!one.in_use_by.is_empty()));
    map.insert("Exported".to_owned(), json!(one.exported));
    Value::Object(map)
}

/// The certificate that a request names.
fn asked<'a>(world: &'a mut World, ask: &Ask<'_>) -> Result<&'a AcmCertificate, AwsError> {
    let body = read(ask.request);
    let arn = text(&body, "CertificateArn").unwrap_or_default().to_owned();
    let account = ask.caller.account.clone();
    world
        .certificates_of(&account, &ask.caller.region)
        .get(&arn)
        .ok_or_else(|| {
            let message = format!("Could not find certificate {arn}.");
            AwsError::new(400, "ResourceNotFoundException", message)
        })
}

fn describe_certificate(world: &mut World, ask: &Ask<'_>) -> Result<Response, AwsError> {
    let now = world.now();
    let one = asked(world, ask)?;
    let mut map = common(one, now);
    map.insert("SubjectAlternativeNames".to_owned(), json!(one.names));
    map.insert("InUseBy".to_owned(), json!(one.in_use_by));
    if let Some(failure) = &one.failure {
        map.insert("FailureReason".to_owned(), json!(failure));
    }
    if let Some((status, unproven)) = &one.renewal {
        let domains: Vec<Value> = one
            .names
            .iter()
            .map(|name| {
                let word = if unproven.contains(name) {
                    "PENDING_VALIDATION"
                } else {
                    "SUCCESS"
                };
                json!({ "DomainName": name, "ValidationStatus": word, "ValidationMethod": "DNS" })
            })
            .collect();
        map.insert(
            "RenewalSummary".to_owned(),
            json!({ "RenewalStatus": status, "DomainValidationOptions": domains, "UpdatedAt": now.timestamp() }),
        );
    }
    Ok(answer(200, &json!({ "Certificate": map }), ask.request_id))
}

fn get_certificate(world: &mut World, ask: &Ask<'_>) -> Result<Response, AwsError> {
    let one = asked(world, ask)?;
    let Some(certificate) = &one.body else {
        let message = format!("The certificate {} is still being issued.", one.arn);
        return Err(AwsError::new(400, "RequestInProgressException", message));
    };
    let mut body = json!({ "Certificate": certificate });
    if let Some(chain) = &one.chain {
        body["CertificateChain"] = json!(chain);
    }
    Ok(answer(200, &body, ask.request_id))
}

fn import_certificate(world: &mut World, ask: &Ask<'_>) -> Result<Response, AwsError> {
    let body = read(ask.request);
    let blob = |key: &str| -> Result<Option<String>, AwsError> {
        let Some(encoded) = text(&body, key) else {
            return Ok(None);
        };
        let bytes = BASE64_STANDARD.decode(encoded).ok();
        let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
        text.map(Some)
            .ok_or_else(|| invalid(format!("{key} is not valid.")))
    };
    let (Some(certificate), Some(_)) = (blob("Certificate")?, blob("PrivateKey")?) else {
        return Err(invalid("Certificate and PrivateKey are required."));
    };
    let parsed = pem::parse(&certificate)
        .map_err(|error| invalid(format!("Could not parse certificate: {error}")))?;
    let mut one = AcmCertificate::of(parsed, &certificate);
    one.chain = blob("CertificateChain")?;
    if let Some(arn) = text(&body, "CertificateArn") {
        let known = asked(world, ask)?;
        one.in_use_by.clone_from(&known.in_use_by);
        one.arn = arn.to_owned();
    }
    let (account, region) = (ask.caller.account.clone(), ask.caller.region.clone());
    let arn = world.add_certificate(&account, &region, one);
    Ok(answer(
        200,
        &json!({ "CertificateArn": arn }),
        ask.request_id,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{ACCOUNT, REGION, Stage, world};

    fn call(stage: &mut Stage, action: &str, body: &Value) -> (u16, Value) {
        let target = format!("{TARGET}{action}");
        let headers = [
            ("x-amz-target", target.as_str()),
            ("content-type", "application/x-amz-json-1.1"),
        ];
        let response = stage.call("acm", "POST", "/", &headers, body.to_string().as_bytes());
        (
            response.status,
            serde_json::from_slice(&response.body).unwrap(),
        )
    }

    fn of_key(key: &str, origin: &str) -> AcmCertificate {
        AcmCertificate {
            key_algorithm: key.to_owned(),
            key_pair_origin: origin.to_owned(),
            ..AcmCertificate::requested("a.example", "PENDING_VALIDATION")
        }
    }

    fn stage() -> Stage {
        Stage::new(
            world()
                .certificate(ACCOUNT, REGION, of_key("RSA_2048", "AWS_MANAGED"))
                .certificate(ACCOUNT, REGION, of_key("RSA_3072", "AWS_MANAGED"))
                .certificate(ACCOUNT, REGION, of_key("RSA_2048", "ACME")),
        )
    }

    fn listed(stage: &mut Stage, body: &Value) -> usize {
        let (status, answer) = call(stage, "ListCertificates", body);
        assert_eq!(status, 200, "{answer}");
        answer["CertificateSummaryList"].as_array().unwrap().len()
    }

    #[test]
    fn only_what_is_asked_for_is_listed() {
        let mut stage = stage();
        assert_eq!(listed(&mut stage, &json!({})), 1);
        assert_eq!(
            listed(
                &mut stage,
                &json!({"Includes": {"keyTypes": ["RSA_2048", "RSA_3072"]}})
            ),
            2
        );
        let all = json!({"Includes": {"keyTypes": ["RSA_2048", "RSA_3072"]}, "CertificateKeyPairOrigins": ["ACME", "AWS_MANAGED"]});
        assert_eq!(listed(&mut stage, &all), 3);
        stage.region = "us-east-1".to_owned();
        assert_eq!(listed(&mut stage, &all), 0);
    }

    #[test]
    fn pages_follow_each_other_to_the_end() {
        let mut stage = stage();
        let mut body = json!({"MaxItems": 1, "CertificateKeyPairOrigins": ["ACME", "AWS_MANAGED"]});
        let mut seen = Vec::new();
        loop {
            let (_, answer) = call(&mut stage, "ListCertificates", &body);
            seen.push(answer["CertificateSummaryList"][0]["CertificateArn"].clone());
            match answer.get("NextToken") {
                Some(token) => body["NextToken"] = token.clone(),
                None => break,
            }
        }
        assert_eq!(seen.len(), 2);
        assert_ne!(seen[0], seen[1]);
        let (status, _) = call(&mut stage, "ListCertificates", &json!({"MaxItems": 1001}));
        assert_eq!(status, 400);
    }

    #[test]
    fn a_request_has_no_text_and_an_unknown_certificate_is_not_found() {
        let mut stage = stage();
        let arn = stage.state.world.certificates(ACCOUNT, REGION)[0]
            .arn
            .clone();
        let (status, answer) = call(
            &mut stage,
            "GetCertificate",
            &json!({"CertificateArn": arn}),
        );
        assert_eq!(
            (status, answer["__type"].as_str()),
            (400, Some("RequestInProgressException"))
        );
        let (status, answer) = call(
            &mut stage,
            "DescribeCertificate",
            &json!({"CertificateArn": "arn:x"}),
        );
        assert_eq!(
            (status, answer["__type"].as_str()),
            (400, Some("ResourceNotFoundException"))
        );
        let (status, _) = call(
            &mut stage,
            "ImportCertificate",
            &json!({"Certificate": "eA==", "PrivateKey": "eA=="}),
        );
        assert_eq!(status, 400);
    }
}
