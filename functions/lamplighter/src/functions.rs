//! The list of all functions: the only place that names every one of them.

use archive_mail::ArchiveMail;
use audit_access_keys::AuditAccessKeys;
use audit_mfa::AuditMfa;
use audit_security_groups::AuditSecurityGroups;
use deploy_bundles::DeployBundles;
use lamplighter_core::{Error, Result};
use lamplighter_shell::{Entry, entry};
use report_certificates::ReportCertificates;
use resize_images::ResizeImages;
use stop_untagged::StopUntagged;

/// Every function. A ninth one gets its line here.
pub fn all() -> Vec<Entry> {
    vec![
        entry::<StopUntagged>(),
        entry::<AuditMfa>(),
        entry::<AuditAccessKeys>(),
        entry::<AuditSecurityGroups>(),
        entry::<ReportCertificates>(),
        entry::<DeployBundles>(),
        entry::<ArchiveMail>(),
        entry::<ResizeImages>(),
    ]
}

/// The function with this name, or an error that lists the known ones.
pub fn find(name: &str) -> Result<Entry> {
    all()
        .into_iter()
        .find(|entry| entry.name == name)
        .ok_or_else(|| {
            let known: Vec<String> = all()
                .iter()
                .map(|entry| format!("`{}`", entry.name))
                .collect();
            Error::config(format!("there is no function `{name}`"))
                .hint(format!("known functions: {}", known.join(", ")))
        })
}
