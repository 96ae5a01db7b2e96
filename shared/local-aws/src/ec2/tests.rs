//! EC2, request by request.

use chrono::Duration;

use crate::fault::{Fault, FaultKind};
use crate::testing::{ACCOUNT, REGION, Stage, body, leaves, world};

use super::{Instance, InstanceState};

const UNKNOWN: &str = "i-0123456789abcdef0";

fn stage(instances: impl IntoIterator<Item = Instance>) -> Stage {
    let world = instances.into_iter().fold(world(), |world, instance| {
        world.instance(ACCOUNT, REGION, instance)
    });
    Stage::new(world)
}

fn state(stage: &Stage, id: &str) -> &'static str {
    let instance = stage.state.world.find_instance(ACCOUNT, REGION, id);
    instance.map_or("gone", |instance| instance.state.name())
}

/// The ids on each page of a listing.
fn pages(stage: &mut Stage, action: &str, params: &str, leaf: &str) -> Vec<Vec<String>> {
    let mut pages = Vec::new();
    let mut token = String::new();
    loop {
        let page = body(&stage.query("ec2", action, &format!("{params}&NextToken={token}")));
        pages.push(leaves(&page, leaf));
        match leaves(&page, "nextToken").first() {
            Some(next) => token.clone_from(next),
            None => return pages,
        }
    }
}

#[test]
fn an_instance_is_written_whole() {
    let mut stage = stage([]);
    let now = stage.now();
    let instance = Instance::new("i-1")
        .tag("Owner", "a<b")
        .launched_at(now)
        .attached_at(now - Duration::days(3))
        .spot_persistent()
        .managed_by("eks.amazonaws.com")
        .root_device("/dev/sda2");
    stage.state.world.add_instance(ACCOUNT, REGION, instance);
    let text = body(&stage.query("ec2", "DescribeInstances", ""));
    for part in [
        "<instanceId>i-1</instanceId>",
        "<instanceState><code>16</code><name>running</name></instanceState>",
        "<launchTime>2024-10-04T00:00:00.000Z</launchTime>",
        "<attachTime>2024-10-01T00:00:00.000Z</attachTime>",
        "<deviceIndex>0</deviceIndex>",
        "<availabilityZone>eu-west-1a</availabilityZone>",
        "<rootDeviceType>ebs</rootDeviceType><rootDeviceName>/dev/sda2</rootDeviceName>",
        "<instanceLifecycle>spot</instanceLifecycle><spotInstanceRequestId>sir-00000001</spotInstanceRequestId>",
        "<tagSet><item><key>Owner</key><value>a&lt;b</value></item></tagSet>",
        "<operator><managed>true</managed><principal>eks.amazonaws.com</principal></operator>",
    ] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
}

#[test]
fn pages_hold_what_was_asked_for_or_what_the_world_allows() {
    let ids: Vec<String> = (10..23).map(|number| format!("i-{number}")).collect();
    let mut stage = stage(
        ids.iter()
            .map(|id| Instance::new(id).tag("a", "1").tag("b", "2")),
    );
    let lengths = |pages: Vec<Vec<String>>| pages.iter().map(Vec::len).collect::<Vec<_>>();
    let listed = pages(
        &mut stage,
        "DescribeInstances",
        "MaxResults=5",
        "instanceId",
    );
    assert_eq!(listed.concat(), ids);
    assert_eq!(lengths(listed), [5, 5, 3]);
    assert_eq!(
        lengths(pages(&mut stage, "DescribeInstances", "", "instanceId")),
        [13]
    );

    stage.state.world.set_page_size(Some(1));
    assert_eq!(
        pages(&mut stage, "DescribeInstances", "", "instanceId").len(),
        13
    );
    assert_eq!(
        pages(&mut stage, "DescribeTags", "MaxResults=1000", "resourceId").len(),
        26
    );
    let some = "InstanceId.1=i-10&InstanceId.2=i-11";
    assert_eq!(
        lengths(pages(&mut stage, "DescribeInstances", some, "instanceId")),
        [2]
    );
}

#[test]
fn an_instance_that_comes_or_goes_between_pages_moves_no_other() {
    let mut stage = stage(["i-1", "i-2", "i-3", "i-4"].map(Instance::new));
    stage.state.world.set_page_size(Some(2));
    let first = body(&stage.query("ec2", "DescribeInstances", ""));
    assert_eq!(leaves(&first, "instanceId"), ["i-1", "i-2"]);
    stage.state.world.remove_instance(ACCOUNT, REGION, "i-2");
    let token = format!("NextToken={}", leaves(&first, "nextToken")[0]);
    let second = body(&stage.query("ec2", "DescribeInstances", &token));
    assert_eq!(leaves(&second, "instanceId"), ["i-3", "i-4"]);
}

