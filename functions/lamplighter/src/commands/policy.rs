//! `lamplighter policy`: the IAM policy that this configuration needs.

use lamplighter_core::{Error, policy_document};
use lamplighter_shell::policy::{Place, statements, trust};

use crate::cli::Globals;
use crate::commands::load;
use crate::output;
use crate::{Failure, functions};

pub(super) fn run(
    globals: &Globals,
    function: &str,
    wants_trust: bool,
    account: Option<String>,
) -> Result<u8, Failure> {
    let entry = functions::find(function)?;
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
