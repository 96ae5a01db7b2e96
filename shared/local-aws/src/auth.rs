//! Who is calling: the access key, region and service in the signature. The signature itself is not verified.

use chrono::{DateTime, Duration, NaiveDateTime, Utc};

use crate::service::Refusal;
use crate::wire::Request;
use crate::world::World;

/// The scope of a signature.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Signature {
    pub(crate) access_key: String,
    pub(crate) region: String,
    pub(crate) service: String,
    /// Until when a presigned link may be used.
    pub(crate) expires_at: Option<DateTime<Utc>>,
}

/// A caller that was recognised.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    pub(crate) account: String,
    pub(crate) region: String,
    /// The ARN of the user, or of the role's session.
    pub(crate) principal: String,
    /// The ARN of what has policies: the user or the role.
    pub(crate) identity: String,
    pub(crate) user_id: String,
    /// Whether the caller came by `AssumeRole`.
    pub(crate) is_session: bool,
}

impl Signature {
    /// Reads `AWS4-HMAC-SHA256 Credential=KEY/DATE/REGION/SERVICE/aws4_request, …`, or the same in the query of a
    /// presigned link. <https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html>
    pub(crate) fn read(request: &Request) -> Option<Signature> {
        let (scope, expires_at) = match request.header("authorization") {
            Some(header) => {
                let fields = header.strip_prefix("AWS4-HMAC-SHA256")?;
                (fields.split_once("Credential=")?.1, None)
            }
            None => {
                let param = |name| request.query.get(name);
                let signed_at =
                    NaiveDateTime::parse_from_str(param("X-Amz-Date")?, "%Y%m%dT%H%M%SZ").ok()?;
                let seconds = param("X-Amz-Expires")?.parse::<u32>().ok()?;
                let expires_at = signed_at.and_utc() + Duration::seconds(seconds.into());
                (param("X-Amz-Credential")?, Some(expires_at))
            }
        };
        let mut parts = scope.split([',', ' ']).next()?.split('/');
        let access_key = parts.next()?.to_owned();
        let (_date, region, service) = (parts.next()?, parts.next()?, parts.next()?);
        Some(Signature {
            access_key,
            region: region.to_owned(),
            service: service.to_owned(),
            expires_at,
        })
    }
}

/// Recognises the caller. A key that `AssumeRole` gave out belongs to the role's account, the key of a user with a policy
/// to the user's, any other key to the default account, unless the world refuses it.
pub(crate) fn recognise(
    world: &World,
    request: &Request,
    signature: &Signature,
) -> Result<Caller, Refusal> {
    let key = &signature.access_key;
    let token = request
        .header("x-amz-security-token")
        .or(request.query.get("X-Amz-Security-Token"));
    if signature.expires_at.is_some_and(|end| world.now() > end) {
        return Err(Refusal::ExpiredLink);
    }
    if world.refuses_key(key) {
        return Err(Refusal::UnknownKey);
    }
    let caller = match world.session(key) {
        Some(session) if token != Some(session.token.as_str()) => return Err(Refusal::UnknownKey),
        Some(session) if world.now() >= session.expires_at => return Err(Refusal::ExpiredSession),
        Some(session) => Caller {
            account: session.account.clone(),
            region: signature.region.clone(),
            principal: session.arn.clone(),
            identity: session.role.clone(),
            user_id: session.user_id.clone(),
            is_session: true,
        },
        None => {
            let (account, name) = match world.owner_of_key(key) {
                Some((account, name)) => (account.as_str(), name.as_str()),
                None => (world.default_account(), "lamplighter"),
            };
            let arn = format!("arn:aws:iam::{account}:user/{name}");
            Caller {
                account: account.to_owned(),
                region: signature.region.clone(),
                principal: arn.clone(),
                identity: arn,
                user_id: "AIDALOCALAWS00000001".to_owned(),
                is_session: false,
            }
        }
    };
    // Regions that are not enabled do not know the account's keys.
    // IAM is one for all regions.
    if signature.service != "iam" && !world.is_enabled(&caller.account, &caller.region) {
        return Err(Refusal::UnknownKey);
    }
    Ok(caller)
}
