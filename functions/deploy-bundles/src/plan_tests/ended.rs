//! What is told of deployments that have ended.

use super::*;

fn failed(id: &str, log_tail: &str) -> FailedTarget {
    FailedTarget {
        id: id.to_owned(),
        event: Some("AfterInstall".to_owned()),
        code: Some("ScriptFailed".to_owned()),
        script: Some("scripts/start.sh".to_owned()),
        message: Some("it failed with exit code 1".to_owned()),
        log_tail: Some(log_tail.to_owned()),
    }
}

#[test]
fn how_a_deployment_ended_is_told_with_where_and_why_it_failed() {
    check(
        look().ended("Succeeded", vec![]),
        expect![[r#"
        ignore 0: Deployment d-1 of `s3://releases/a` to `shop/live` succeeded.
        pass deployment-failed: Deployment d-1 of `s3://releases/a` to `shop/live` succeeded.
    "#]],
    );
    check(
        look().ended(
            "Failed",
            vec![
                failed("i-1", "starting\nno such file: /etc/shop\n\n"),
                failed("i-2", ""),
            ],
        ),
        expect![[r#"
            ignore 0: Deployment d-1 of `s3://releases/a` to `shop/live` failed at AfterInstall on i-1 (`scripts/start.sh`) and 1 more: no such file: /etc/shop.
            fail deployment-failed: Deployment d-1 of `s3://releases/a` to `shop/live` failed at AfterInstall on i-1 (`scripts/start.sh`) and 1 more: no such file: /etc/shop.
        "#]],
    );
    check(
        look().ended("Failed", vec![failed("i-1", "")]),
        expect![[r#"
            ignore 0: Deployment d-1 of `s3://releases/a` to `shop/live` failed at AfterInstall on i-1 (`scripts/start.sh`): it failed with exit code 1.
            fail deployment-failed: Deployment d-1 of `s3://releases/a` to `shop/live` failed at AfterInstall on i-1 (`scripts/start.sh`): it failed with exit code 1.
        "#]],
    );
    check(
        look().ended("InProgress", vec![]),
        expect![[r#"
        ignore 0: Deployment d-1 of `s3://releases/a` to `shop/live` is said to be over (FAILURE), and CodeDeploy calls it InProgress.
        unknown deployment-failed: Deployment d-1 of `s3://releases/a` to `shop/live` is said to be over (FAILURE), and CodeDeploy calls it InProgress.
    "#]],
    );
    let mut stopped = past("d-1", &bundle("a", "10:00:00"), "10:01:00", "Stopped").deployment;
    stopped.error = Some(("MANUAL_STOP".to_owned(), "Stopped by the user.".to_owned()));
    check(
        look().ended_with(Some(stopped.clone()), vec![]),
        expect![[r#"
            ignore 0: Deployment d-1 of `s3://releases/a` to `shop/live` was stopped (MANUAL_STOP): Stopped by the user.
            fail deployment-failed: Deployment d-1 of `s3://releases/a` to `shop/live` was stopped (MANUAL_STOP): Stopped by the user.
        "#]],
    );
    // Somebody else's.
    stopped.description = Some("by hand".to_owned());
    check(
        look().ended_with(Some(stopped), vec![]),
        expect![[r#"
        ignore 0: it was not made by this function
    "#]],
    );
    check(
        look().ended_with(None, vec![]),
        expect![[r#"
        ignore 0: it was not made by this function
    "#]],
    );
}

#[test]
fn what_a_script_printed_cannot_break_out_of_its_line() {
    let hostile = format!("\u{1b}[2J\u{202e}evil\r\n{}\u{7}", "x".repeat(5000));
    let ended = look().ended("Failed", vec![failed("i-1", &hostile)]);
    let plan = crate::plan::plan(&ended.inventory, &rules(), ended.now);
    let finding = &plan.findings[0];
    assert!(finding.message.len() < 400, "{}", finding.message.len());
    let tail = finding.evidence["failed_targets"][0]["log_tail"].as_str();
    let tail = tail.expect("a tail");
    assert_eq!(tail.chars().count(), 1000);
    for text in [tail, &finding.message] {
        let is_bad = |letter: char| letter.is_control() || letter == '\u{202e}';
        assert!(!text.replace('\n', "").contains(is_bad), "{text:?}");
    }
}
