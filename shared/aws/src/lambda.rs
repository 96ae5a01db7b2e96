//! The Lambda's own service: a run that has no time left asks for another invocation.

use aws_sdk_lambda::Client;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::InvocationType;
use lamplighter_core::Result;
use serde_json::Value;

use crate::error::explain;
use crate::session::Aws;

impl Aws {
    /// Invokes a Lambda asynchronously, with the credentials that the process started with. `function` is its ARN, with
    /// its alias.
    pub async fn invoke(&self, function: &str, event: &Value) -> Result<()> {
        let call = Client::new(self.base())
            .invoke()
            .function_name(function)
            .invocation_type(InvocationType::Event)
            .payload(Blob::new(event.to_string()));
        call.send().await.map(|_| ()).map_err(|error| {
            explain("lambda:InvokeFunction", error)
                .context("cannot go on with the run in another invocation")
        })
    }
}
