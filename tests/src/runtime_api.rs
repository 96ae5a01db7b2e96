//! The Lambda Runtime API, as far as a bootstrap sees it: hands out events, takes what becomes of them, and ends the
//! process whose invocation is not answered by its deadline.
//! <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>

use std::collections::VecDeque;
use std::convert::Infallible;
use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use lamplighter_local_aws::LocalAws;
use serde_json::Value;

use crate::harness::{Lamplighter, Ran, programs, runtime};
use crate::process::{LOOK_AGAIN, Process};

/// The API's version is part of every path.
const VERSION: &str = "/2018-06-01/runtime";

/// The longest that an answer may take, well above what any of them needs on a busy machine.
const PATIENCE: Duration = Duration::from_secs(90);

/// The ARN of a function without an alias.
const UNQUALIFIED: &str = "arn:aws:lambda:eu-west-1:111122223333:function:lamplighter";

/// What became of an event.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// The function answered.
    Response(Value),
    /// The invocation ended as an error: the `errorType` that Lambda counts and retries by, and the whole body.
    Error(String, Value),
    /// There was none by the deadline, and the process was killed. Lambda calls it `Sandbox.Timedout`.
    TimedOut,
    /// The process ended before it answered, as one does that has no memory left. Lambda calls it `Runtime.ExitError`.
    Exited,
}

impl Answer {
    /// The response, which it must be.
    #[track_caller]
    pub fn response(self) -> Value {
        match self {
            Self::Response(response) => response,
            _ => panic!("the invocation was not answered: {self:#?}"),
        }
    }

    /// The error's type and message, which it must be.
    #[track_caller]
    pub fn error(self) -> (String, String) {
        match self {
            Self::Error(kind, body) => {
                let message = body["errorMessage"].as_str().expect("a message").to_owned();
                (kind, message)
            }
            _ => panic!("the invocation did not end as an error: {self:#?}"),
        }
    }
}

/// An event that waits for `next`.
struct Asked {
    event: Vec<u8>,
    /// What it was sent to.
    arn: String,
    request_id: String,
}

/// An event that was handed out and is not answered.
struct Running {
    request_id: String,
    deadline: Instant,
}

#[derive(Default)]
struct State {
    /// Events that wait for `next`.
    events: VecDeque<Asked>,
    /// How long an invocation may take; nothing: as long as Lambda allows.
    time: Option<Duration>,
    /// What the process is at.
    running: Option<Running>,
    /// Answers that nobody has looked at.
    answers: VecDeque<Answer>,
    /// When the process asked for its first event.
    ready: Option<Instant>,
    /// What a bootstrap said that the API does not know.
    strange: Vec<String>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    /// Something came that a test may wait for.
    answered: Condvar,
    asked: tokio::sync::Notify,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A Lambda environment with one real bootstrap in it. Dropping it ends the process.
pub struct Lambda {
    shared: Arc<Shared>,
    bootstrap: Mutex<Process>,
}

impl Lambda {
    /// Starts `bootstrap-FUNCTION` as Lambda does, in a folder with this `lamplighter.toml`, against `aws`.
    pub fn start(
        function: &str,
        aws: &LocalAws,
        config: &str,
        environment: &[(&str, &str)],
    ) -> Self {
        let program = programs().join(format!("bootstrap-{function}"));
        Self::start_program(&program, function, aws, config, environment)
    }

    /// The same for another program that stands for a function.
    pub fn start_program(
        program: &Path,
        function: &str,
        aws: &LocalAws,
        config: &str,
        environment: &[(&str, &str)],
    ) -> Self {
        let shared = Arc::new(Shared::default());
        let address = runtime().block_on(serve(Arc::clone(&shared)));
        let name = format!("lamplighter-{function}");
        // <https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html>
        let mut bootstrap = Lamplighter::program(&program.to_string_lossy(), [])
            .on(aws)
            .config(config)
            .env("AWS_LAMBDA_RUNTIME_API", &address)
            .env("AWS_LAMBDA_FUNCTION_NAME", &name)
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256")
            .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
            .env("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand")
            .env("AWS_LAMBDA_LOG_GROUP_NAME", format!("/aws/lambda/{name}"))
            .env(
                "AWS_LAMBDA_LOG_STREAM_NAME",
                "2026/11/22/[$LATEST]0123456789abcdef",
            )
            .env("AWS_EXECUTION_ENV", "AWS_Lambda_provided.al2023")
            .env("_HANDLER", "bootstrap")
            .env("TZ", ":UTC");
        for (key, value) in environment {
            bootstrap = bootstrap.env(key, value);
        }
        Self {
            shared,
            bootstrap: Mutex::new(Process::start(bootstrap)),
        }
    }

