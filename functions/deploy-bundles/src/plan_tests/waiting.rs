//! What becomes of bundles that wait for their group.

use super::*;

#[test]
fn what_waits_is_deployed_when_its_group_is_free() {
    let waits = || bundle("a", "10:00:00");
    check(
        look().waiting(waits(), None, vec![]),
        expect![[r#"
        - deploy to live: s3://releases/a (zip, version v10:00:00): it waited since 11:00 UTC
    "#]],
    );
    check(
        look()
            .ended("Succeeded", vec![])
            .waiting(waits(), None, vec![]),
        expect![[r#"
            act 0
            0 deploy to live: s3://releases/a (zip, version v10:00:00): it waited since 11:00 UTC
            pass deployment-failed: Deployment d-1 of `s3://releases/a` to `shop/live` succeeded.
        "#]],
    );
    check(
        look().waiting(waits(), Some("d-1"), vec![]),
        expect![[r#"
        skip live: s3://releases/a waits: the group is busy with d-1
    "#]],
    );
    let yesterday = look()
        .waiting(waits(), None, vec![])
        .at(time("12:00:00") + TimeDelta::days(1));
    check(
        yesterday,
        expect![[r#"
        - deploy to live: s3://releases/a (zip, version v10:00:00): it waited since 2026-11-22 11:00 UTC
        fail bundle-pending: Bundle `s3://releases/a` has been waiting for `shop/live` since 2026-11-22 11:00 UTC, at first for d-0.
    "#]],
    );
}

#[test]
fn what_waits_and_was_deployed_or_overtaken_is_forgotten() {
    let waits = || bundle("a", "10:00:00");
    let done = past("d-1", &waits(), "10:01:00", "Succeeded");
    check(
        look().waiting(waits(), None, vec![done]),
        expect![[r#"
        - forget-pending to live: s3://releases/a, version v10:00:00: d-1 has deployed it
    "#]],
    );
    let newer = past("d-1", &bundle("b", "10:00:01"), "10:01:00", "Succeeded");
    check(
        look().waiting(waits(), None, vec![newer]),
        expect![[r#"
        - forget-pending to live: s3://releases/a, version v10:00:00: d-1 has deployed a newer one: s3://releases/b
    "#]],
    );
    check(
        look().waiting_in(waits(), QueuedState::NoBundle),
        expect![[r#"
            - forget-pending to live: s3://releases/a, version v10:00:00: it is gone
            fail bundle-gone: Bundle `s3://releases/a` waited for `shop/live`, and was removed or overwritten before its turn.
        "#]],
    );
}

#[test]
fn a_newer_bundle_takes_the_turn_of_what_waits_and_an_older_one_lets_it() {
    let (early, late) = (bundle("a", "09:00:00"), bundle("b", "10:00:00"));
    check(
        look()
            .bundle(late.clone(), None, vec![])
            .waiting(early.clone(), None, vec![]),
        expect![[r#"
            act 0
            0 deploy to live: s3://releases/b (zip, version v10:00:00): new bundle, with appspec.yml
        "#]],
    );
    check(
        look()
            .bundle(early, None, vec![])
            .waiting(late, None, vec![]),
        expect![[r#"
            ignore 0: a newer one waits for shop/live: s3://releases/b
            - deploy to live: s3://releases/b (zip, version v10:00:00): it waited since 11:00 UTC
        "#]],
    );
}

#[test]
fn one_that_waits_is_deployed_once_however_many_records_make_room() {
    let waits = bundle("a", "10:00:00");
    let two = look().ended("Succeeded", vec![]).ended("Succeeded", vec![]);
    check(
        two.waiting(waits, None, vec![]),
        expect![[r#"
            act 0
            ignore 1: Deployment d-1 of `s3://releases/a` to `shop/live` succeeded.
            0 deploy to live: s3://releases/a (zip, version v10:00:00): it waited since 11:00 UTC
            pass deployment-failed: Deployment d-1 of `s3://releases/a` to `shop/live` succeeded.
        "#]],
    );
}

#[test]
fn what_waits_for_long_or_for_ever_is_told() {
    let waits = || bundle("a", "10:00:00");
    let almost = time("11:00:00") + TimeDelta::hours(12) - TimeDelta::seconds(1);
    check(
        look().waiting(waits(), Some("d-1"), vec![]).at(almost),
        expect![[r#"
            skip live: s3://releases/a waits: the group is busy with d-1
        "#]],
    );
    let long = almost + TimeDelta::seconds(1);
    check(
        look().waiting(waits(), Some("d-1"), vec![]).at(long),
        expect![[r#"
            fail bundle-pending: Bundle `s3://releases/a` has been waiting for `shop/live` since 2026-11-22 11:00 UTC, at first for d-0.
            skip live: s3://releases/a waits: the group is busy with d-1
        "#]],
    );
    check(
        look().waiting_in(waits(), QueuedState::NoGroup),
        expect![[r#"
            fail deployment-group-missing: Bundle `s3://releases/a` waits for `shop/live`, and there is no such application or deployment group any more.
        "#]],
    );
    check(
        look().waiting_in(waits(), QueuedState::Unread("throttled".to_owned())),
        expect![[""]],
    );
}

#[test]
fn an_event_that_should_drain_comes_again_where_the_group_cannot_be_read() {
    let unread = QueuedState::Unread("throttled".to_owned());
    let waits = bundle("a", "10:00:00");
    check(
        look().ended("Succeeded", vec![]).waiting_in(waits, unread),
        expect![[r#"
            retry 0: throttled
            pass deployment-failed: Deployment d-1 of `s3://releases/a` to `shop/live` succeeded.
        "#]],
    );
}
