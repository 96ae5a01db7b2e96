//! Keeps a small simulated account up: `cargo run -p lamplighter-local-aws --example serve -- 5000`.
//!
//! A second number says after how many seconds `pending`, `stopping` and `shutting-down` end: 30 unless given.
//! It prints the environment that leads an AWS SDK or the AWS command line there. The simulated clock starts at a
//! fixed time, or at our time if `now` is the third argument (presigned links of other programs need it), and runs as
//! fast as ours.

use chrono::{DateTime, Duration, Utc};
use lamplighter_local_aws::{Instance, InstanceState, LocalAws, World};

const ACCOUNT: &str = "123456789012";

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let argument = |number| {
        std::env::args()
            .nth(number)
            .and_then(|text| text.parse::<u16>().ok())
    };
    let port = argument(1).unwrap_or(0);
    let settle = Duration::seconds(argument(2).map_or(30, i64::from));
    let fixed: DateTime<Utc> = DateTime::UNIX_EPOCH + Duration::seconds(1_795_420_800);
    let is_ours = std::env::args().nth(3).as_deref() == Some("now");
    let now = if is_ours { Utc::now() } else { fixed };
    let world = World::new(ACCOUNT, now)
        .home_region("us-east-1")
        .settle_after(settle)
        .opted_in(ACCOUNT, "eu-south-1")
        .assumable_role("arn:aws:iam::111122223333:role/Audit", None)
        .assumable_role("arn:aws:iam::111122223333:role/Careful", Some("secret"))
        .verified_identity("ops@example.com")
        .bucket(ACCOUNT, "us-east-1", "lamplighter-state")
        .queue(ACCOUNT, "us-east-1", "events")
        .event_rule("aws.s3", &format!("arn:aws:sqs:us-east-1:{ACCOUNT}:events"))
        .instance(
            ACCOUNT,
            "us-east-1",
            Instance::new("i-00000000000000001").tag("Owner", "kim@example.com"),
        )
        .instance(ACCOUNT, "us-east-1", Instance::new("i-00000000000000002"))
        .instance(
            ACCOUNT,
            "us-east-1",
            Instance::new("i-00000000000000003").auto_scaling_group("web"),
        )
        .instance(
            ACCOUNT,
            "us-east-1",
            Instance::new("i-00000000000000004").state(InstanceState::Stopped),
        );
    let aws = LocalAws::start_on(port, world).await?;
    for (name, value) in aws.environment() {
        println!("export {name}={value}");
    }
    let mut ticks = tokio::time::interval(std::time::Duration::from_secs(1));
    loop {
        tokio::select! {
            _ = ticks.tick() => aws.advance(Duration::seconds(1)),
            _ = tokio::signal::ctrl_c() => break,
        }
    }
    aws.stop().await;
    Ok(())
}
