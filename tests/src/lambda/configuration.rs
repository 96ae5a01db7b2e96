//! A configuration that lies in S3: `LAMPLIGHTER_CONFIG=s3://bucket/key`.

use lamplighter_local_aws::{Fault, FaultKind, InstanceState, LocalAws};
use serde_json::json;

use super::{ACCOUNT, CONFIG, account, state_of_the_untagged};
use crate::runtime_api::Lambda;

const BUCKET: &str = "acme-config";
const KEY: &str = "teams/ops/lamplighter.toml";
const VARIABLE: (&str, &str) = (
    "LAMPLIGHTER_CONFIG",
    "s3://acme-config/teams/ops/lamplighter.toml",
);

/// The account with a bucket for the configuration, which is empty.
fn account_with_bucket() -> LocalAws {
    let aws = account();
    aws.with(|world| world.add_bucket(ACCOUNT, "eu-west-1", BUCKET));
    aws
}

fn store(aws: &LocalAws, text: &[u8]) {
    aws.with(|world| world.store_object(BUCKET, KEY, text));
}

/// A bootstrap whose package holds another configuration, which must not count.
fn start(aws: &LocalAws, variable: (&str, &str)) -> Lambda {
    let packaged = "[stop-untagged]\nmode = \"plan\"\n";
    Lambda::start("stop-untagged", aws, packaged, &[variable])
}

#[track_caller]
fn works(aws: &LocalAws, lambda: &Lambda) {
    let answer = lambda.invoke(&json!({})).response();
    assert_eq!(answer["data"]["mode"], "apply", "{answer:#}");
    assert_eq!(answer["data"]["summary"]["done"], 1, "{answer:#}");
    assert_eq!(state_of_the_untagged(aws), InstanceState::Stopping);
}

#[test]
fn a_configuration_in_s3_is_read_once_and_counts() {
    let aws = account_with_bucket();
    store(&aws, CONFIG.as_bytes());
    let lambda = start(&aws, VARIABLE);
    works(&aws, &lambda);
    assert_eq!(lambda.invoke(&json!({})).response()["status"], "ok");
    lambda.end();
    let calls = aws.calls();
    let reads = calls.iter().filter(|call| call.name() == "s3:GetObject");
    assert_eq!(reads.count(), 1);
}

#[test]
fn what_is_wrong_with_a_configuration_in_s3_is_told_and_the_next_invocation_works_when_it_is_mended()
 {
    let wrong: [(Option<&[u8]>, &str, &str); 4] = [
        (
            None,
            "Lamplighter.Config",
            "there is no configuration `s3://acme-config/teams/ops/lamplighter.toml`",
        ),
        (
            Some(b"[stop-untagged\n"),
            "Lamplighter.Config",
            "s3://acme-config/teams/ops/lamplighter.toml",
        ),
        (
            Some(b"[stop-untagged]\ngrace_hour = 0\n"),
            "Lamplighter.Config",
            "s3://acme-config/teams/ops/lamplighter.toml:2: unknown key `grace_hour`",
        ),
        (
            Some(b"\xff\xfe"),
            "Lamplighter.Config",
            "the configuration `s3://acme-config/teams/ops/lamplighter.toml` is not UTF-8",
        ),
    ];
    for (text, kind, expected) in wrong {
        let aws = account_with_bucket();
        if let Some(text) = text {
            store(&aws, text);
        }
        let mut lambda = start(&aws, VARIABLE);
        for _ in 0..2 {
            let (found, message) = lambda.invoke(&json!({})).error();
            assert_eq!(found, kind, "{message}");
            assert!(message.contains(expected), "{message}");
        }
        // A ping needs no configuration.
        lambda.invoke(&json!({"source": "keep-warm"})).response();
        assert_eq!(state_of_the_untagged(&aws), InstanceState::Running);
        store(&aws, CONFIG.as_bytes());
        works(&aws, &lambda);
        assert!(lambda.is_warm());
        lambda.end();
    }
}

#[test]
fn a_configuration_in_s3_that_may_not_be_read_is_told_and_the_next_invocation_works_when_it_may() {
    let aws = account_with_bucket();
    store(&aws, CONFIG.as_bytes());
    aws.inject(Fault::new("s3:GetObject", FaultKind::Denied));
    let lambda = start(&aws, VARIABLE);
    let (kind, message) = lambda.invoke(&json!({})).error();
    assert_eq!(kind, "Lamplighter.Denied", "{message}");
    assert!(
        message.contains("acme-config/teams/ops/lamplighter.toml")
            && message.contains("not allowed to call `s3:GetObject`"),
        "{message}"
    );
    assert_eq!(state_of_the_untagged(&aws), InstanceState::Running);
    aws.clear_faults();
    works(&aws, &lambda);
    lambda.end();
}

#[test]
fn a_place_in_s3_that_names_no_object_is_told_with_what_to_write() {
    let aws = account_with_bucket();
    for place in [
        "s3://",
        "s3://acme-config",
        "s3://acme-config/",
        "s3:///key",
    ] {
        let lambda = start(&aws, (VARIABLE.0, place));
        let (kind, message) = lambda.invoke(&json!({})).error();
        lambda.end();
        assert_eq!(kind, "Lamplighter.Config", "{message}");
        assert!(
            message.contains(&format!("`{place}`")) && message.contains("s3://bucket/key"),
            "{message}"
        );
    }
    assert_eq!(aws.calls(), []);
}
