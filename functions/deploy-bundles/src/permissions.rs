//! The IAM statements this function needs under a configuration. What all functions share (mail, state, roles) is
//! added by `shared/shell`.

use std::collections::BTreeSet;

use lamplighter_config::{Config, Mode, StateUrl};
use lamplighter_core::Statement;

use crate::FUNCTION;

/// The statements that `config` needs. In plan mode none of them can change anything.
pub fn permissions(config: &Config) -> Vec<Statement> {
    let section = &config.deploy_bundles;
    let sources = section.intake.sources.iter();
    let buckets = sources.map(|source| (source.bucket.as_str(), source.prefix.as_str()));
    // Where no source says which objects there are, the routes and the map do.
    let routes = section
        .routes
        .iter()
        .map(|route| (route.bucket.as_str(), ""));
    let groups = section.groups.iter();
    let groups = groups.map(|(place, _)| place.split_once('/').unwrap_or((place, "")));
    let mut places: BTreeSet<(&str, &str)> = buckets.collect();
    if places.is_empty() {
        places = routes.chain(groups).collect();
    }
    let objects: Vec<String> = match places.is_empty() {
        true => vec!["arn:aws:s3:::*/*".to_owned()],
        false => places
            .iter()
            .map(|(bucket, prefix)| format!("arn:aws:s3:::{bucket}/{prefix}*"))
            .collect(),
    };
    let buckets: BTreeSet<&str> = places.iter().map(|(bucket, _)| *bucket).collect();
    let buckets: Vec<String> = match buckets.is_empty() {
        true => vec!["arn:aws:s3:::*".to_owned()],
        false => buckets
            .iter()
            .map(|bucket| format!("arn:aws:s3:::{bucket}"))
            .collect(),
    };
    let targets = targets(config);
    let of = |kind: &str, name: &str| format!("arn:aws:codedeploy:*:*:{kind}:{name}");
    let groups: Vec<String> = targets
        .iter()
        .map(|(application, group)| of("deploymentgroup", &format!("{application}/{group}")))
        .collect();
    let mut statements = vec![
        Statement::allow(
            "ReadBundles",
            &["s3:GetObject", "s3:GetObjectVersion"],
            objects,
        ),
        // Without it S3 answers 403 and not 404 for an object that is gone; it also tells the bucket's region.
        Statement::allow("ReadWhatIsThere", &["s3:ListBucket"], buckets),
        Statement::allow(
            "ReadDeployments",
            &[
                "codedeploy:BatchGetDeployments",
                "codedeploy:GetDeployment",
                "codedeploy:GetDeploymentGroup",
                "codedeploy:ListDeployments",
            ],
            groups.clone(),
        ),
        // IAM knows no resource for these.
        // <https://docs.aws.amazon.com/service-authorization/latest/reference/list_awscodedeploy.html>
        Statement::allow(
            "ReadTargets",
            &[
                "codedeploy:BatchGetDeploymentTargets",
                "codedeploy:ListDeploymentTargets",
            ],
            ["*"],
        ),
    ];
    if let Some(StateUrl::S3 { bucket, prefix }) = &config.state.url {
        let folder = match prefix.as_str() {
            "" => String::new(),
            prefix => format!("{prefix}/"),
        };
        let waiting = format!("{folder}pending/{FUNCTION}/*");
        statements.push(Statement::allow(
            "StatePending",
            match section.common.mode {
                Mode::Apply => &["s3:GetObject", "s3:PutObject", "s3:DeleteObject"],
                // Only who deploys lets wait.
                Mode::Plan => &["s3:GetObject"],
            },
            [format!("arn:aws:s3:::{bucket}/{waiting}")],
        ));
        statements.push(
            Statement::allow(
                "StateTellWhatWaits",
                &["s3:ListBucket"],
                [format!("arn:aws:s3:::{bucket}")],
            )
            .only_if("StringLike", "s3:prefix", vec![waiting]),
        );
    }
    if section.common.mode == Mode::Apply {
        statements.push(Statement::allow(
            "ActDeploy",
            &["codedeploy:CreateDeployment"],
            groups,
        ));
        // CodeDeploy asks for these on behalf of whoever makes a deployment: the revision is registered with the
        // application, and the configuration is looked up.
        // <https://docs.aws.amazon.com/codedeploy/latest/userguide/auth-and-access-control-permissions-reference.html>
        let applications: BTreeSet<String> = targets
            .iter()
            .map(|(application, _)| of("application", application))
            .collect();
        statements.push(Statement::allow(
            "ActRegisterRevision",
            &[
                "codedeploy:GetApplicationRevision",
                "codedeploy:RegisterApplicationRevision",
            ],
            applications,
        ));
        statements.push(Statement::allow(
            "ActUseConfig",
            &["codedeploy:GetDeploymentConfig"],
            [of("deploymentconfig", "*")],
        ));
    }
    statements
}

/// The applications and groups that the configuration can send a bundle to; `*` where keys or metadata name them.
fn targets(config: &Config) -> BTreeSet<(String, String)> {
    let section = &config.deploy_bundles;
    let any = || "*".to_owned();
    let routes = section.routes.iter().map(|route| {
        let application = route.application.clone().unwrap_or_else(any);
        (application, route.group.clone().unwrap_or_else(any))
    });
    let groups = section.groups.iter();
    let groups = groups.map(|(_, group)| (group.application.clone(), group.group.clone()));
    let mut targets: BTreeSet<(String, String)> = routes.chain(groups).collect();
    if section.use_object_metadata || targets.is_empty() || targets.contains(&(any(), any())) {
        targets = BTreeSet::from([(any(), any())]);
    }
    targets
}
