//! Which regions an account has switched on.

use aws_sdk_ec2::Client;
use lamplighter_core::Result;

use crate::error::explain;
use crate::read_only::ReadOnly;
use crate::session::Scope;

/// The word for every region that is switched on.
pub(crate) const ALL: &str = "all";

/// Which regions the configuration asks for.
pub(crate) enum Wanted {
    All,
    Named(Vec<String>),
}

impl Wanted {
    pub(crate) fn from_names(names: &[String]) -> Self {
        if names.iter().any(|name| name == ALL) {
            Self::All
        } else {
            Self::Named(names.to_vec())
        }
    }
}

/// The regions that were asked for, by what is known about them.
#[derive(Default)]
pub(crate) struct Answer {
    pub(crate) enabled: Vec<String>,
    pub(crate) off: Vec<String>,
    pub(crate) unknown: Vec<String>,
}

/// One `ec2:DescribeRegions`, with the regions that are off, so that a name that is off is told from a typing error.
pub(crate) async fn enabled(scope: &Scope, wanted: &Wanted) -> Result<Answer> {
    let client = Client::from_conf(
        aws_sdk_ec2::config::Builder::from(&scope.config)
            .interceptor(ReadOnly)
            .build(),
    );
    let answer = client
        .describe_regions()
        .all_regions(true)
        .send()
        .await
        .map_err(|error| explain("ec2:DescribeRegions", error))?;
    let mut on = Vec::new();
    let mut off = Vec::new();
    for region in answer.regions() {
        let Some(name) = region.region_name() else {
            continue;
        };
        if region.opt_in_status() == Some("not-opted-in") {
            off.push(name.to_owned())
        } else {
            on.push(name.to_owned())
        }
    }
    on.sort();
    Ok(match wanted {
        // Regions that are off are the normal case here: naming them would be noise.
        Wanted::All => Answer {
            enabled: on,
            ..Answer::default()
        },
        Wanted::Named(names) => {
            let mut answer = Answer::default();
            for name in names {
                if on.contains(name) {
                    answer.enabled.push(name.clone());
                } else if off.contains(name) {
                    answer.off.push(name.clone());
                } else {
                    answer.unknown.push(name.clone());
                }
            }
            answer
        }
    })
}