#[test]
fn sparse_pages_may_be_empty() {
    let instances = ["i-1", "i-2", "i-3"].map(Instance::new);
    let [a, b, c] = instances;
    let world = [a, b, c.tag("env", "dev")].into_iter().fold(
        world().sparse_pages().page_size(Some(1)),
        |world, instance| world.instance(ACCOUNT, REGION, instance),
    );
    let filter = "Filter.1.Name=tag-key&Filter.1.Value.1=env";
    let listed = pages(
        &mut Stage::new(world),
        "DescribeInstances",
        filter,
        "instanceId",
    );
    assert_eq!(listed, [vec![], vec![], vec!["i-3".to_owned()]]);
}

#[test]
fn listings_refuse_what_aws_refuses() {
    let mut stage = stage([Instance::new("i-1")]);
    let cases = [
        (
            "MaxResults=4",
            "400 InvalidParameterValue: Value ( 4 ) for parameter maxResults is invalid. Expecting a value greater than 5.",
        ),
        (
            "MaxResults=1001",
            "400 InvalidParameterValue: Value ( 1001 ) for parameter maxResults is invalid. Expecting a value less than 1000.",
        ),
        (
            "MaxResults=5&InstanceId.1=i-1",
            "400 InvalidParameterCombination: The parameter instancesSet cannot be used with the parameter maxResults",
        ),
        (
            "NextToken=garbage",
            "400 InvalidNextToken: The specified NextToken is not valid.",
        ),
        (
            "InstanceId.1=i-0123456789abcdef0",
            "400 InvalidInstanceID.NotFound: The instance ID 'i-0123456789abcdef0' does not exist",
        ),
        (
            "InstanceId.1=i-00000001&InstanceId.2=i-1&InstanceId.3=i-00000002",
            "400 InvalidInstanceID.NotFound: The instance IDs 'i-00000001, i-00000002' do not exist",
        ),
        (
            "InstanceId.1=bogus",
            "400 InvalidInstanceID.Malformed: Invalid id: \"bogus\"",
        ),
        (
            "Filter.1.Name=nonsense&Filter.1.Value.1=x",
            "400 InvalidParameterValue: The filter 'nonsense' is invalid",
        ),
        (
            "Filter.1.Name=tag:&Filter.1.Value.1=x",
            "400 InvalidParameterValue: The filter 'tag:' is invalid",
        ),
    ];
    for (params, expected) in cases {
        assert_eq!(stage.ec2("DescribeInstances", params), expected);
    }
    assert_eq!(
        stage.ec2("DescribeVpcs", ""),
        "400 InvalidAction: The action DescribeVpcs is not valid for this web service."
    );
}

#[test]
fn filters_select() {
    let mut stage = stage([
        Instance::new("i-1").tag("env", "dev").tag("Owner", ""),
        Instance::new("i-2").tag("env", "prod"),
        Instance::new("i-3")
            .state(InstanceState::Stopped)
            .tag("env", "dev"),
    ]);
    let mut listed = |filters: &str| {
        leaves(
            &body(&stage.query("ec2", "DescribeInstances", filters)),
            "instanceId",
        )
        .join(" ")
    };
    assert_eq!(
        listed("Filter.1.Name=tag:env&Filter.1.Value.1=d*"),
        "i-1 i-3"
    );
    assert_eq!(
        listed("Filter.1.Name=tag:env&Filter.1.Value.1=dev&Filter.1.Value.2=prod"),
        "i-1 i-2 i-3"
    );
    assert_eq!(
        listed("Filter.1.Name=tag-key&Filter.1.Value.1=Owner"),
        "i-1"
    );
    assert_eq!(
        listed(
            "Filter.1.Name=tag:env&Filter.1.Value.1=dev&Filter.2.Name=instance-state-name&Filter.2.Value.1=running"
        ),
        "i-1"
    );
}

