//! CodeDeploy: deployments belong to their group, revisions to their application.
//!
//! <https://docs.aws.amazon.com/service-authorization/latest/reference/list_awscodedeploy.html>

use serde_json::Value;

use super::{Asked, Need, text};

pub(super) fn needs(asked: &Asked<'_>) -> Vec<Need> {
    let body = asked.body();
    let of_group = |application: &str, group: &str| {
        asked.arn(&format!("deploymentgroup:{application}/{group}"))
    };
    // A deployment that does not exist is of no group; who may see all groups is told so.
    let group_of = |id: &str| match asked.world.group_of_deployment(asked.caller, id) {
        Some((application, group)) => of_group(application, group),
        None => of_group("*", "*"),
    };
    let application = text(&body, "applicationName").unwrap_or_default();
    let group = text(&body, "deploymentGroupName").unwrap_or_default();
    match asked.action {
        "CreateDeployment" => {
            let config =
                text(&body, "deploymentConfigName").unwrap_or("CodeDeployDefault.OneAtATime");
            let of_application = asked.arn(&format!("application:{application}"));
            // CodeDeploy registers the revision and looks the configuration up for whoever makes the deployment.
            // <https://docs.aws.amazon.com/codedeploy/latest/userguide/auth-and-access-control-permissions-reference.html>
            vec![
                asked.need(of_group(application, group)),
                asked.need_for(
                    "GetDeploymentConfig",
                    asked.arn(&format!("deploymentconfig:{config}")),
                ),
                asked.need_for("GetApplicationRevision", &of_application),
                asked.need_for("RegisterApplicationRevision", &of_application),
            ]
        }
        "GetDeploymentGroup" | "ListDeployments" => vec![asked.need(of_group(application, group))],
        "GetDeployment" => {
            let id = text(&body, "deploymentId").unwrap_or_default();
            vec![asked.need(group_of(id))]
        }
        "BatchGetDeployments" => {
            let ids = body.get("deploymentIds").and_then(Value::as_array);
            let ids = ids.into_iter().flatten().filter_map(Value::as_str);
            let mut groups: Vec<String> = ids.map(group_of).collect();
            groups.sort();
            groups.dedup();
            groups.into_iter().map(|group| asked.need(group)).collect()
        }
        // `BatchGetDeploymentTargets`, `ListDeploymentTargets` and `StopDeployment` have no resource type.
        _ => vec![asked.need("*")],
    }
}
