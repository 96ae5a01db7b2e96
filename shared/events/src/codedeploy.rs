//! What CodeDeploy says of its deployments.

use crate::look::{owned, short, text, time};
use crate::{DeploymentEvent, Happening};
use serde_json::Value;

/// An EventBridge event with the source `aws.codedeploy`.
/// <https://docs.aws.amazon.com/eventbridge/latest/ref/events-ref-codedeploy.html>
pub(crate) fn eventbridge(event: &Value) -> Happening {
    match text(event, "/detail-type").unwrap_or_default() {
        "CodeDeploy Deployment State-change Notification" => {
            let detail = event.get("detail").unwrap_or(&Value::Null);
            of_detail(detail, event).unwrap_or_else(|| {
                Happening::Unreadable(
                    "event of CodeDeploy without `deploymentId`, `application`, \
                     `deploymentGroup` or `state`"
                        .to_owned(),
                )
            })
        }
        "CodeDeploy Instance State-change Notification" => Happening::Nothing(
            "one instance of a deployment; the deployment tells by itself when it is over"
                .to_owned(),
        ),
        other => Happening::Unreadable(format!(
            "unknown event `{}` of `aws.codedeploy`",
            short(other)
        )),
    }
}

/// The detail of such an event alone, or the message of a CodeDeploy trigger through SNS, which has other names for
/// the same things.
/// <https://docs.aws.amazon.com/codedeploy/latest/userguide/monitoring-sns-event-notifications-json-format.html>
pub(crate) fn transformed(event: &Value) -> Option<Happening> {
    if event.get("instanceId").is_some() {
        return None;
    }
    of_detail(event, event).or_else(|| {
        let state = match text(event, "/status")? {
            "CREATED" => "START",
            "SUCCEEDED" => "SUCCESS",
            "FAILED" => "FAILURE",
            "STOPPED" => "STOP",
            other => other,
        };
        Some(Happening::Deployment(DeploymentEvent {
            deployment_id: owned(event, "/deploymentId")?,
            application: owned(event, "/applicationName")?,
            group: owned(event, "/deploymentGroupName")?,
            state: state.to_owned(),
            region: owned(event, "/region"),
            time: None,
            account: owned(event, "/accountId"),
        }))
    })
}

fn of_detail(detail: &Value, event: &Value) -> Option<Happening> {
    Some(Happening::Deployment(DeploymentEvent {
        deployment_id: owned(detail, "/deploymentId")?,
        application: owned(detail, "/application")?,
        group: owned(detail, "/deploymentGroup")?,
        state: owned(detail, "/state")?,
        region: owned(detail, "/region").or_else(|| owned(event, "/region")),
        time: time(event, "/time"),
        account: owned(event, "/account"),
    }))
}
