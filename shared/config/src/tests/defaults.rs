//! `default.toml` and the example: complete, commented, and accepted.

use crate::schema::{Kind, ROOT, Schema, list_title};
use crate::{Action, Config, DEFAULT, MailPolicy, Missed, Mode, Overlap, Sources};

#[test]
fn the_defaults_alone_are_a_config() {
    let config = super::good("", &[], &[]);
    let rules = &config.stop_untagged;
    assert_eq!(config.aws.regions, Vec::<String>::new());
    assert_eq!(config.state.url, None);
    assert_eq!(config.report.from, None);
    assert_eq!(config.report.mail, MailPolicy::Changes);
    assert_eq!(config.daemon.state_dir, "/var/lib/lamplighter");
    assert_eq!(rules.common.mode, Mode::Plan);
    assert_eq!(rules.common.schedule, "rate(1 hour)");
    assert_eq!(rules.common.role, None);
    assert_eq!(rules.common.missed, Missed::Once);
    assert_eq!(rules.common.overlap, Overlap::Skip);
    assert_eq!(rules.common.mail, None);
    assert_eq!(rules.common.to, None);
    assert_eq!(rules.required_tags, ["cost_center"]);
    assert!(rules.allowed_values.is_empty());
    assert!(rules.case_sensitive);
    assert_eq!(rules.action, Action::Stop);
    assert_eq!(rules.grace_hours, 24);
    assert_eq!(rules.min_age_hours, 1);
    assert_eq!(rules.max_actions, 20);
    assert_eq!(rules.max_percent, 30);
    assert_eq!(rules.max_untagged_jump_percent, 20);
    assert_eq!(rules.min_population, 1);
    assert_eq!(rules.exempt_tags, ["lamplighter:keep-until"]);
    assert_eq!(rules.owner_tags, ["owner", "Owner"]);
    assert_eq!(rules.work_hours, None);
    assert_eq!(rules.work_days.len(), 5);
    assert!(!rules.probe_permissions);
}

#[test]
fn no_function_is_configured_and_none_without_events_applies_by_default() {
    let config = super::good("", &[], &[]);
    assert!(!config.functions().is_empty());
    for (function, common) in config.functions() {
        assert!(!config.is_configured(function), "{function}");
        // What takes events is there to act on them, once it is configured.
        let takes_events = config.intake(function).is_some();
        let expected = if takes_events {
            Mode::Apply
        } else {
            Mode::Plan
        };
        assert_eq!(common.mode, expected, "{function}");
    }
}

#[test]
fn the_file_of_defaults_may_itself_be_given_as_the_file() {
    let config = super::good(DEFAULT, &[], &[]);
    assert_eq!(
        config.stop_untagged,
        super::good("", &[], &[]).stop_untagged
    );
}

#[test]
fn every_key_and_section_has_a_comment_above_it() {
    let mut last = "";
    for line in DEFAULT.lines() {
        // A line that is indented, or closes a bracket, belongs to the value above it.
        let continues = line.starts_with([' ', ']']);
        if !line.is_empty() && !line.starts_with('#') && !continues {
            assert!(last.starts_with("# "), "no comment above `{line}`");
        }
        last = line;
    }
}

#[test]
fn every_key_without_a_default_is_shown_commented_out_in_its_section() {
    for section in &schema().sections {
        let own = match section.name {
            // Lists outside the sections may stand anywhere.
            ROOT => DEFAULT,
            name => {
                let (_, rest) = DEFAULT
                    .split_once(&format!("\n[{name}]\n"))
                    .expect("a section");
                rest.split("\n[").next().unwrap_or(rest)
            }
        };
        for key in &section.keys {
            let shown = match key.kind {
                Kind::Entries(_) => format!("\n# {}\n", list_title(section.name, &key.name)),
                _ => format!("\n# {} = ", key.name),
            };
            let has_default = section.defaults.iter().any(|member| member.key == key.name);
            assert!(
                has_default || own.contains(&shown),
                "[{}] does not show `{}`",
                section.name,
                key.name
            );
        }
    }
}

