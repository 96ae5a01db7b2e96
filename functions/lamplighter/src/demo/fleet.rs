//! The simulated account of the demo: a fleet over three regions, users, security groups and certificates, with what
//! makes real accounts awkward.

use chrono::{DateTime, Duration, Utc};
use lamplighter_local_aws::{
    AcmCertificate, ComputePlatform, IamKey, IamUser, Instance, NetworkInterface, Notification,
    SecurityGroup, SecurityGroupRule, World,
};

/// The account's id.
pub const ACCOUNT: &str = "111122223333";

/// The regions with instances in them.
pub const REGIONS: [&str; 3] = ["eu-west-1", "us-east-1", "ap-southeast-2"];

/// An untagged instance whose owner tags it in time.
pub const MENDED: &str = "i-0b5e1d60c2a7f9314";

/// The region of [`MENDED`].
pub const MENDED_IN: &str = "us-east-1";

/// The account as it is at `now`.
pub fn world(now: DateTime<Utc>) -> World {
    let old = now - Duration::days(40);
    let named = |id: &str, name: &str| {
        Instance::new(id)
            .tag("Name", name)
            .attached_at(old)
            .launched_at(old)
    };
    let tagged = |id: &str, name: &str| {
        named(id, name)
            .tag("cost_center", "4711")
            .tag("owner", "ann@example.com")
    };
    let mut world = World::new(ACCOUNT, now).verified_identity("lamplighter@example.com");
    let mut fleet = vec![
        ("eu-west-1", tagged("i-0a1c5f2e9b3d70010", "shop-web-1")),
        ("eu-west-1", tagged("i-0a1c5f2e9b3d70011", "shop-web-2")),
        ("eu-west-1", tagged("i-0a1c5f2e9b3d70012", "shop-db")),
        // Nothing at all on it, and nobody to ask.
        (
            "eu-west-1",
            Instance::new("i-0d4f8a6c1e2b90027")
                .attached_at(old)
                .launched_at(old),
        ),
        // A blank value is no value.
        (
            "eu-west-1",
            named("i-0c91b7e5d3fa64488", "reporting")
                .tag("cost_center", "   ")
                .tag("owner", "bob@example.com"),
        ),
        (
            "eu-west-1",
            named("i-07de2c8a95b1f3344", "load-test").tag("lamplighter:keep-until", "2099-12-31"),
        ),
        // Its owner has switched stop protection on: a veto.
        (
            "eu-west-1",
            named("i-0e6a3b9d1c8f72255", "license-server").stop_protected(),
        ),
        ("us-east-1", tagged("i-0f2d7c4b8a1e93360", "batch-1")),
        (
            "us-east-1",
            named(MENDED, "analytics").tag("owner", "carol@example.com"),
        ),
        (
            "us-east-1",
            named("i-09c8d7e6f5a4b3c21", "checkout-asg").auto_scaling_group("checkout"),
        ),
        (
            "us-east-1",
            named("i-09c8d7e6f5a4b3c22", "checkout-asg").auto_scaling_group("checkout"),
        ),
        (
            "us-east-1",
            named("i-0d83f1b2c4e5a6971", "render-spot").spot_one_time(),
        ),
        ("ap-southeast-2", tagged("i-0b7a6c5d4e3f21098", "edge-1")),
        ("ap-southeast-2", tagged("i-0b7a6c5d4e3f21099", "edge-2")),
        (
            "ap-southeast-2",
            named("i-0ac4be81d27f95503", "eks-node").managed_by("eks.amazonaws.com"),
        ),
        // Started ten minutes ago: too young to be judged.
        (
            "ap-southeast-2",
            Instance::new("i-04f1e2d3c5b6a7989")
                .tag("Name", "scratch")
                .attached_at(now - Duration::minutes(10))
                .launched_at(now - Duration::minutes(10)),
        ),
    ];
    for (region, instance) in fleet.drain(..) {
        world = world.instance(ACCOUNT, region, instance);
    }
    events(certificates(groups(users(world, now))))
}

/// Users as they come: careful, careless, and a robot that nobody remembers.
fn users(world: World, now: DateTime<Utc>) -> World {
    let days = |count| now - Duration::days(count);
    let user = |name: &str| IamUser::new(name).created_at(days(500));
    world
        .account_alias(ACCOUNT, "acme-demo")
        .user(ACCOUNT, user("ann").password().virtual_mfa())
        .user(
            ACCOUNT,
            user("bob")
                .password()
                .attached("arn:aws:iam::aws:policy/AdministratorAccess"),
        )
        .user(ACCOUNT, user("carol").password())
        .user(
            ACCOUNT,
            user("ci-deploy").key(IamKey::new("AKIAEXAMPLE000000001", days(400)).used_at(days(1))),
        )
        .user(
            ACCOUNT,
            user("old-robot").key(IamKey::new("AKIAEXAMPLE000000002", days(200))),
        )
}

