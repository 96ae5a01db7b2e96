//! What a call needs: IAM's name for it, the ARN of what it is about, and the keys that conditions ask for.
//!
//! After the Service Authorization Reference. Where an action has no resource type there, the resource is `*`.
//! <https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html>

mod codedeploy;
mod ec2;
mod iam;
mod s3;
mod ses;

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Context, Need};
use crate::auth::Caller;
use crate::service::Route;
use crate::wire::Request;
use crate::world::World;

pub(crate) use s3::missing_object;

/// A call, as IAM looks at it.
struct Asked<'a> {
    world: &'a World,
    caller: &'a Caller,
    request: &'a Request,
    service: &'a str,
    action: &'a str,
}

/// Everything that a call needs.
pub(crate) fn of_call(
    world: &World,
    caller: &Caller,
    request: &Request,
    service: &str,
    route: &Route,
) -> Vec<Need> {
    let asked = Asked {
        world,
        caller,
        request,
        service,
        action: &route.action,
    };
    match (service, route.action.as_str()) {
        // Who one is may always be asked, also under an explicit denial.
        // <https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html>
        ("sts", "GetCallerIdentity") => vec![],
        ("sts", _) => {
            let form = &request.form;
            let mut need = asked.need(form.get("RoleArn").unwrap_or("*"));
            need.context.add("sts:ExternalId", form.get("ExternalId"));
            need.context
                .add("sts:RoleSessionName", form.get("RoleSessionName"));
            vec![need]
        }
        ("acm", "ListCertificates") => vec![asked.need("*")],
        ("acm", _) => {
            let body = asked.body();
            vec![asked.need(text(&body, "CertificateArn").unwrap_or("*"))]
        }
        ("codedeploy", _) => codedeploy::needs(&asked),
        ("ec2", _) => ec2::needs(&asked),
        ("iam", _) => iam::needs(&asked),
        // A function's ARN, with the alias that is asked for.
        // <https://docs.aws.amazon.com/service-authorization/latest/reference/list_awslambda.html>
        ("lambda", _) => {
            let named = route.resources.first().map_or("*", String::as_str);
            let is_arn = named == "*" || named.starts_with("arn:");
            let own = || asked.arn(&format!("function:{named}"));
            vec![asked.need(if is_arn { named.to_owned() } else { own() })]
        }
        ("s3", _) => s3::needs(&asked),
        ("ses", _) => ses::needs(&asked),
        ("sns", _) => vec![asked.need(request.form.get("TopicArn").unwrap_or("*"))],
        ("sqs", _) => vec![asked.queue()],
        _ => vec![asked.need("*")],
    }
}

impl<'a> Asked<'a> {
    /// The action with the operation's name, on this.
    fn need(&self, resource: impl Into<String>) -> Need {
        self.need_for(self.action, resource)
    }

    fn need_for(&self, action: &str, resource: impl Into<String>) -> Need {
        Need {
            action: format!("{}:{action}", self.service),
            resource: resource.into(),
            context: Context::default(),
        }
    }

    /// Something of the caller's account in the caller's region.
    fn arn(&self, rest: &str) -> String {
        let Caller {
            account, region, ..
        } = self.caller;
        format!("arn:aws:{}:{region}:{account}:{rest}", self.service)
    }

    /// The body of a protocol that speaks JSON.
    fn body(&self) -> Value {
        serde_json::from_slice(&self.request.body).unwrap_or_default()
    }

    /// The batch operations ask for the action of a single message.
    /// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-api-permissions-reference.html>
    fn queue(&self) -> Need {
        let body = self.body();
        let url = text(&body, "QueueUrl").unwrap_or_default();
        let mut parts = url.trim_end_matches('/').rsplit('/');
        let resource = match (parts.next(), parts.next(), text(&body, "QueueName")) {
            (Some(name), Some(account), _) => {
                let region = &self.caller.region;
                format!("arn:aws:sqs:{region}:{account}:{name}")
            }
            (_, _, Some(name)) => self.arn(name),
            _ => "*".to_owned(),
        };
        let single = self.action.strip_suffix("Batch").unwrap_or(self.action);
        self.need_for(single, resource)
    }
}

impl Need {
    /// The tags that the resource has, under `aws:ResourceTag/` and the service's own name for it.
    fn tagged(mut self, tags: Option<&BTreeMap<String, String>>) -> Need {
        let service = self.action.split(':').next().unwrap_or_default().to_owned();
        for (name, value) in tags.into_iter().flatten() {
            for prefix in ["aws", &service] {
                let key = format!("{prefix}:ResourceTag/{name}");
                self.context.add(&key, [value.as_str()]);
            }
        }
        self
    }

    /// The tags that the request names, with their values where it gives them.
    fn tagging<'t>(mut self, tags: impl IntoIterator<Item = (&'t str, Option<&'t str>)>) -> Need {
        for (name, value) in tags {
            self.context.add("aws:TagKeys", [name]);
            self.context.add(&format!("aws:RequestTag/{name}"), value);
        }
        self
    }
}

fn text<'v>(body: &'v Value, key: &str) -> Option<&'v str> {
    body.get(key)?.as_str()
}
