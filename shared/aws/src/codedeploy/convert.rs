//! Between the SDK's types and those of this module.

use aws_sdk_codedeploy::types::builders::{RevisionLocationBuilder, S3LocationBuilder};
use aws_sdk_codedeploy::types::{
    BundleType, DeploymentInfo, DeploymentStatus, DeploymentTarget, LifecycleEvent,
    LifecycleEventStatus, RevisionLocation, RevisionLocationType,
};
use chrono::DateTime;

use super::{Deployment, FailedTarget, Revision};

pub(super) fn is_active(status: Option<&DeploymentStatus>) -> bool {
    // A word that is not known yet is none of the three ends.
    status.is_some_and(|status| {
        !matches!(
            status,
            DeploymentStatus::Succeeded | DeploymentStatus::Failed | DeploymentStatus::Stopped
        )
    })
}

pub(super) fn location_of(revision: &Revision) -> RevisionLocation {
    let location = S3LocationBuilder::default()
        .bucket(&revision.bucket)
        .key(&revision.key)
        .bundle_type(BundleType::from(revision.bundle_type.as_str()))
        .set_version(revision.version.clone())
        .set_e_tag(revision.etag.clone());
    RevisionLocationBuilder::default()
        .revision_type(RevisionLocationType::S3)
        .s3_location(location.build())
        .build()
}

fn revision_of(location: &RevisionLocation) -> Option<Revision> {
    let location = location.s3_location()?;
    // An empty text is how some clients write "none".
    let filled = |text: Option<&str>| {
        let text = text.map(|text| text.trim_matches('"'));
        text.filter(|text| !text.is_empty()).map(str::to_owned)
    };
    Some(Revision {
        bucket: location.bucket()?.to_owned(),
        key: location.key()?.to_owned(),
        bundle_type: location
            .bundle_type()
            .map(|kind| kind.as_str().to_owned())
            .unwrap_or_default(),
        version: filled(location.version()),
        etag: filled(location.e_tag()),
    })
}

pub(super) fn deployment_of(info: &DeploymentInfo) -> Deployment {
    let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
    let time = info.create_time();
    Deployment {
        id: text(info.deployment_id()),
        application: text(info.application_name()),
        group: text(info.deployment_group_name()),
        status: text(info.status().map(DeploymentStatus::as_str)),
        is_active: is_active(info.status()),
        revision: info.revision().and_then(revision_of),
        description: info.description().map(str::to_owned),
        created_at: time.and_then(|time| DateTime::from_timestamp(time.secs(), 0)),
        error: info.error_information().map(|error| {
            let code = error.code().map(|code| code.as_str().to_owned());
            (code.unwrap_or_default(), text(error.message()))
        }),
    }
}

pub(super) fn target_of(target: &DeploymentTarget) -> Option<FailedTarget> {
    let (id, events): (Option<&str>, &[LifecycleEvent]) =
        if let Some(one) = target.instance_target() {
            (one.target_id(), one.lifecycle_events())
        } else if let Some(one) = target.lambda_target() {
            (one.target_id(), one.lifecycle_events())
        } else if let Some(one) = target.ecs_target() {
            (one.target_id(), one.lifecycle_events())
        } else {
            let one = target.cloud_formation_target()?;
            (one.target_id(), one.lifecycle_events())
        };
    let failed = events
        .iter()
        .find(|event| event.status() == Some(&LifecycleEventStatus::Failed));
    let diagnostics = failed.and_then(LifecycleEvent::diagnostics);
    let owned = |text: Option<&str>| text.filter(|text| !text.is_empty()).map(str::to_owned);
    Some(FailedTarget {
        id: id?.to_owned(),
        event: owned(failed.and_then(LifecycleEvent::lifecycle_event_name)),
        code: owned(diagnostics.and_then(|one| one.error_code().map(|code| code.as_str()))),
        script: owned(diagnostics.and_then(|one| one.script_name())),
        message: owned(diagnostics.and_then(|one| one.message())),
        log_tail: owned(diagnostics.and_then(|one| one.log_tail())),
    })
}