/// Groups that are open on purpose, by mistake, and in two halves.
fn groups(world: World) -> World {
    let tcp = |id: &str, port: i32, source: &str| {
        SecurityGroupRule::ingress(id, "tcp", port, port, source)
    };
    let web = SecurityGroup::new("sg-0a11ce00000000001", "web")
        .rule(tcp("sgr-0a11ce00000000001", 443, "0.0.0.0/0"))
        .rule(tcp("sgr-0a11ce00000000002", 443, "::/0"));
    let bastion = SecurityGroup::new("sg-0a11ce00000000002", "bastion")
        .rule(tcp("sgr-0a11ce00000000003", 22, "0.0.0.0/0").described("just for a minute"));
    let database = SecurityGroup::new("sg-0a11ce00000000003", "database")
        .rule(tcp("sgr-0a11ce00000000004", 5432, "0.0.0.0/1"))
        .rule(tcp("sgr-0a11ce00000000005", 5432, "128.0.0.0/1"))
        .rule(tcp("sgr-0a11ce00000000006", 5432, "10.0.0.0/8"));
    world
        .security_group(ACCOUNT, "eu-west-1", web)
        .security_group(ACCOUNT, "eu-west-1", bastion)
        .security_group(ACCOUNT, "us-east-1", database)
        .network_interface(
            ACCOUNT,
            "eu-west-1",
            NetworkInterface::new("eni-0a11ce00000000001", ["sg-0a11ce00000000002"])
                .public("198.51.100.7"),
        )
}

/// Buckets whose objects are announced in queues.
fn events(world: World) -> World {
    let mut world = world
        .bucket(ACCOUNT, REGIONS[0], "acme-mail-archive")
        .deployment_group(
            ACCOUNT,
            REGIONS[0],
            "shop",
            "production",
            ComputePlatform::Server,
        );
    for (bucket, prefix, queue) in [
        ("acme-mail-in", "inbox/", "mail"),
        ("acme-photos", "in/", "images"),
        ("acme-releases", "apps/", "bundles"),
    ] {
        let arn = world.add_queue(ACCOUNT, REGIONS[0], queue);
        let dead = world.add_queue(ACCOUNT, REGIONS[0], &format!("{queue}-dead-letters"));
        world = world.dead_letters(&arn, &dead, 5);
        let created = Notification::to(&arn, &["s3:ObjectCreated:*"]).prefix(prefix);
        world = world
            .bucket(ACCOUNT, REGIONS[0], bucket)
            .notification(bucket, created);
    }
    world
}

/// A photo is uploaded, a mail comes in, and a bundle is released.
pub fn something_happens(world: &mut World) {
    a_photo_is_uploaded(world);
    a_mail_comes_in(world);
    a_bundle_is_released(world);
}

pub fn a_photo_is_uploaded(world: &mut World) {
    let photo = include_bytes!("../../../../shared/images/fixtures/orientation-6.jpg");
    world.store_object("acme-photos", "in/bridge.jpg", photo);
}

pub fn a_mail_comes_in(world: &mut World) {
    let mail = include_bytes!("../../../archive-mail/fixtures/mail/002-adjacent-encoded-words.eml");
    world.store_object("acme-mail-in", "inbox/6u8v2q0j5h1k", mail);
}

pub fn a_bundle_is_released(world: &mut World) {
    let bundle = include_bytes!("../../../deploy-bundles/fixtures/top.zip");
    world.store_object(
        "acme-releases",
        "apps/shop/production/shop-1.2.0.zip",
        bundle,
    );
}

/// One certificate for each bucket.
fn certificates(world: World) -> World {
    let expired = include_str!("certificates/server.pem");
    let expiring = AcmCertificate::imported(include_str!("certificates/six-days.pem"));
    let valid = AcmCertificate::issued(include_str!("certificates/rsa-3072.pem"));
    world
        .server_certificate(ACCOUNT, "old-load-balancer", expired, None)
        .certificate(ACCOUNT, "eu-west-1", expiring)
        .certificate(ACCOUNT, "us-east-1", valid)
}
