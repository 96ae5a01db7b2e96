//! `lamplighter policy`: the IAM policy that this configuration needs.

use lamplighter_core::{Error, policy_document};
use lamplighter_shell::policy::{Place, daemon_statements, statements, trust};

use crate::cli::Globals;
use crate::commands::load;
use crate::deploy::ci_policy;
use crate::output;
use crate::{Failure, functions};

/// What is no function, but needs a policy: the pipeline that deploys them.
const DEPLOY: &str = "deploy";

/// And the daemon, which only assumes the roles of its functions.
const DAEMON: &str = "daemon";

pub(super) fn run(
    globals: &Globals,
    function: &str,
    wants_trust: bool,
    account: Option<String>,
    boundary: Option<&str>,
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
    if let Some(boundary) = boundary {
        let is_policy = boundary.starts_with("arn:aws") && boundary.contains(":policy/");
        if function != DEPLOY || !is_policy {
            return Err(Error::config(format!(
                "`--boundary {boundary}`: it takes the ARN of a managed policy, and only for `{DEPLOY}`"
            ))
            .into());
        }
    }
    if function == DEPLOY {
        return deploy(globals, wants_trust, &place, boundary);
    }
    if function == DAEMON {
        return daemon(globals, wants_trust, &place);
    }
    let entry = functions::find(function)?;
    let text = if wants_trust {
        format!("{:#}\n", trust())
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

fn daemon(globals: &Globals, wants_trust: bool, place: &Place) -> Result<u8, Failure> {
    if wants_trust {
        return Err(
            Error::config("the trust policy of the daemon's role depends on where it runs")
                .hint("on EC2 it is an instance profile's; the functions' roles must trust the daemon's role in turn")
                .into(),
        );
    }
    let config = load(
        &Globals {
            regions: vec![],
            ..globals.clone()
        },
        vec![],
    )?;
    let without: Vec<&str> = config
        .functions()
        .into_iter()
        .filter(|(name, common)| config.is_configured(name) && common.role.is_none())
        .map(|(name, _)| name)
        .collect();
    let statements = daemon_statements(&config, place);
    if statements.is_empty() {
        return Err(Error::config("no configured function has a `role`, so the daemon's own credentials are used for all")
            .hint("set `role` in each function's section; without it, attach what `lamplighter policy FUNCTION` prints")
            .into());
    }
    for name in without {
        output::note(&format!(
            "note: {name} has no `role` and runs with the daemon's own credentials: it also needs `lamplighter policy {name}`"
        ));
    }
    output::text(&policy_document(&statements), globals)?;
    Ok(0)
}

fn deploy(
    globals: &Globals,
    wants_trust: bool,
    place: &Place,
    boundary: Option<&str>,
) -> Result<u8, Failure> {
    if wants_trust {
        return Err(
            Error::config("the trust policy of a pipeline depends on where it runs")
                .hint("most have an OpenID Connect provider that the role can trust")
                .into(),
        );
    }
    output::text(
        &policy_document(&ci_policy::statements(place, boundary)),
        globals,
    )?;
    Ok(0)
}
