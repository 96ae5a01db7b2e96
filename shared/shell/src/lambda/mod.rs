//! The Lambda adapter: one function, one process, one invocation at a time.

mod metrics;

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use chrono::{DateTime, Utc};
use futures::FutureExt;
use lambda_runtime::{Context, Diagnostic, LambdaEvent, service_fn};
use lamplighter_aws::threads;
use lamplighter_core::{Error, ErrorKind, Trigger, chain};
use lamplighter_events::{Envelope, Form, Kind, form};
use serde_json::{Value, json};
use tokio::sync::OnceCell;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, Span};

use crate::answer::Answer;
use crate::clock;
use crate::connect::Connect;
use crate::continuation;
use crate::intake::reply::reply;
use crate::logging;
use crate::round::{self, Invocation};
use crate::settings::{self, Settings};
use metrics::Metrics;

/// The kind of the error that a panic ends as.
const PANIC: &str = "Panic";

/// The variable by which Lambda tells a bootstrap where its Runtime API is.
const RUNTIME_API: &str = "AWS_LAMBDA_RUNTIME_API";

/// Serves `F` as a Lambda until Lambda ends the process. Outside Lambda it says what this file is and how to run it.
pub async fn serve<F: Connect>() -> ExitCode {
    if std::env::var_os(RUNTIME_API).is_none() {
        eprintln!(
            "this is the AWS Lambda bootstrap of `{name}`: Lambda starts it, with `{RUNTIME_API}` set\n\
             hint: by hand the same function is `lamplighter run {name} --dry-run`",
            name = F::NAME
        );
        return ExitCode::from(2);
    }
    logging::init(logging::Default::Information);
    let host = Arc::new(Host::default());
    // While Lambda starts the process, so that no invocation waits for it. What fails here is tried again by the first
    // invocation, which can tell: a start that fails is reported nowhere but in the log.
    if let Err(error) = host.settings().await {
        tracing::error!(kind = error.kind().name(), "{}", chain(&error));
    }
    let handler = service_fn(move |event: LambdaEvent<Value>| {
        let host = Arc::clone(&host);
        // Boxed: the type of a whole run is deeper than the compiler looks.
        Box::pin(async move { host.invoke::<F>(event).await })
    });
    match lambda_runtime::run(handler).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("the Lambda runtime ended: {}", chain(&*error));
            ExitCode::FAILURE
        }
    }
}

/// What the process keeps from one invocation to the next: its settings, and nothing of an event.
#[derive(Default)]
struct Host {
    settings: OnceCell<Settings>,
    was_invoked: AtomicBool,
}

impl Host {
    async fn settings(&self) -> Result<&Settings, Error> {
        self.settings.get_or_try_init(load).await
    }

    /// One invocation. A panic is an error of this one only: the process goes on.
    async fn invoke<F: Connect>(&self, event: LambdaEvent<Value>) -> Result<Value, Diagnostic> {
        let is_cold = !self.was_invoked.swap(true, Ordering::Relaxed);
        let context = event.context;
        let span = about(F::NAME, &context, is_cold);
        let metrics = Metrics::of(F::NAME, &context.invoked_function_arn);
        let work = AssertUnwindSafe(self.handle::<F>(event.payload, &context, &metrics));
        let handled = work.catch_unwind().instrument(span.clone()).await;
        // What was cut off may still have a thread at work, which must not go on in the next invocation.
        threads::all_ended().await;
        let _entered = span.enter();
        handled.unwrap_or_else(|panic| {
            let message = format!("`{}` panicked: {}", F::NAME, words_of(&*panic));
            tracing::error!(kind = PANIC, "{message}");
            metrics.failed(PANIC);
            Err(Diagnostic {
                error_type: format!("Lamplighter.{PANIC}"),
                error_message: message,
            })
        })
    }

    async fn handle<F: Connect>(
        &self,
        payload: Value,
        context: &Context,
        metrics: &Metrics,
    ) -> Result<Value, Diagnostic> {
        let envelope = match Envelope::read(payload) {
            Ok(envelope) => envelope,
            Err(error) => return answer_or_fail(error, metrics),
        };
        if envelope.kind == Kind::KeepWarm {
            return Ok(json!(Answer::keep_warm()));
        }
        let settings = match self.settings().await {
            Ok(settings) => settings,
            Err(error) => {
                tracing::error!(kind = error.kind().name(), "{}", chain(&error));
                metrics.failed(error.kind().name());
                return Err(diagnostic(&error));
            }
        };
        let form = (F::CONSUMES && envelope.kind == Kind::Native).then(|| form(&envelope));
        let mut invocation = Invocation::new(None, Trigger::Event, envelope);
        // Milliseconds since 1970. <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>
        invocation.deadline = i64::try_from(context.deadline)
            .ok()
            .and_then(DateTime::from_timestamp_millis);
        invocation.own_arn = Some(context.invoked_function_arn.clone());
        invocation.request_id = Some(context.request_id.clone());
        let _alarm = invocation
            .deadline
            .map(|deadline| end_before(deadline, &invocation.cancel));
        match (round::run::<F>(settings, invocation).await, form) {
            (Ok(run), form) => {
                metrics.ended(&run);
                match form {
                    Some(form) => reply(&form, &run).or_else(|error| fail(&error)),
                    None => Ok(json!(Answer::of_run(&run))),
                }
            }
            // A queue's messages must not be deleted because of an error that is answered.
            (Err(error), Some(Form::Sqs)) => {
                metrics.failed(error.kind().name());
                fail(&error)
            }
            (Err(error), _) => answer_or_fail(error, metrics),
        }
    }
}

