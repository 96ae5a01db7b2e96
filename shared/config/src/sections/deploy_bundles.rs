//! `[deploy-bundles]`: new bundles in S3, and the CodeDeploy deployments they start.

use std::collections::BTreeMap;

use crate::common::{Common, Mode, displays_its_name};
use crate::forms::{self, shown};
use crate::intake::Intake;
use crate::key_template::KeyTemplate;
use crate::reader::{Choice, Fault, Reader, parse_choice};
use crate::schema::{Key, Kind};
use crate::sections::{Config, CrossChecks, Section};

/// New bundles in S3, and the deployments they start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeployBundles {
    /// The keys that every function has.
    pub common: Common,
    /// Where its events come from.
    pub intake: Intake,
    /// Which bundle goes where; the first that matches wins.
    pub routes: Vec<BundleRoute>,
    /// Whether the object's metadata may say where a bundle goes that no route sends anywhere.
    pub use_object_metadata: bool,
    /// Where bundles go that neither says: the longest beginning of `bucket/key` wins.
    pub groups: Vec<(String, DeploymentGroup)>,
    /// From when on a bundle that waits is reported.
    pub pending_hours: u32,
    /// How far a tar archive is read to find its appspec.
    pub max_scan_mb: u32,
    /// How deployments are made, unless a route says otherwise.
    pub options: DeploymentOptions,
}

/// Which bundles go where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BundleRoute {
    /// The bucket.
    pub bucket: String,
    /// What the key looks like.
    pub key: KeyTemplate,
    /// The application, where the key does not name it.
    pub application: Option<String>,
    /// The deployment group, where the key does not name it.
    pub group: Option<String>,
    /// The region of the deployment group, which is also the bucket's; `None`: the SDK's.
    pub region: Option<String>,
    /// How its deployments are made.
    pub options: DeploymentOptions,
}

/// A deployment group and its application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeploymentGroup {
    /// The application's name.
    pub application: String,
    /// The group's name.
    pub group: String,
}

/// How a deployment is made; `None`: as the deployment group says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeploymentOptions {
    /// The name of the deployment configuration.
    pub deployment_config: Option<String>,
    /// What happens to files that are there and that the last revision did not bring.
    pub file_exists_behavior: Option<FileExistsBehavior>,
    /// What makes CodeDeploy deploy the last good revision again; the empty list: nothing.
    pub auto_rollback: Option<Vec<RollbackEvent>>,
    /// Whether it goes on where the old revision could not be stopped.
    pub ignore_application_stop_failures: Option<bool>,
    /// Whether only instances that lack the newest revision get it.
    pub update_outdated_instances_only: Option<bool>,
}

/// What happens to files that are there and that the last revision did not bring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileExistsBehavior {
    /// The deployment fails.
    Disallow,
    /// They are replaced.
    Overwrite,
    /// They stay.
    Retain,
}

/// What makes CodeDeploy deploy the last good revision again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RollbackEvent {
    /// The deployment failed.
    Failure,
    /// An alarm of the group stopped it.
    Alarm,
    /// Somebody stopped it.
    Stop,
}

impl Choice for FileExistsBehavior {
    const ALL: &'static [(&'static str, Self)] = &[
        ("disallow", Self::Disallow),
        ("overwrite", Self::Overwrite),
        ("retain", Self::Retain),
    ];
}

impl Choice for RollbackEvent {
    const ALL: &'static [(&'static str, Self)] = &[
        ("failure", Self::Failure),
        ("alarm", Self::Alarm),
        ("stop", Self::Stop),
    ];
}

displays_its_name!(FileExistsBehavior, RollbackEvent);

impl DeploymentOptions {
    fn read(section: &mut Reader<'_>) -> Self {
        Self {
            deployment_config: section.optional_parsed("deployment_config", name),
            file_exists_behavior: section.optional_choice("file_exists_behavior"),
            auto_rollback: section.optional_parsed_list("auto_rollback", parse_choice),
            ignore_application_stop_failures: section
                .optional_boolean("ignore_application_stop_failures"),
            update_outdated_instances_only: section
                .optional_boolean("update_outdated_instances_only"),
        }
    }

    /// These, and `others` for what these do not say.
    #[must_use]
    pub fn or(&self, others: &Self) -> Self {
        let own = self.clone();
        let others = others.clone();
        Self {
            deployment_config: own.deployment_config.or(others.deployment_config),
            file_exists_behavior: own.file_exists_behavior.or(others.file_exists_behavior),
            auto_rollback: own.auto_rollback.or(others.auto_rollback),
            ignore_application_stop_failures: own
                .ignore_application_stop_failures
                .or(others.ignore_application_stop_failures),
            update_outdated_instances_only: own
                .update_outdated_instances_only
                .or(others.update_outdated_instances_only),
        }
    }
}

