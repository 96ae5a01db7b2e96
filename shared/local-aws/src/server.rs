//! Serves the world on 127.0.0.1.

use std::collections::VecDeque;
use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use chrono::{DateTime, Duration, Utc};
use http_body_util::{BodyExt, Limited};
use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::{JoinHandle, JoinSet};

use crate::dispatch::{Delivery, State, dispatch};
use crate::fault::{Fault, Faults};
use crate::log::Call;
use crate::sesv2::SentMail;
use crate::sns::Published;
use crate::sqs::{Poll as LongPoll, poll};
use crate::wire::{Request, Response};
use crate::world::World;

/// More than any request Lamplighter sends; SES's largest message is 40 MB.
const LARGEST_BODY: usize = 64 * 1024 * 1024;

/// A handle to a simulated world that is being served. Clones share it; it is served until the last one is dropped,
/// or until [`LocalAws::stop`].
#[derive(Clone)]
pub struct LocalAws(Arc<Served>);

struct Served {
    address: SocketAddr,
    shared: Arc<Shared>,
    task: Mutex<Option<JoinHandle<()>>>,
}

/// The world, and who waits for something to change in it.
struct Shared {
    state: Mutex<State>,
    changed: Notify,
}

impl Shared {
    fn look<R>(&self, look: impl FnOnce(&mut State) -> R) -> R {
        look(&mut lock(&self.state))
    }

    /// The same, and wakes the long polls.
    fn edit<R>(&self, edit: impl FnOnce(&mut State) -> R) -> R {
        let result = self.look(edit);
        self.changed.notify_waiters();
        result
    }
}

impl LocalAws {
    /// Serves a world on a free port. Needs a tokio runtime, and lives no longer than that.
    pub async fn start(world: World) -> std::io::Result<LocalAws> {
        LocalAws::start_on(0, world).await
    }

    /// Serves a world on this port.
    pub async fn start_on(port: u16, world: World) -> std::io::Result<LocalAws> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        let address = listener.local_addr()?;
        let state = State {
            world,
            faults: Faults::default(),
            calls: Vec::new(),
        };
        let shared = Arc::new(Shared {
            state: Mutex::new(state),
            changed: Notify::new(),
        });
        let task = tokio::spawn(accept(listener, Arc::clone(&shared)));
        Ok(LocalAws(Arc::new(Served {
            address,
            shared,
            task: Mutex::new(Some(task)),
        })))
    }

    /// Stops serving; every open connection is closed. What was logged can still be read.
    pub async fn stop(&self) {
        let task = lock(&self.0.task).take();
        if let Some(task) = task {
            task.abort();
            // The only error is that it was aborted, which was wanted.
            let _ = task.await;
        }
    }

    /// Where it is served: `http://127.0.0.1:PORT`.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.0.address)
    }

    /// The environment that leads an AWS SDK here, and only here.
    pub fn environment(&self) -> Vec<(&'static str, String)> {
        let region = self.0.shared.look(|state| state.world.home().to_owned());
        vec![
            ("AWS_ENDPOINT_URL", self.endpoint()),
            ("AWS_ACCESS_KEY_ID", "AKIALOCALAWS00000001".to_owned()),
            (
                "AWS_SECRET_ACCESS_KEY",
                "local-aws-verifies-no-signatures".to_owned(),
            ),
            ("AWS_REGION", region.clone()),
            ("AWS_DEFAULT_REGION", region),
            ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
        ]
    }

    /// The simulated time.
    pub fn now(&self) -> DateTime<Utc> {
        self.0.shared.look(|state| state.world.now())
    }

    /// Sets the simulated time.
    pub fn set_now(&self, now: DateTime<Utc>) {
        self.0.shared.edit(|state| state.world.set_now(now));
    }

    /// Moves the simulated time on.
    pub fn advance(&self, by: Duration) {
        self.0.shared.edit(|state| {
            let now = state.world.now() + by;
            state.world.set_now(now);
        });
    }

    /// Every call so far.
    pub fn calls(&self) -> Vec<Call> {
        self.0.shared.look(|state| state.calls.clone())
    }

    /// Forgets the calls so far; the next one is number 1.
    pub fn clear_calls(&self) {
        self.0.shared.look(|state| state.calls.clear());
    }

    /// Lets something go wrong from now on. Of several faults that match a call, the one injected first strikes.
    pub fn inject(&self, fault: Fault) {
        self.0.shared.look(|state| state.faults.inject(fault));
    }

    /// Nothing goes wrong any more.
    pub fn clear_faults(&self) {
        self.0.shared.look(|state| state.faults.clear());
    }

    /// Every mail that was sent.
    pub fn mails(&self) -> Vec<SentMail> {
        self.0.shared.look(|state| state.world.mails().to_vec())
    }

    /// Every message that was published to a topic.
    pub fn published(&self) -> Vec<Published> {
        self.0.shared.look(|state| state.world.published().to_vec())
    }

    /// Looks at the world or edits it. No call is answered meanwhile, so `look` must not make one, nor use this handle.
    pub fn with<R>(&self, look: impl FnOnce(&mut World) -> R) -> R {
        self.0.shared.edit(|state| look(&mut state.world))
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        if let Some(task) = lock(&self.task).take() {
            task.abort();
        }
    }
}