#[test]
fn one_bad_instance_keeps_the_others_from_being_stopped() {
    let good = || Instance::new("i-1");
    let cases = [
        (
            Instance::new("i-2").state(InstanceState::Terminated),
            "400 IncorrectInstanceState: The instance 'i-2' is not in a state from which it can be stopped.",
        ),
        (
            Instance::new("i-2").state(InstanceState::Pending),
            "400 IncorrectInstanceState: The instance 'i-2' is not in a state from which it can be stopped.",
        ),
        (
            Instance::new("i-2").stop_protected(),
            "400 OperationNotPermitted: The instance 'i-2' may not be stopped. Modify its 'disableApiStop' instance attribute and try again.",
        ),
        (
            Instance::new("i-2").spot_one_time(),
            "400 UnsupportedOperation: You can't stop the Spot Instance 'i-2' because it is associated with a one-time Spot Instance request. You can only stop Spot Instances associated with persistent Spot Instance requests.",
        ),
        (
            Instance::new("i-2").instance_store(),
            "400 UnsupportedOperation: The instance 'i-2' does not have an 'ebs' root device type and cannot be stopped.",
        ),
        (
            Instance::new("i-2").managed_by("eks.amazonaws.com"),
            "400 OperationNotPermitted: The instance 'i-2' is managed by 'eks.amazonaws.com' and may not be modified.",
        ),
    ];
    for (bad, expected) in cases {
        let mut stage = stage([good(), bad]);
        assert_eq!(
            stage.ec2("StopInstances", "InstanceId.1=i-1&InstanceId.2=i-2"),
            expected
        );
        assert_eq!(state(&stage, "i-1"), "running");
    }
    let mut stage = stage([good()]);
    let both = format!("InstanceId.1=i-1&InstanceId.2={UNKNOWN}");
    assert_eq!(
        stage.ec2("StopInstances", &both),
        format!("400 InvalidInstanceID.NotFound: The instance ID '{UNKNOWN}' does not exist")
    );
    assert_eq!(state(&stage, "i-1"), "running");
}

#[test]
fn stopping_takes_time_and_stopping_again_changes_nothing() {
    let mut stage = stage([Instance::new("i-1"), Instance::new("i-2").spot_persistent()]);
    let both = "InstanceId.1=i-1&InstanceId.2=i-2";
    let first = body(&stage.query("ec2", "StopInstances", both));
    assert_eq!(
        leaves(&first, "name"),
        ["stopping", "running", "stopping", "running"]
    );
    stage.wait(29);
    let second = body(&stage.query("ec2", "StopInstances", "InstanceId.1=i-1"));
    assert_eq!(leaves(&second, "name"), ["stopping", "stopping"]);
    stage.wait(1);
    assert_eq!(state(&stage, "i-1"), "stopped");
    let third = body(&stage.query("ec2", "StopInstances", "InstanceId.1=i-1"));
    assert_eq!(leaves(&third, "name"), ["stopped", "stopped"]);
}

#[test]
fn starting_is_a_launch_but_not_an_attachment() {
    let mut stage = stage([Instance::new("i-1").state(InstanceState::Stopped)]);
    let attached_at = stage.now() - Duration::days(30);
    assert_eq!(stage.ec2("StartInstances", "InstanceId.1=i-1"), "200");
    let instance = stage
        .state
        .world
        .find_instance(ACCOUNT, REGION, "i-1")
        .unwrap();
    assert_eq!(
        (instance.launched_at, instance.attached_at),
        (stage.now(), attached_at)
    );
    assert_eq!(state(&stage, "i-1"), "pending");
    stage.wait(30);
    assert_eq!(state(&stage, "i-1"), "running");
}

#[test]
fn a_protected_instance_saves_its_zone_from_termination() {
    let zone = |id, zone| Instance::new(id).availability_zone(zone);
    let mut stage = stage([
        zone("i-1", "eu-west-1a"),
        zone("i-2", "eu-west-1a").termination_protected(),
        zone("i-3", "eu-west-1b"),
    ]);
    assert_eq!(
        stage.ec2(
            "TerminateInstances",
            "InstanceId.1=i-1&InstanceId.2=i-2&InstanceId.3=i-3"
        ),
        "400 OperationNotPermitted: The instance 'i-2' may not be terminated. Modify its 'disableApiTermination' \
         instance attribute and try again."
    );
    assert_eq!(
        ["i-1", "i-2", "i-3"].map(|id| state(&stage, id)),
        ["running", "running", "shutting-down"]
    );
    stage.wait(30);
    assert_eq!(stage.ec2("TerminateInstances", "InstanceId.1=i-3"), "200");
    assert_eq!(state(&stage, "i-3"), "terminated");
    stage.wait(3600);
    assert_eq!(state(&stage, "i-3"), "gone");
}

