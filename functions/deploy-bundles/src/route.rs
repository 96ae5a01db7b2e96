//! Where a bundle goes: by a route's key template, then by the object's metadata, then by the configured map.

use std::collections::BTreeMap;

use lamplighter_config::KeyNames;

use crate::rules::{Options, Rules};

/// Where a bundle goes, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Routed {
    /// The application.
    pub application: String,
    /// The group.
    pub group: String,
    /// How it is deployed.
    pub options: Options,
    /// Something to tell about it.
    pub note: Option<String>,
}

/// The metadata that AWS's own examples of such a function use.
/// <https://aws.amazon.com/blogs/devops/automatically-deploy-from-amazon-s3-using-aws-codedeploy/>
const METADATA: [&str; 2] = ["application-name", "deploymentgroup-name"];

/// What people get who write S3's own prefix before a name that gets it anyway.
const DOUBLED: &str = "x-amz-meta-";

/// The longest name of an application or a group.
/// <https://docs.aws.amazon.com/codedeploy/latest/userguide/limits.html>
const LONGEST_NAME: usize = 100;

/// The region that a route names for the bundle, if one does. It is known before anything is read.
pub fn region<'a>(bucket: &str, key: &str, rules: &'a Rules) -> Option<&'a str> {
    let mut routes = rules.routes.iter();
    let route = routes.find(|route| route.bucket == bucket && route.key.read(key).is_some())?;
    route.region.as_deref()
}

/// Where a bundle goes, or why that is not known.
pub fn route(
    bucket: &str,
    key: &str,
    metadata: &BTreeMap<String, String>,
    rules: &Rules,
) -> Result<Routed, String> {
    let found = rules.routes.iter().find_map(|route| {
        let names = route.key.read(key).filter(|_| route.bucket == bucket)?;
        Some((route, names))
    });
    let (own, doubled) = match rules.use_object_metadata {
        true => of_metadata(metadata),
        false => (KeyNames::default(), false),
    };
    let mut is_by_metadata = false;
    let (application, group, options) = match found {
        Some((route, names)) => {
            let application = names.application.or_else(|| route.application.clone());
            let group = names.group.or_else(|| route.group.clone());
            is_by_metadata = application.is_none() || group.is_none();
            let options = route.options.or(&rules.options);
            (
                application.or(own.application),
                group.or(own.group),
                options,
            )
        }
        None if own.application.is_some() || own.group.is_some() => {
            is_by_metadata = true;
            (own.application, own.group, rules.options.clone())
        }
        None => {
            let place = format!("{bucket}/{key}");
            let mut groups = rules.groups.iter();
            let group = groups.find(|(beginning, _)| place.starts_with(beginning.as_str()));
            let Some((_, group)) = group else {
                return Err(nowhere(rules));
            };
            let names = (group.application.clone(), group.group.clone());
            (Some(names.0), Some(names.1), rules.options.clone())
        }
    };
    let missing = |what: &str, key: &str| {
        format!("names no {what}: neither its key nor its metadata `{key}` says it")
    };
    let application = application.ok_or_else(|| missing("application", METADATA[0]))?;
    let group = group.ok_or_else(|| missing("deployment group", METADATA[1]))?;
    for (what, name) in [("application", &application), ("deployment group", &group)] {
        if name.is_empty() || name.contains(char::is_control) {
            return Err(format!(
                "has for its {what} a name that cannot be: it is empty or no text"
            ));
        }
        if name.chars().count() > LONGEST_NAME {
            return Err(format!(
                "has for its {what} a name of {} characters, and the longest may have {LONGEST_NAME}",
                name.chars().count()
            ));
        }
    }
    let note = doubled && is_by_metadata;
    Ok(Routed {
        application,
        group,
        options: Options::from(&options),
        note: note.then(|| {
            format!(
                "`s3://{bucket}/{key}` carries its metadata as `{DOUBLED}{DOUBLED}…`: S3 adds the prefix by itself"
            )
        }),
    })
}

fn nowhere(rules: &Rules) -> String {
    let metadata = match rules.use_object_metadata {
        true => format!(", its metadata has no `{}`", METADATA[0]),
        false => String::new(),
    };
    format!(
        "goes nowhere: no `[[deploy-bundles.routes]]` is for it{metadata}, and `groups` has no beginning of it"
    )
}