    /// The same, and waits until the process asks for its first event: what it took is what Lambda calls INIT.
    #[track_caller]
    pub fn start_and_watch(
        program: &Path,
        function: &str,
        aws: &LocalAws,
        config: &str,
        environment: &[(&str, &str)],
    ) -> (Self, Duration) {
        let started = Instant::now();
        let lambda = Self::start_program(program, function, aws, config, environment);
        let ready = lambda.wait("the process asks for an event", |state| state.ready);
        (lambda, ready.duration_since(started))
    }

    /// The process id.
    pub fn id(&self) -> u32 {
        self.bootstrap().id()
    }

    /// Gives every further invocation this long.
    pub fn allow(&self, time: Duration) {
        self.shared.lock().time = Some(time);
    }

    /// Sends one event and waits for what becomes of it.
    #[track_caller]
    pub fn invoke(&self, event: &Value) -> Answer {
        self.invoke_as(UNQUALIFIED, event)
    }

    /// The same for an event that was sent to this ARN: the function's, or one of its aliases'.
    #[track_caller]
    pub fn invoke_as(&self, arn: &str, event: &Value) -> Answer {
        self.send(arn, &new_request_id(), event);
        self.answer()
    }

    /// The same under this request id. Lambda asks again for an asynchronous event that went wrong under the id that it
    /// had: in this environment, or in another if this one is gone.
    /// <https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html>
    #[track_caller]
    pub fn invoke_again(&self, request_id: &str, event: &Value) -> Answer {
        self.begin(request_id, event);
        self.answer()
    }

    /// Sends an event and does not wait.
    pub fn begin(&self, request_id: &str, event: &Value) {
        self.send(UNQUALIFIED, request_id, event);
    }

    fn send(&self, arn: &str, request_id: &str, event: &Value) {
        self.shared.lock().events.push_back(Asked {
            event: event.to_string().into(),
            arn: arn.to_owned(),
            request_id: request_id.to_owned(),
        });
        self.shared.asked.notify_one();
    }

    /// Waits for what becomes of the event that was sent.
    #[track_caller]
    pub fn answer(&self) -> Answer {
        self.wait("the event is answered", |state| {
            if let Some(answer) = state.answers.pop_front() {
                return Some(answer);
            }
            let is_late = state
                .running
                .as_ref()
                .is_some_and(|running| running.deadline <= Instant::now());
            let mut bootstrap = self.bootstrap();
            if is_late {
                bootstrap.signal("KILL");
                state.running = None;
                return Some(Answer::TimedOut);
            }
            (!bootstrap.is_running()).then_some(Answer::Exited)
        })
    }

    #[track_caller]
    fn wait<T>(&self, what: &str, mut look: impl FnMut(&mut State) -> Option<T>) -> T {
        let deadline = Instant::now() + PATIENCE;
        let mut state = self.shared.lock();
        loop {
            assert!(state.strange.is_empty(), "{:?}", state.strange);
            if let Some(found) = look(&mut state) {
                return found;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "waited {PATIENCE:?} until {what}");
            // Nobody tells of a deadline that passes or of a process that ends.
            let waited = self
                .shared
                .answered
                .wait_timeout(state, left.min(LOOK_AGAIN));
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Stops the process where it is: like one that hangs it does not answer, and is killed at its deadline.
    pub fn freeze(&self) {
        self.bootstrap().signal("STOP");
    }

    /// Ends the process at once, as the kernel does where no memory is left.
    pub fn kill(&self) {
        self.bootstrap().signal("KILL");
    }

    fn bootstrap(&self) -> MutexGuard<'_, Process> {
        self.bootstrap
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the process still runs.
    pub fn is_warm(&mut self) -> bool {
        self.bootstrap().is_running()
    }

    /// Ends the environment, and answers what the process printed and left behind.
    pub fn end(self) -> Ran {
        let bootstrap = self.bootstrap.into_inner();
        bootstrap.unwrap_or_else(PoisonError::into_inner).kill()
    }
}

/// Serves the API on a free port, and answers its address as Lambda gives it: without a scheme.
async fn serve(shared: Arc<Shared>) -> String {
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .await
        .expect("a port is free");
    let address = listener.local_addr().expect("it has an address");
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let shared = Arc::clone(&shared);
            tokio::spawn(async move {
                let service = service_fn(|request| {
                    let shared = Arc::clone(&shared);
                    async move { Ok::<_, Infallible>(answer(&shared, request).await) }
                });
                // An error here is a bootstrap that was ended while it waited.
                http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service)
                    .await
                    .ok();
            });
        }
    });
    address.to_string()
}