impl fmt::Debug for LocalAws {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LocalAws({})", self.endpoint())
    }
}

/// A test that panicked while it edited the world has failed already; the others may go on.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs until it is aborted; the connections end with it, because it owns them.
async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(serve(stream, Arc::clone(&shared)));
                }
                // The client has gone, or there are too many open files: the next connection may do better.
                Err(_) => tokio::time::sleep(std::time::Duration::from_millis(10)).await,
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn serve(stream: TcpStream, shared: Arc<Shared>) {
    // An answer is written in one go or two; waiting to fill a packet would cost 40 ms a call.
    let _ = stream.set_nodelay(true);
    let service = service_fn(|request| answer(&shared, request));
    // An error here is a client that went away, or a fault that closed the connection.
    let _ = http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

async fn answer(
    shared: &Shared,
    request: hyper::Request<Incoming>,
) -> Result<hyper::Response<Payload>, Cut> {
    let (parts, body) = request.into_parts();
    let body = Limited::new(body, LARGEST_BODY)
        .collect()
        .await
        .map_err(|_| Cut)?
        .to_bytes();
    let target = parts
        .uri
        .path_and_query()
        .map_or("/", |target| target.as_str());
    let request = Request::new(parts.method.as_str(), target, parts.headers, body);
    let delivery = shared.edit(|state| dispatch(state, &request));
    match delivery {
        Delivery::Answer(Response {
            poll: Some(asked), ..
        }) => Ok(write(wait(shared, &asked).await, false)),
        Delivery::Answer(response) => Ok(write(response, false)),
        Delivery::Cut(response) => Ok(write(response, true)),
        Delivery::Reset => Err(Cut),
        Delivery::Stall => std::future::pending().await,
    }
}

/// Waits for messages as long as the client does. If the server ends before, this ends with its connection.
async fn wait(shared: &Shared, asked: &LongPoll) -> Response {
    let end = tokio::time::Instant::now() + std::time::Duration::from_secs(asked.wait_seconds);
    loop {
        let mut changed = std::pin::pin!(shared.changed.notified());
        // What changes between this look and the waiting must wake it, too.
        changed.as_mut().enable();
        if let Some(response) = shared.look(|state| poll(&mut state.world, asked)) {
            return response;
        }
        if tokio::time::timeout_at(end, changed).await.is_err() {
            return asked.nothing();
        }
    }
}

fn write(response: Response, cut: bool) -> hyper::Response<Payload> {
    let mut builder = hyper::Response::builder().status(response.status);
    for (name, value) in &response.headers {
        builder = builder.header(name, value);
    }
    builder
        .body(Payload::new(response.body, cut))
        .unwrap_or_else(|_| {
            // A header with a character HTTP does not allow, e.g. from an object's metadata.
            let mut broken = hyper::Response::new(Payload::new(Vec::new(), false));
            *broken.status_mut() = hyper::StatusCode::INTERNAL_SERVER_ERROR;
            broken
        })
}

/// The connection is to be closed.
#[derive(Debug)]
struct Cut;

impl fmt::Display for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the connection is cut by a fault")
    }
}

impl std::error::Error for Cut {}

/// A response's body, whole, or cut in half after its full length was announced.
struct Payload {
    length: u64,
    parts: VecDeque<Step>,
}

enum Step {
    Send(Bytes),
    /// Gives hyper the occasion to send what it has.
    Flush,
    Fail,
}

impl Payload {
    fn new(body: Vec<u8>, cut: bool) -> Payload {
        let length = body.len() as u64;
        let mut body = Bytes::from(body);
        let mut parts = VecDeque::new();
        if cut {
            body.truncate(body.len() / 2);
            parts.extend([Step::Send(body), Step::Flush, Step::Fail]);
        } else if !body.is_empty() {
            parts.push_back(Step::Send(body));
        }
        Payload { length, parts }
    }
}

impl Body for Payload {
    type Data = Bytes;
    type Error = Cut;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        match self.parts.pop_front() {
            Some(Step::Send(bytes)) => Poll::Ready(Some(Ok(Frame::data(bytes)))),
            Some(Step::Flush) => {
                context.waker().wake_by_ref();
                Poll::Pending
            }
            Some(Step::Fail) => Poll::Ready(Some(Err(Cut))),
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.parts.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.length)
    }
}
