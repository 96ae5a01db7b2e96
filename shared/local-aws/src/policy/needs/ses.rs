//! SES: sending is about the identity of the sender.
//!
//! <https://docs.aws.amazon.com/service-authorization/latest/reference/list_sesv2.html>

use super::{Asked, Need, text};
use crate::sesv2::{bare_address, senders_of_raw};

pub(super) fn needs(asked: &Asked<'_>) -> Vec<Need> {
    let body = asked.body();
    let identity = |name: &str| asked.arn(&format!("identity/{name}"));
    match asked.action {
        "SendEmail" => {
            let raw = body
                .pointer("/Content/Raw/Data")
                .and_then(|data| data.as_str());
            let named = text(&body, "FromEmailAddress").map(str::to_owned);
            let from = named.or_else(|| senders_of_raw(raw?).into_iter().next());
            let from = from.unwrap_or_default();
            let address = bare_address(&from);
            let (account, region) = (&asked.caller.account, &asked.caller.region);
            let verified = asked.world.verified_identity_of(account, region, address);
            // The operation has the action of its name. A raw message is refused with the name of the first version's
            // operation (<https://github.com/anymail/django-anymail/issues/384>).
            let actions = [Some("SendEmail"), raw.map(|_| "SendRawEmail")];
            let needs = actions.into_iter().flatten().map(|action| {
                let mut need = asked.need_for(action, identity(&verified));
                need.context.add("ses:FromAddress", [address]);
                let to = body.pointer("/Destination/ToAddresses");
                let to = to.and_then(|list| list.as_array()).into_iter().flatten();
                let to = to.filter_map(|address| address.as_str());
                need.context.add("ses:Recipients", to.map(bare_address));
                need
            });
            needs.collect()
        }
        "CreateEmailIdentity" => {
            vec![asked.need(identity(text(&body, "EmailIdentity").unwrap_or_default()))]
        }
        "GetEmailIdentity" => {
            let name = asked.request.path.rsplit('/').next().unwrap_or_default();
            vec![asked.need(identity(&crate::wire::percent_decode(name)))]
        }
        _ => vec![asked.need("*")],
    }
}
