//! The Lambda adapter: one function, one process, one invocation at a time.

use std::sync::Arc;

use chrono::DateTime;
use lambda_runtime::{Diagnostic, LambdaEvent, service_fn};
use lamplighter_aws::Options;
use lamplighter_core::{Error, ErrorKind, Trigger, chain};
use lamplighter_events::{Envelope, Form, Kind, deliver};
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::connect::Connect;
use crate::intake::reply::reply;
use crate::logging;
use crate::round::{self, Invocation};
use crate::settings::{self, Settings};

/// The variable by which Lambda tells a bootstrap where its Runtime API is.
const RUNTIME_API: &str = "AWS_LAMBDA_RUNTIME_API";

/// Serves `F` as a Lambda until Lambda ends the process. Outside Lambda it says what this file is and how to run it.
pub async fn serve<F: Connect>() -> std::process::ExitCode {
    if std::env::var_os(RUNTIME_API).is_none() {
        eprintln!(
            "this is the AWS Lambda bootstrap of `{name}`: Lambda starts it, with `{RUNTIME_API}` set\n\
             hint: by hand the same function is `lamplighter run {name} --dry-run`",
            name = F::NAME
        );
        return std::process::ExitCode::from(2);
    }
    logging::init(logging::Default::Information);
    let settings = match load() {
        Ok(settings) => Arc::new(settings),
        Err(error) => {
            // The runtime reports a failed start only if it is told: answer the first invocation with the reason.
            tracing::error!("{}", chain(&error));
            return serve_error(error).await;
        }
    };
    let handler = service_fn(move |event: LambdaEvent<Value>| {
        let settings = Arc::clone(&settings);
        // Boxed: the type of a whole run is deeper than the compiler looks.
        let deadline = event.context.deadline;
        Box::pin(async move { handle::<F>(&settings, event.payload, deadline).await })
    });
    end(lambda_runtime::run(handler).await)
}

fn load() -> Result<Settings, Error> {
    let file = settings::read_config_file(None)?;
    let config = settings::load_config(&file, vec![])
        .map_err(|errors| Error::config(errors.render(false)))?;
    Ok(Settings::new(config, Options::default()))
}

/// One invocation.
async fn handle<F: Connect>(
    settings: &Settings,
    payload: Value,
    deadline: u64,
) -> Result<Value, Diagnostic> {
    let envelope = match Envelope::read(payload) {
        Ok(envelope) => envelope,
        Err(error) => return answer_or_fail(error),
    };
    if envelope.kind == Kind::KeepWarm {
        return Ok(json!(Answer::keep_warm()));
    }
    let form = (F::CONSUMES && envelope.kind == Kind::Native).then(|| deliver(&envelope).form);
    let mut invocation = Invocation::new(None, Trigger::Event, envelope);
    // Milliseconds since 1970. <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>
    invocation.deadline = i64::try_from(deadline)
        .ok()
        .and_then(DateTime::from_timestamp_millis);
    match (round::run::<F>(settings, invocation).await, form) {
        (Ok(run), Some(form)) => reply(&form, &run).or_else(answer_or_fail),
        (Ok(run), None) => Ok(json!(Answer::of_run(&run))),
        // A queue's messages must not be deleted because of an error that is answered.
        (Err(error), Some(Form::Sqs)) => Err(diagnostic(&error)),
        (Err(error), _) => answer_or_fail(error),
    }
}

/// What a retry may mend ends as an invocation error, so that Lambda tries again; the rest is answered, and counted.
fn answer_or_fail(error: Error) -> Result<Value, Diagnostic> {
    tracing::error!(kind = error.kind().name(), "{}", chain(&error));
    match error.kind() {
        ErrorKind::Refused | ErrorKind::Permanent | ErrorKind::Taken => {
            Ok(json!(Answer::of_error(&error)))
        }
        // A denied call or a wrong configuration is mended by a person, and Lambda's retries give them six hours.
        ErrorKind::Config
        | ErrorKind::Denied
        | ErrorKind::Transient
        | ErrorKind::ModePlan
        | ErrorKind::Interrupted
        | ErrorKind::Locked => Err(diagnostic(&error)),
    }
}

fn diagnostic(error: &Error) -> Diagnostic {
    Diagnostic {
        error_type: format!("Lamplighter.{}", error.kind().name()),
        error_message: Answer::of_error(error).message,
    }
}

async fn serve_error(error: Error) -> std::process::ExitCode {
    let error = Arc::new(error);
    let handler = service_fn(move |_: LambdaEvent<Value>| {
        let error = Arc::clone(&error);
        async move { Err::<Value, Diagnostic>(diagnostic(&error)) }
    });
    end(lambda_runtime::run(handler).await)
}

fn end(served: Result<(), lambda_runtime::Error>) -> std::process::ExitCode {
    match served {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("the Lambda runtime ended: {}", chain(&*error));
            std::process::ExitCode::FAILURE
        }
    }
}