const ROUTE_KEYS: &[Key] = &[
    Key::required("bucket", Kind::Text),
    Key::required("key", Kind::Text),
    Key::optional("application", Kind::Text),
    Key::optional("group", Kind::Text),
    Key::optional("region", Kind::Text),
    Key::optional("deployment_config", Kind::Text),
    Key::optional("file_exists_behavior", Kind::Text),
    Key::optional("auto_rollback", Kind::Texts),
    Key::optional("ignore_application_stop_failures", Kind::Boolean),
    Key::optional("update_outdated_instances_only", Kind::Boolean),
];

impl Section for DeployBundles {
    const NAME: &'static str = "deploy-bundles";
    const OPTIONAL: &'static [Key] = &[
        Key::optional("mail", Kind::Text),
        Key::optional("to", Kind::Texts),
        Key::optional("deployment_config", Kind::Text),
        Key::optional("file_exists_behavior", Kind::Text),
        Key::optional("auto_rollback", Kind::Texts),
        Key::optional("ignore_application_stop_failures", Kind::Boolean),
        Key::optional("update_outdated_instances_only", Kind::Boolean),
        Key::optional("routes", Kind::Entries(ROUTE_KEYS)),
    ];

    fn read(section: &mut Reader<'_>) -> Self {
        let groups = section.text_table("groups", |place, group| {
            check_place(place)?;
            parse_group(group).map(|_| ())
        });
        Self {
            common: Common::read(section),
            intake: Intake::read(section),
            routes: section.entries("routes", read_route),
            use_object_metadata: section.boolean("use_object_metadata"),
            groups: longest_first(groups),
            pending_hours: section.whole("pending_hours", 1..=8760),
            max_scan_mb: section.whole("max_scan_mb", 1..=4096),
            options: DeploymentOptions::read(section),
        }
    }

    fn common(&self) -> Option<&Common> {
        Some(&self.common)
    }

    fn intake(&self) -> Option<&Intake> {
        Some(&self.intake)
    }

    fn check_with(&self, config: &Config, checks: &mut CrossChecks<'_>) {
        // A section that only repeats defaults has nothing to deploy.
        let has_work =
            !self.intake.is_empty() || !self.routes.is_empty() || !self.groups.is_empty();
        if has_work && self.common.mode == Mode::Apply && config.state.url.is_none() {
            checks.need_state(
                Self::NAME,
                "a bundle for a busy deployment group has to wait somewhere",
            );
        }
    }
}

fn read_route(entry: &mut Reader<'_>) -> BundleRoute {
    let key = entry.parsed("key", KeyTemplate::parse);
    let application = entry.optional_parsed("application", name);
    let group = entry.optional_parsed("group", name);
    if let Some(key) = &key {
        for (own, fixed) in [("application", &application), ("group", &group)] {
            if key.has(own) && fixed.is_some() {
                let fault = format!("the template of `key` names the {own} already");
                let hint = format!("leave one out: `{own}`, or `{{{own}}}` in `key`");
                entry.refuse_value(own, Fault::new(fault).hint(hint));
            }
        }
    }
    BundleRoute {
        bucket: entry.parsed("bucket", forms::bucket).unwrap_or_default(),
        key: key.unwrap_or_default(),
        application,
        group,
        region: entry.optional_parsed("region", forms::region),
        options: DeploymentOptions::read(entry),
    }
}

/// The name of an application, a group or a configuration.
/// <https://docs.aws.amazon.com/codedeploy/latest/userguide/limits.html>
fn name(text: &str) -> Result<String, Fault> {
    let fault = match text {
        "" => "a name must not be empty".to_owned(),
        _ if text.contains(char::is_control) => {
            format!("{} contains a control character", shown(text))
        }
        _ if text.chars().count() > 100 => {
            format!("{} is longer than 100 characters", shown(text))
        }
        _ => return Ok(text.to_owned()),
    };
    Err(Fault::new(fault))
}

/// `bucket/beginning-of-key`.
fn check_place(text: &str) -> Result<(), Fault> {
    let (bucket, _) = text.split_once('/').unwrap_or((text, ""));
    let hint = "write it like \"releases/legacy/\" = \"shop/production\"";
    forms::bucket(bucket)
        .map(|_| ())
        .map_err(|fault| fault.hint(hint))
}

fn parse_group(text: &str) -> Result<DeploymentGroup, Fault> {
    let Some((application, group)) = text.split_once('/') else {
        let fault = Fault::new(format!("{} names no deployment group", shown(text)));
        return Err(fault.hint("write it like \"application/group\""));
    };
    Ok(DeploymentGroup {
        application: name(application)?,
        group: name(group)?,
    })
}

fn longest_first(groups: BTreeMap<String, String>) -> Vec<(String, DeploymentGroup)> {
    let groups = groups.into_iter();
    // What cannot be parsed was refused before.
    let mut groups: Vec<_> = groups
        .filter_map(|(place, group)| Some((place, parse_group(&group).ok()?)))
        .collect();
    groups.sort_by_key(|(place, _)| std::cmp::Reverse(place.len()));
    groups
}