#[test]
fn every_key_of_the_defaults_is_read_into_the_config() {
    let typed = |config: &Config| {
        let (aws, state, report) = (&config.aws, &config.state, &config.report);
        format!(
            "{aws:?} {state:?} {report:?} {:?} {:?} {:?} {:?} {:?}",
            config.exceptions,
            config.stop_untagged,
            (&config.audit_mfa, &config.audit_access_keys),
            config.audit_security_groups,
            (
                &config.report_certificates,
                (
                    &config.deploy_bundles,
                    &config.archive_mail,
                    &config.resize_images
                ),
                &config.daemon
            )
        )
    };
    let defaults = typed(&super::good("", &[], &[]));
    for section in &schema().sections {
        for key in &section.keys {
            let strange = || toml::Value::String("\u{1}".to_owned());
            let value = match key.kind {
                Kind::Boolean => {
                    toml::Value::Boolean(!defaults.contains(&format!("{}: true", key.name)))
                }
                Kind::Integer => toml::Value::Integer(2),
                Kind::Text | Kind::Date => strange(),
                Kind::Texts => toml::Value::Array(vec![strange()]),
                Kind::Integers => toml::Value::Array(vec![toml::Value::Integer(-1)]),
                Kind::TextTable => {
                    toml::Value::Table([("\u{1}".to_owned(), strange())].into_iter().collect())
                }
                Kind::Entries(_) => {
                    toml::Value::Array(vec![toml::Value::Table(Default::default())])
                }
            };
            let flag = crate::Flag {
                section: section.name.to_owned(),
                key: key.name.to_string(),
                value,
                flag: "--test".to_owned(),
            };
            // Another value either shows, or is refused as impossible: both mean that somebody
            // reads it.
            let is_read = match super::load_with("", &[], &[flag]) {
                Ok(config) => typed(&config) != defaults,
                Err(_) => true,
            };
            assert!(is_read, "[{}] {}", section.name, key.name);
        }
    }
}

#[test]
fn the_sections_of_the_defaults_are_those_of_the_list_in_the_same_order() {
    let headers: Vec<&str> = DEFAULT
        .lines()
        .filter(|line| line.starts_with('['))
        .collect();
    let listed: Vec<String> = schema()
        .section_names()
        .map(|name| format!("[{name}]"))
        .collect();
    assert_eq!(headers, listed);
}

#[test]
fn the_example_is_accepted_and_only_plans() {
    let example = include_str!("../../../../config/lamplighter.example.toml");
    let config = super::good(example, &[], &[]);
    assert!(config.is_configured("stop-untagged"));
    assert_eq!(config.stop_untagged.common.mode, Mode::Plan);
    let (_, to) = config.mail_of("stop-untagged");
    assert_eq!(to, ["platform@example.com"]);
    let with_second_account = example.replace("\n# [[", "\n[[").replace("\n# id", "\nid");
    let with_second_account = with_second_account
        .replace("\n# role", "\nrole")
        .replace("\n# regions", "\nregions");
    let config = super::good(&with_second_account, &[], &[]);
    assert_eq!(
        config.aws.regions_of(&config.aws.accounts[0]),
        ["eu-central-1"]
    );
}

#[test]
fn the_example_may_be_switched_to_apply_with_the_flag() {
    let example = include_str!("../../../../config/lamplighter.example.toml");
    let flags = [crate::Flag::apply("stop-untagged")];
    let config = super::good(example, &[], &flags);
    assert_eq!(config.stop_untagged.common.mode, Mode::Apply);
}

#[test]
fn no_file_at_all_is_fine() {
    assert!(Config::load(&Sources::default()).is_ok());
}

fn schema() -> Schema {
    Schema::of_defaults(&mut crate::error::Findings::default())
}