async fn answer(shared: &Shared, request: Request<Incoming>) -> Response<Full<Bytes>> {
    let method = request.method().clone();
    let path = request.uri().path().to_owned();
    let kind = request
        .headers()
        .get("lambda-runtime-function-error-type")
        .and_then(|value| value.to_str().ok())
        .map(str::to_owned);
    let body = request.into_body().collect().await;
    let body = body.map(|body| body.to_bytes()).unwrap_or_default();
    let json = || serde_json::from_slice(&body).unwrap_or(Value::Null);
    let path = path.strip_prefix(VERSION).unwrap_or_default();
    if method == Method::GET && path == "/invocation/next" {
        return next(shared).await;
    }
    let mut state = shared.lock();
    // Each event is answered once, under its own id.
    let running = state.running.as_ref();
    let what = running
        .and_then(|running| {
            path.strip_prefix("/invocation/")?
                .strip_prefix(running.request_id.as_str())
        })
        .filter(|_| method == Method::POST);
    let answer = if what == Some("/response") {
        Answer::Response(json())
    } else if what == Some("/error") || path == "/init/error" {
        // Lambda goes by the body's `errorType`; the header says the same or a category.
        let body = json();
        let kind = body["errorType"].as_str().map(str::to_owned).or(kind);
        Answer::Error(kind.unwrap_or_default(), body)
    } else {
        state.strange.push(format!("{method} {path}"));
        shared.answered.notify_all();
        return status(StatusCode::NOT_FOUND);
    };
    state.running = None;
    state.answers.push_back(answer);
    shared.answered.notify_all();
    status(StatusCode::ACCEPTED)
}

/// Waits for an event, as long as it takes: Lambda freezes the process meanwhile.
async fn next(shared: &Shared) -> Response<Full<Bytes>> {
    shared.lock().ready.get_or_insert_with(Instant::now);
    shared.answered.notify_all();
    let (asked, time) = loop {
        {
            let mut state = shared.lock();
            if let Some(asked) = state.events.pop_front() {
                // <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>
                let time = state.time.unwrap_or(Duration::from_secs(900));
                state.running = Some(Running {
                    request_id: asked.request_id.clone(),
                    deadline: Instant::now() + time,
                });
                break (asked, time);
            }
        }
        shared.asked.notified().await;
    };
    let deadline = SystemTime::now() + time;
    let deadline = deadline
        .duration_since(UNIX_EPOCH)
        .expect("it is after 1970")
        .as_millis();
    Response::builder()
        .header("content-type", "application/json")
        .header("lambda-runtime-aws-request-id", asked.request_id)
        .header("lambda-runtime-deadline-ms", deadline.to_string())
        .header("lambda-runtime-invoked-function-arn", asked.arn)
        .header(
            "lambda-runtime-trace-id",
            "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled=1",
        )
        .body(Full::from(asked.event))
        .expect("the headers are sound")
}

/// An id that no other request has, in whatever environment.
pub fn new_request_id() -> String {
    static REQUESTS: AtomicU64 = AtomicU64::new(1);
    let number = REQUESTS.fetch_add(1, Ordering::Relaxed);
    format!("8476a536-e9f4-11e8-9739-{number:012x}")
}

fn status(status: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from("{\"status\":\"OK\"}"));
    *response.status_mut() = status;
    response
}
