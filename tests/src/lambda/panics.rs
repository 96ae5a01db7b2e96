//! A panic is an error of its invocation, and of no other.

use serde_json::json;

use super::account;
use crate::harness::example;
use crate::runtime_api::Lambda;

#[test]
fn a_panic_ends_its_invocation_as_an_error_and_the_next_one_works_in_the_same_process() {
    let aws = account();
    let program = example("lamplighter-shell", "panics");
    let mut lambda = Lambda::start_program(&program, "report-certificates", &aws, "", &[]);
    let fine = json!({"metadata": {}, "data": {"panic": false}});
    assert_eq!(lambda.invoke(&fine).response()["status"], "ok");
    for _ in 0..2 {
        let panics = json!({"metadata": {}, "data": {"panic": true}});
        let (kind, message) = lambda.invoke(&panics).error();
        assert_eq!(kind, "Lamplighter.Panic");
        assert_eq!(message, "`report-certificates` panicked: the event said so");
        assert_eq!(lambda.invoke(&fine).response()["status"], "ok");
    }
    assert!(lambda.is_warm(), "the process goes on");
    let said = lambda.end();
    let counted = said.stdout.lines().filter(|line| {
        let line: serde_json::Value = serde_json::from_str(line).unwrap_or_default();
        line["RunsFailed"] == 1 && line["error_kind"] == "Panic"
    });
    assert_eq!(counted.count(), 2, "{}", said.stdout);
}
