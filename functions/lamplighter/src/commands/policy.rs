//! `lamplighter policy`: the IAM policy that this configuration needs.

use lamplighter_core::{Error, policy_document};
use lamplighter_shell::policy::{Place, statements, trust};

use crate::cli::Globals;
use crate::commands::load;
use crate::deploy::ci_policy;
use crate::output;
use crate::{Failure, functions};

/// What is no function, but needs a policy: the pipeline that deploys them.
const DEPLOY: &str = "deploy";

pub(super) fn run(
    globals: &Globals,
    function: &str,
    wants_trust: bool,
    account: Option<String>,
) -> Result<u8, Failure> {
    if let Some(account) = account
        .as_deref()
        .filter(|id| id.len() != 12 || !id.bytes().all(|byte| byte.is_ascii_digit()))
    {
        return Err(Error::config(format!(
            "`--account` is not a 12-digit account id: `{account}`"
        ))
        .into());
    }
    // One region narrows the ARNs; several or none leave them open. `--region` does not change what is looked at here.
    let region = match globals.regions.as_slice() {
        [region] if region != "all" => Some(region.clone()),
        _ => None,
    };
    let place = Place { account, region };
    if function == DEPLOY {
        return deploy(globals, wants_trust, &place);
    }
    let entry = functions::find(function)?;
    let text = if wants_trust {
        format!("{:#}\n", trust(&place))
    } else {
        policy_document(&statements(
            &entry,
            &load(
                &Globals {
                    regions: vec![],
                    ..globals.clone()
                },
                vec![],
            )?,
            &place,
        ))
    };
    output::text(&text, globals)?;
    Ok(0)
}

fn deploy(globals: &Globals, wants_trust: bool, place: &Place) -> Result<u8, Failure> {
    if wants_trust {
        return Err(
            Error::config("the trust policy of a pipeline depends on where it runs")
                .hint("most have an OpenID Connect provider that the role can trust")
                .into(),
        );
    }
    output::text(&policy_document(&ci_policy::statements(place)), globals)?;
    Ok(0)
}