/// The configuration, from the package or from S3, and how to reach AWS from within a Lambda.
async fn load() -> Result<Settings, Error> {
    let file = match s3_config()? {
        Some((bucket, key, url)) => Some((
            url,
            lamplighter_aws::s3::text_of_config(settings::VARIABLES, &bucket, &key).await?,
        )),
        None => settings::read_config_file(None)?,
    };
    let config =
        settings::load_config(&file, vec![]).map_err(|errors| Error::config(errors.to_string()))?;
    Ok(Settings::of_lambda(config))
}

/// Where the configuration is, if `LAMPLIGHTER_CONFIG` names an object.
fn s3_config() -> Result<Option<(String, String, String)>, Error> {
    let Ok(url) = std::env::var(settings::CONFIG_VARIABLE) else {
        return Ok(None);
    };
    let Some(path) = url.strip_prefix("s3://") else {
        return Ok(None);
    };
    match path.split_once('/') {
        Some((bucket, key)) if !bucket.is_empty() && !key.is_empty() => {
            Ok(Some((bucket.to_owned(), key.to_owned(), url.clone())))
        }
        _ => Err(Error::config(format!(
            "`{}` is `{url}`, which names no object",
            settings::CONFIG_VARIABLE
        ))
        .hint("write `s3://bucket/key`")),
    }
}

/// The keys that Powertools for AWS Lambda logs, so that one query finds the lines of all functions of a team.
/// <https://docs.powertools.aws.dev/lambda/python/latest/core/logger/#standard-structured-keys>
fn about(function: &'static str, context: &Context, is_cold: bool) -> Span {
    let lambda = &context.env_config;
    tracing::info_span!(
        "invocation",
        service = function,
        cold_start = is_cold,
        function_name = lambda.function_name,
        function_memory_size = lambda.memory,
        function_arn = context.invoked_function_arn,
        function_request_id = context.request_id,
        xray_trace_id = context.xray_trace_id,
    )
}

/// Tells a run to end before Lambda ends the process. Dropping what it returns calls that off, so nothing of one
/// invocation outlives its answer.
fn end_before(deadline: DateTime<Utc>, cancel: &CancellationToken) -> AbortOnDrop {
    let left = clock::until(deadline, &clock::system());
    let margin = continuation::margin(left);
    let cancel = cancel.clone();
    AbortOnDrop(tokio::spawn(async move {
        tokio::time::sleep(left.saturating_sub(margin)).await;
        cancel.cancel();
    }))
}

struct AbortOnDrop(tokio::task::JoinHandle<()>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// What a panic said.
fn words_of(panic: &(dyn Any + Send)) -> &str {
    let words = panic.downcast_ref::<&str>().copied();
    words
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no reason is known")
}

/// What a retry may mend ends as an invocation error, so that Lambda tries again; the rest is answered, and counted.
fn answer_or_fail(error: Error, metrics: &Metrics) -> Result<Value, Diagnostic> {
    match error.kind() {
        ErrorKind::Taken => metrics.seen_to_elsewhere(),
        kind => metrics.failed(kind.name()),
    }
    match error.kind() {
        ErrorKind::Refused | ErrorKind::Permanent => {
            tracing::error!(kind = error.kind().name(), "{}", chain(&error));
            Ok(json!(Answer::of_error(&error)))
        }
        ErrorKind::Taken => {
            tracing::info!(kind = error.kind().name(), "{}", chain(&error));
            Ok(json!(Answer::of_error(&error)))
        }
        // A denied call or a wrong configuration is mended by a person, and Lambda's retries give them six hours.
        ErrorKind::Config
        | ErrorKind::Denied
        | ErrorKind::Transient
        | ErrorKind::ModePlan
        | ErrorKind::Interrupted
        | ErrorKind::Locked => fail(&error),
    }
}

fn fail(error: &Error) -> Result<Value, Diagnostic> {
    tracing::error!(kind = error.kind().name(), "{}", chain(error));
    Err(diagnostic(error))
}

fn diagnostic(error: &Error) -> Diagnostic {
    Diagnostic {
        error_type: format!("Lamplighter.{}", error.kind().name()),
        error_message: Answer::of_error(error).message,
    }
}