#[test]
fn a_dry_run_asks_only_for_permission() {
    let mut stage = stage([Instance::new("i-1").stop_protected()]);
    let would = "412 DryRunOperation: Request would have succeeded, but DryRun flag is set.";
    let tag = "ResourceId.1=i-1&Tag.1.Key=a&Tag.1.Value=b&DryRun=true";
    assert_eq!(
        stage.ec2("StopInstances", "InstanceId.1=i-1&DryRun=true"),
        would
    );
    assert_eq!(
        stage.ec2("TerminateInstances", "InstanceId.1=i-1&DryRun=true"),
        would
    );
    assert_eq!(stage.ec2("CreateTags", tag), would);
    assert_eq!(stage.ec2("DeleteTags", tag), would);
    assert_eq!(
        stage.ec2(
            "StopInstances",
            &format!("InstanceId.1={UNKNOWN}&DryRun=true")
        ),
        format!("400 InvalidInstanceID.NotFound: The instance ID '{UNKNOWN}' does not exist")
    );
    stage.inject(Fault::new("ec2:StopInstances", FaultKind::Denied));
    assert_eq!(
        stage.ec2("StopInstances", "InstanceId.1=i-1&DryRun=true"),
        "403 UnauthorizedOperation: You are not authorized to perform this operation."
    );
    assert_eq!(state(&stage, "i-1"), "running");
    assert!(
        stage
            .state
            .world
            .find_instance(ACCOUNT, REGION, "i-1")
            .unwrap()
            .tags
            .is_empty()
    );
    assert!(
        stage
            .state
            .calls
            .iter()
            .all(|call| call.dry_run && !call.changes)
    );
}

#[test]
fn tags_are_set_and_deleted() {
    let mut stage = stage([
        Instance::new("i-1").auto_scaling_group("web"),
        Instance::new("i-2"),
    ]);
    let tags = |stage: &Stage, id: &str| {
        let instance = stage
            .state
            .world
            .find_instance(ACCOUNT, REGION, id)
            .unwrap();
        let tags = instance
            .tags
            .iter()
            .map(|(key, value)| format!("{key}={value}"));
        tags.collect::<Vec<_>>().join(" ")
    };
    let both = "ResourceId.1=i-1&ResourceId.2=i-2";
    let set = format!("{both}&Tag.1.Key=a&Tag.1.Value=1&Tag.2.Key=b&Tag.2.Value=");
    assert_eq!(stage.ec2("CreateTags", &set), "200");
    assert_eq!(tags(&stage, "i-1"), "a=1 aws:autoscaling:groupName=web b=");
    assert_eq!(
        stage.ec2(
            "DeleteTags",
            "ResourceId.1=i-2&Tag.1.Key=a&Tag.1.Value=2&Tag.2.Key=none"
        ),
        "200"
    );
    assert_eq!(tags(&stage, "i-2"), "a=1 b=");
    assert_eq!(
        stage.ec2("DeleteTags", "ResourceId.1=i-2&Tag.1.Key=a"),
        "200"
    );
    assert_eq!(tags(&stage, "i-2"), "b=");
    assert_eq!(stage.ec2("DeleteTags", "ResourceId.1=i-1"), "200");
    assert_eq!(tags(&stage, "i-1"), "aws:autoscaling:groupName=web");

    let reserved =
        "400 InvalidParameterValue: Tag keys starting with 'aws:' are reserved for internal use";
    assert_eq!(
        stage.ec2(
            "CreateTags",
            "ResourceId.1=i-2&Tag.1.Key=aws:x&Tag.1.Value=1"
        ),
        reserved
    );
    assert_eq!(
        stage.ec2(
            "DeleteTags",
            "ResourceId.1=i-1&Tag.1.Key=aws:autoscaling:groupName"
        ),
        reserved
    );
    let unknown = format!("ResourceId.1=i-2&ResourceId.2={UNKNOWN}&Tag.1.Key=c&Tag.1.Value=1");
    assert!(
        stage
            .ec2("CreateTags", &unknown)
            .starts_with("400 InvalidInstanceID.NotFound")
    );
    assert_eq!(tags(&stage, "i-2"), "b=");
}

#[test]
fn the_fifty_first_tag_is_one_too_many() {
    let full = (0..50).fold(Instance::new("i-1"), |instance, n| {
        instance.tag(&format!("k{n}"), "")
    });
    let mut stage = stage([full.auto_scaling_group("web")]);
    let set = |key: &str| format!("ResourceId.1=i-1&Tag.1.Key={key}&Tag.1.Value=1");
    assert_eq!(stage.ec2("CreateTags", &set("k1")), "200");
    assert!(
        stage
            .ec2("CreateTags", &set("k50"))
            .starts_with("400 TagLimitExceeded")
    );
}

