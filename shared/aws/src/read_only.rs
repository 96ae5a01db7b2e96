//! A client that can only read: the second lock beside the types, for whoever adds a method to a reader by mistake.

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::BeforeSerializationInterceptorContextRef;
use aws_smithy_runtime_api::client::orchestrator::Metadata;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;

/// Whether an AWS operation only reads. AWS names its operations by verb; what is not known to read counts as a change.
/// `AssumeRole` changes nothing. `GenerateCredentialReport` makes a report that only its readers see.
pub fn is_read(operation: &str) -> bool {
    [
        "Describe", "Get", "List", "Head", "BatchGet", "Lookup", "Search",
    ]
    .iter()
    .any(|verb| operation.starts_with(verb))
        || matches!(operation, "AssumeRole" | "GenerateCredentialReport")
}

/// Refuses every operation that is not a read, before anything is sent.
#[derive(Debug, Default)]
pub(crate) struct ReadOnly;

impl Intercept for ReadOnly {
    fn name(&self) -> &'static str {
        "ReadOnly"
    }

    fn read_before_serialization(
        &self,
        _context: &BeforeSerializationInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        match config.load::<Metadata>() {
            Some(operation) if is_read(operation.name()) => Ok(()),
            Some(operation) => Err(format!(
                "this client can only read, it refuses to send `{}`",
                operation.name()
            )
            .into()),
            None => {
                Err("this client can only read, and cannot tell what it was asked to send".into())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::is_read;

    #[test]
    fn every_operation_that_changes_something_is_refused() {
        for operation in [
            "StopInstances",
            "CreateTags",
            "DeleteTags",
            "PutObject",
            "SendEmail",
            "TerminateInstances",
            "",
        ] {
            assert!(!is_read(operation), "{operation}");
        }
        for operation in [
            "DescribeInstances",
            "GetCallerIdentity",
            "ListObjectsV2",
            "HeadObject",
            "AssumeRole",
        ] {
            assert!(is_read(operation), "{operation}");
        }
    }
}
