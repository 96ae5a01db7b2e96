//! Who is calling: the access key, region and service in the signature. The signature itself is not verified.

use crate::service::Refusal;
use crate::wire::Request;
use crate::world::World;

/// The scope of a signature.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Signature {
    pub(crate) access_key: String,
    pub(crate) region: String,
    pub(crate) service: String,
}

/// A caller that was recognised.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    pub(crate) account: String,
    pub(crate) region: String,
    /// The ARN of the user, or of the role's session.
    pub(crate) principal: String,
    pub(crate) user_id: String,
    /// Whether the caller came by `AssumeRole`.
    pub(crate) is_session: bool,
}

impl Signature {
    /// Reads `AWS4-HMAC-SHA256 Credential=KEY/DATE/REGION/SERVICE/aws4_request, …`.
    pub(crate) fn read(request: &Request) -> Option<Signature> {
        let header = request.header("authorization")?;
        let scope = header
            .strip_prefix("AWS4-HMAC-SHA256")?
            .split_once("Credential=")?
            .1;
        let mut parts = scope.split([',', ' ']).next()?.split('/');
        let access_key = parts.next()?.to_owned();
        let (_date, region, service) = (parts.next()?, parts.next()?, parts.next()?);
        Some(Signature {
            access_key,
            region: region.to_owned(),
            service: service.to_owned(),
        })
    }
}

/// Recognises the caller. A key that `AssumeRole` gave out belongs to the role's account, any other key to the
/// default account, unless the world refuses it.
pub(crate) fn recognise(
    world: &World,
    request: &Request,
    signature: &Signature,
) -> Result<Caller, Refusal> {
    let key = &signature.access_key;
    let token = request.header("x-amz-security-token");
    if world.refuses_key(key) {
        return Err(Refusal::UnknownKey);
    }
    let caller = match world.session(key) {
        Some(session) if token != Some(&session.token) => return Err(Refusal::UnknownKey),
        Some(session) if world.now() >= session.expires_at => return Err(Refusal::ExpiredSession),
        Some(session) => Caller {
            account: session.account.clone(),
            region: signature.region.clone(),
            principal: session.arn.clone(),
            user_id: session.user_id.clone(),
            is_session: true,
        },
        None => {
            let account = world.default_account();
            Caller {
                account: account.to_owned(),
                region: signature.region.clone(),
                principal: format!("arn:aws:iam::{account}:user/lamplighter"),
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