#[test]
fn describe_tags_filters() {
    let mut stage = stage([
        Instance::new("i-1").tag("a", "1").tag("b", "2"),
        Instance::new("i-2").tag("a", "3"),
    ]);
    let params = "Filter.1.Name=resource-id&Filter.1.Value.1=i-1&Filter.2.Name=resource-type&Filter.2.Value.1=instance";
    let text = body(&stage.query("ec2", "DescribeTags", params));
    assert_eq!(leaves(&text, "key"), ["a", "b"]);
    let text = body(&stage.query(
        "ec2",
        "DescribeTags",
        "Filter.1.Name=key&Filter.1.Value.1=a",
    ));
    assert_eq!(leaves(&text, "value"), ["1", "3"]);
}

#[test]
fn regions_show_their_opt_in_status() {
    let world = world()
        .regions(&["eu-west-1", "us-east-1"])
        .opt_in_region("ap-east-1");
    let mut stage = Stage::new(world.opted_in(ACCOUNT, "eu-south-1"));
    let mut listed = |params: &str| {
        let text = body(&stage.query("ec2", "DescribeRegions", params));
        let names = leaves(&text, "regionName")
            .into_iter()
            .zip(leaves(&text, "optInStatus"));
        names
            .map(|(name, status)| format!("{name} {status}"))
            .collect::<Vec<_>>()
            .join(", ")
    };
    assert_eq!(
        listed(""),
        "eu-south-1 opted-in, eu-west-1 opt-in-not-required, us-east-1 opt-in-not-required"
    );
    assert!(listed("AllRegions=true").starts_with("ap-east-1 not-opted-in, eu-south-1"));
    assert_eq!(
        listed("RegionName.1=us-east-1"),
        "us-east-1 opt-in-not-required"
    );
    assert_eq!(
        stage.ec2("DescribeRegions", "RegionName.1=x"),
        "400 InvalidParameterValue: Invalid region names: [x]"
    );
}

#[test]
fn spot_requests_tell_their_type() {
    let mut stage = stage([
        Instance::new("i-1").spot_one_time(),
        Instance::new("i-2").spot_persistent(),
        Instance::new("i-3"),
    ]);
    let text = body(&stage.query("ec2", "DescribeSpotInstanceRequests", ""));
    assert_eq!(leaves(&text, "type"), ["one-time", "persistent"]);
    let one = "SpotInstanceRequestId.1=sir-00000002";
    assert_eq!(
        leaves(
            &body(&stage.query("ec2", "DescribeSpotInstanceRequests", one)),
            "instanceId"
        ),
        ["i-2"]
    );
    assert_eq!(
        stage.ec2(
            "DescribeSpotInstanceRequests",
            "SpotInstanceRequestId.1=sir-0000000f"
        ),
        "400 InvalidSpotInstanceRequestID.NotFound: The spot instance request ID 'sir-0000000f' does not exist"
    );
}

#[test]
fn accounts_and_regions_do_not_see_each_other() {
    let mut stage = stage([Instance::new("i-1")]);
    stage.region = "us-east-1".to_owned();
    assert!(
        stage
            .ec2("DescribeInstances", "InstanceId.1=i-00000001")
            .starts_with("400 InvalidInstanceID.NotFound")
    );
    for region in ["af-south-1", "mars-1"] {
        stage.region = region.to_owned();
        assert_eq!(
            stage.ec2("DescribeInstances", ""),
            "401 AuthFailure: AWS was not able to validate the provided access credentials"
        );
    }
}

#[test]
fn protections_can_be_set() {
    let mut stage = stage([Instance::new("i-1"), Instance::new("i-2").spot_persistent()]);
    assert_eq!(
        stage.ec2(
            "ModifyInstanceAttribute",
            "InstanceId=i-1&DisableApiStop.Value=true"
        ),
        "200"
    );
    let asked = "InstanceId=i-1&Attribute=disableApiStop";
    let text = body(&stage.query("ec2", "DescribeInstanceAttribute", asked));
    assert!(
        text.contains("<disableApiStop><value>true</value></disableApiStop>"),
        "{text}"
    );
    assert!(
        stage
            .ec2("StopInstances", "InstanceId.1=i-1")
            .starts_with("400 OperationNotPermitted")
    );
    assert!(
        stage
            .ec2("TerminateInstances", "InstanceId.1=i-1")
            .starts_with("400 OperationNotPermitted")
    );
    assert!(
        stage
            .ec2(
                "ModifyInstanceAttribute",
                "InstanceId=i-2&DisableApiStop.Value=true"
            )
            .starts_with("400 UnsupportedOperation")
    );
}
