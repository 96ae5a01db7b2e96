//! The simulated account of the demo: a fleet over three regions, with what makes real fleets awkward.

use chrono::{DateTime, Duration, Utc};
use lamplighter_local_aws::{Instance, World};

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
    world
}