/// What the metadata says, and whether it does so under doubled names.
fn of_metadata(metadata: &BTreeMap<String, String>) -> (KeyNames, bool) {
    let mut is_doubled = false;
    let [application, group] = METADATA.map(|name| {
        let plain = metadata.get(name);
        let doubled = metadata.get(&format!("{DOUBLED}{name}"));
        is_doubled |= plain.is_none() && doubled.is_some();
        let value = plain.or(doubled).map(|value| value.trim().to_owned());
        value.filter(|value| !value.is_empty())
    });
    (KeyNames { application, group }, is_doubled)
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use lamplighter_config::{Config, Sources};

    use super::*;

    const CONFIG: &str = r#"
        [state]
        url = "s3://acme/state"
        [deploy-bundles]
        auto_rollback = ["failure"]
        groups = { "releases/old/" = "old/live", "releases/old/beta/" = "old/beta" }
        [[deploy-bundles.routes]]
        bucket = "releases"
        key = "apps/{application}/{group}/{bundle}"
        file_exists_behavior = "overwrite"
        [[deploy-bundles.routes]]
        bucket = "releases"
        key = "shop/{bundle}"
        application = "shop"
        group = "live"
        region = "eu-central-1"
        [[deploy-bundles.routes]]
        bucket = "releases"
        key = "by-group/{group}/{bundle}"
    "#;

    fn rules(config: &str) -> Rules {
        let config = Config::load(&Sources {
            file: Some(("lamplighter.toml", config)),
            ..Sources::default()
        });
        let config = config.expect("a config");
        Rules::new(&config.deploy_bundles, config.state.url.as_ref())
    }

    #[track_caller]
    fn check(key: &str, metadata: &[(&str, &str)], expected: Expect) {
        let rules = rules(CONFIG);
        let metadata = metadata
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let text = match route("releases", key, &metadata.collect(), &rules) {
            Err(why) => format!("{why}\n"),
            Ok(routed) => format!(
                "{}/{} ({}){}\n",
                routed.application,
                routed.group,
                routed.options.words(),
                routed
                    .note
                    .map(|note| format!("\n{note}"))
                    .unwrap_or_default()
            ),
        };
        expected.assert_eq(&text);
    }

    const PLAIN: [(&str, &str); 2] = [("application-name", "a"), ("deploymentgroup-name", "g")];

    #[test]
    fn a_key_template_goes_before_metadata_and_metadata_before_the_map() {
        check(
            "apps/web/test/a.zip",
            &PLAIN,
            expect![[r#"
            web/test (files that exist: overwrite; rollback on DEPLOYMENT_FAILURE)
        "#]],
        );
        check(
            "shop/a.zip",
            &[],
            expect![[r#"
            shop/live (rollback on DEPLOYMENT_FAILURE)
        "#]],
        );
        check(
            "old/a.zip",
            &PLAIN,
            expect![[r#"
            a/g (rollback on DEPLOYMENT_FAILURE)
        "#]],
        );
        check(
            "old/a.zip",
            &[],
            expect![[r#"
            old/live (rollback on DEPLOYMENT_FAILURE)
        "#]],
        );
        check(
            "old/beta/a.zip",
            &[],
            expect![[r#"
            old/beta (rollback on DEPLOYMENT_FAILURE)
        "#]],
        );
        check(
            "by-group/test/a.zip",
            &PLAIN,
            expect![[r#"
            a/test (rollback on DEPLOYMENT_FAILURE)
        "#]],
        );
        assert_eq!(
            region("releases", "shop/a.zip", &rules(CONFIG)),
            Some("eu-central-1")
        );
        assert_eq!(region("releases", "old/a.zip", &rules(CONFIG)), None);
    }

    #[test]
    fn doubled_metadata_is_understood_and_told() {
        let doubled = [
            ("x-amz-meta-application-name", "a"),
            ("x-amz-meta-deploymentgroup-name", " g "),
        ];
        check(
            "other/a.zip",
            &doubled,
            expect![[r#"
            a/g (rollback on DEPLOYMENT_FAILURE)
            `s3://releases/other/a.zip` carries its metadata as `x-amz-meta-x-amz-meta-…`: S3 adds the prefix by itself
        "#]],
        );
        // Where nobody asks for it, nobody is told.
        check(
            "shop/a.zip",
            &doubled,
            expect![[r#"
            shop/live (rollback on DEPLOYMENT_FAILURE)
        "#]],
        );
    }

    #[test]
    fn a_bundle_that_goes_nowhere_is_told_what_would_send_it() {
        check(
            "other/a.zip",
            &[],
            expect![[r#"
            goes nowhere: no `[[deploy-bundles.routes]]` is for it, its metadata has no `application-name`, and `groups` has no beginning of it
        "#]],
        );
        check(
            "other/a.zip",
            &[("application-name", "a")],
            expect![[r#"
            names no deployment group: neither its key nor its metadata `deploymentgroup-name` says it
        "#]],
        );
        check(
            "by-group/test/a.zip",
            &[],
            expect![[r#"
            names no application: neither its key nor its metadata `application-name` says it
        "#]],
        );
        let long = "x".repeat(101);
        check(
            "other/a.zip",
            &[("application-name", &long), ("deploymentgroup-name", "g")],
            expect![[r#"
                has for its application a name of 101 characters, and the longest may have 100
            "#]],
        );
        let closed = rules(&CONFIG.replace(
            "auto_rollback",
            "use_object_metadata = false\nauto_rollback",
        ));
        let metadata = PLAIN.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let refused = route(
            "releases",
            "other/a.zip",
            &BTreeMap::from(metadata),
            &closed,
        );
        expect!["goes nowhere: no `[[deploy-bundles.routes]]` is for it, and `groups` has no beginning of it"].assert_eq(&refused.expect_err("nothing sends it"));
    }
}
