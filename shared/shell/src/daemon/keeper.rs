//! The thread that planner and ledger live on: it sleeps until the next slot, and the heartbeat wakes it every second.

mod by_hand;
pub(super) mod ending;
mod pulse;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use lamplighter_core::chain;
use tokio::runtime::{Handle, Runtime};
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::consumers::{Consumers, QueueNews};
use super::dispatcher::{Dispatcher, End, Work};
use super::http::Link;
use super::pings::{Ping, Pings};
use super::places::{Place, Places};
use super::runner::{self, Order};
use super::store::{Outcome, RunRow};
use super::supervisor::Supervisor;
use super::{Ended, Load, jobs, limits};
use crate::connect::Entry;
use crate::round::TIME_TO_END;
use crate::settings::Settings;
use ending::Ending;
use pulse::Pulse;

/// The longest sleep. Timers stand still while the machine sleeps, so the clock is looked at again soon.
const LONGEST_SLEEP: Duration = pulse::SILENCE;

/// The shortest sleep, so that a fault in the planner cannot keep a core busy.
const SHORTEST_SLEEP: Duration = Duration::from_millis(10);

/// A clock that goes back further than this silences the heart for longer than it is waited for.
const BACK: TimeDelta = TimeDelta::seconds(2);

/// What the keeper is told.
pub enum News {
    /// A second has passed. The flag says whether there is a pulse that was not read.
    Pulse(Arc<AtomicBool>),
    /// The configuration is to be read again.
    Reload,
    /// No new work; let what runs end.
    Stop,
    /// A run has ended.
    Ended {
        /// Which one.
        run_id: String,
        /// How.
        end: End,
    },
    /// Somebody asks for a dry run on the page. The answer is the run's id, or why there is none.
    DryRun {
        /// Of which function.
        function: String,
        /// Who waits for the answer.
        answer: oneshot::Sender<Result<String, String>>,
    },
    /// Word of a queue.
    Queue(Box<QueueNews>),
}

/// Where news comes in. While the keeper waits for it, time passes: the machine's, or in tests a virtual one.
pub(super) trait Inbox: Send {
    /// The next news, if some comes within this time.
    fn next(&mut self, patience: Duration) -> Result<News, RecvTimeoutError>;
}

impl Inbox for Receiver<News> {
    fn next(&mut self, patience: Duration) -> Result<News, RecvTimeoutError> {
        self.recv_timeout(patience)
    }
}

/// Starts what the dispatcher says, and tells it what became of it.
pub(super) struct Keeper {
    entries: Vec<Entry>,
    settings: Arc<Settings>,
    load: Load,
    sender: Sender<News>,
    inbox: Box<dyn Inbox>,
    runtime: Runtime,
    places: Places,
    consumers: Consumers,
    supervisor: Supervisor,
    pings: Pings,
    link: Arc<Link>,
    running: BTreeMap<String, Running>,
    /// How often it was told to read its configuration again. Somebody waits for each answer, so none may look like the
    /// one before and be folded away.
    reloads: u64,
    pulse: Pulse,
    /// Asks for another heart.
    renew: Option<UnboundedSender<()>>,
    is_given_up: bool,
    last_look: (DateTime<Utc>, Instant),
}

struct Running {
    function: String,
    /// Asked for on the page: a dry run, of which the ledger knows nothing.
    is_by_hand: bool,
    cancel: CancellationToken,
}

impl Keeper {
    pub(super) fn new(
        entries: Vec<Entry>,
        settings: Arc<Settings>,
        load: Load,
        (sender, inbox): (Sender<News>, Box<dyn Inbox>),
        runtime: Runtime,
        handle: Handle,
        link: Arc<Link>,
    ) -> Self {
        let now = Instant::now();
        let max_runs = usize::try_from(settings.config.daemon.max_runs).unwrap_or(1);
        let places = Places::new(max_runs);
        Self {
            last_look: ((settings.clock)(), now),
            consumers: Consumers::new(entries.clone(), handle, sender.clone(), places.clone()),
            places,
            supervisor: Supervisor::from_environment(),
            pings: Pings::default(),
            entries,
            settings,
            load,
            sender,
            inbox,
            runtime,
            link,
            running: BTreeMap::new(),
            reloads: 0,
            pulse: Pulse::new(now),
            renew: None,
            is_given_up: false,
        }
    }

    /// Asks there for another heart whenever the one there is stops.
    pub(super) fn with_heart(mut self, renew: UnboundedSender<()>) -> Self {
        self.renew = Some(renew);
        self
    }

    /// Goes on until it is told to stop.
    pub(super) fn keep(mut self, mut dispatcher: Dispatcher) -> Ended {
        let mut is_ready = false;
        self.share(&mut dispatcher);
        loop {
            let now = (self.settings.clock)();
            self.compare_clocks(now);
            let work = dispatcher.tick_among(&self.places, now);
            self.begin(work);
            if !is_ready {
                is_ready = true;
                self.link.planned(&dispatcher);
                self.consumers.configure(&self.settings);
                self.supervisor.ready(&self.status(&dispatcher));
            }
            self.link.looked(&dispatcher);
            let sleep = dispatcher
                .wake()
                .and_then(|wake| (wake - (self.settings.clock)()).to_std().ok())
                .unwrap_or(LONGEST_SLEEP)
                .clamp(SHORTEST_SLEEP, LONGEST_SLEEP);
            match self.inbox.next(sleep) {
                Ok(News::Pulse(is_unread)) => {
                    is_unread.store(false, Ordering::Relaxed);
                    self.beats();
                    self.live(&mut dispatcher);
                }
                Ok(News::Queue(news)) => {
                    dispatcher.heard(*news, (self.settings.clock)());
                    self.let_consume(&dispatcher);
                }
                Ok(News::Ended { run_id, end }) => {
                    self.note_end(&mut dispatcher, &run_id, end);
                }
                Ok(News::DryRun { function, answer }) => {
                    // Who asked may have gone.
                    answer.send(self.start_by_hand(&function)).ok();
                }
                Ok(News::Reload) => {
                    self.supervisor.reloading();
                    self.reload(&mut dispatcher);
                    let status = self.status(&dispatcher);
                    self.supervisor.reloaded(&status);
                }
                Ok(News::Stop) => return self.drain(dispatcher),
                // There is always a sender: this one's own.
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
            }
            if self.pulse.is_overdue(Instant::now()) {
                self.live(&mut dispatcher);
            }
        }
    }

    /// Puts in place what functions share, by the configuration.
    fn share(&self, dispatcher: &mut Dispatcher) {
        let limits = limits(&self.settings.config);
        self.places.set_limits(limits.clone());
        dispatcher.set_limits(limits);
    }

    /// One line for `systemctl status`.
    fn status(&self, dispatcher: &Dispatcher) -> String {
        let functions = dispatcher.jobs().count();
        let next = dispatcher.wake().map_or_else(String::new, |next| {
            format!(", next look {}", next.format("%Y-%m-%d %H:%M:%S UTC"))
        });
        let trouble = dispatcher
            .trouble()
            .map_or("", |_| "; the ledger cannot be written");
        format!(
            "{functions} functions, {} running{next}{trouble}",
            self.running.len()
        )
    }

    /// A paused function's queues rest. So do all while the ledger cannot be written: what brings events changes things.
    fn let_consume(&self, dispatcher: &Dispatcher) {
        let has_trouble = dispatcher.trouble().is_some();
        for (job, known) in dispatcher.jobs() {
            self.consumers
                .set_paused(&job.name, known.is_paused || has_trouble);
        }
    }

    /// Says so when the clock has jumped, or the machine has slept. The planner needs no word: it goes by the clock.
    fn compare_clocks(&mut self, now: DateTime<Utc>) {
        let (before, at) = self.last_look;
        self.last_look = (now, Instant::now());
        let passed = TimeDelta::from_std(at.elapsed()).unwrap_or_default();
        let jump = (now - before) - passed;
        if jump <= -BACK {
            self.have_renewed(true);
        }
        if jump.abs() >= TimeDelta::minutes(1) {
            error!(
                jump_secs = jump.num_seconds(),
                "the clock jumped, or the machine slept: what was missed goes by `missed`, what has run does not run again"
            );
        }
    }

    fn begin(&mut self, work: Work) {
        for function in work.replaced {
            info!(
                function,
                "told to end: the next slot replaces the run that goes on"
            );
            let runs = self.running.values();
            runs.filter(|run| run.function == function && !run.is_by_hand)
                .for_each(|run| run.cancel.cancel());
        }
        for start in work.starts {
            self.start(start, None);
        }
    }

    /// Starts a run: of a slot, or by hand with the place that it has taken.
    fn start(&mut self, start: RunRow, by_hand: Option<Place>) {
        let is_by_hand = by_hand.is_some();
        let run_id = start.run_id.clone();
        let entry = self
            .entries
            .iter()
            .find(|entry| entry.name == start.function);
        let Some(entry) = entry.copied() else {
            error!(function = start.function, "there is no such function");
            return;
        };
        let cancel = CancellationToken::new();
        let running = Running {
            function: start.function.clone(),
            is_by_hand,
            cancel: cancel.clone(),
        };
        self.running.insert(run_id.clone(), running);
        let settings = Arc::clone(&self.settings);
        let mut ending = Ending::new(self.sender.clone(), run_id);
        let link = Arc::clone(&self.link);
        let pings = self.pings.clone();
        self.runtime.spawn(async move {
            // What somebody asked for by hand is watched by that somebody.
            let ping = match is_by_hand {
                true => None,
                false => pings.begin(&settings.config, &start),
            };
            let tail = ending.watched_by(ping).map(Ping::tail);
            let ran = runner::run(Order {
                entry,
                settings,
                start,
                event: None,
                tail,
                cancel,
            })
            .await;
            if let (Some(run), Some(reports)) = (&ran.run, &link.reports) {
                reports.keep(run);
            }
            drop(by_hand);
            ending.with(ran.end);
        });
    }

    fn note_end(&mut self, dispatcher: &mut Dispatcher, run_id: &str, end: End) {
        let now = (self.settings.clock)();
        match self.running.remove(run_id) {
            Some(run) if run.is_by_hand => self.link.dry_run_ended(&run.function, end, now),
            Some(run) => dispatcher.ended(run_id, &run.function, end, now),
            None => {}
        }
    }

    /// Reads the whole configuration and puts it in place, or says what is wrong and changes nothing.
    fn reload(&mut self, dispatcher: &mut Dispatcher) {
        self.reloads += 1;
        let now = (self.settings.clock)();
        let loaded = (self.load)().and_then(|settings| {
            let jobs = jobs(&self.entries, &settings.config).map_err(|error| chain(&error))?;
            Ok((settings, jobs))
        });
        let (settings, jobs) = match loaded {
            Ok(loaded) => loaded,
            Err(error) => {
                error!(
                    reload = self.reloads,
                    "the configuration stays as it was, the new one is not sound: {error}"
                );
                dispatcher.reloaded(Some(error), now);
                return;
            }
        };
        let (old, new) = (&self.settings.config.daemon, &settings.config.daemon);
        let at_next_start = [
            ("state_dir", old.state_dir != new.state_dir),
            ("max_runs", old.max_runs != new.max_runs),
            ("http", old.http != new.http),
            ("token", old.token != new.token),
        ];
        for (key, _) in at_next_start.iter().filter(|(_, is_changed)| *is_changed) {
            warn!("`{key}` in [daemon] changes at the next start only");
        }
        self.settings = Arc::new(settings);
        self.share(dispatcher);
        dispatcher.reload(jobs, now);
        self.consumers.configure(&self.settings);
        self.link.planned(dispatcher);
        dispatcher.reloaded(None, now);
        info!(reload = self.reloads, "the configuration was read again");
    }

    /// No new work; what runs may end by itself, then it is told to, and then it is left behind.
    fn drain(mut self, mut dispatcher: Dispatcher) -> Ended {
        self.consumers.stop();
        self.link.stopping();
        info!(
            running = self.running.len(),
            messages = self.consumers.in_work(),
            "the daemon stops, no new work begins"
        );
        let drain = u64::from(self.settings.config.daemon.drain_secs);
        let drain = Duration::from_secs(drain);
        self.supervisor.stopping(drain);
        let mut ended = self.wait(&mut dispatcher, drain);
        if self.is_busy() {
            self.consumers.cancel();
            for run in self.running.values() {
                warn!(
                    function = run.function,
                    "told to end: the time to end by itself is over"
                );
                run.cancel.cancel();
            }
            ended = self.wait(&mut dispatcher, TIME_TO_END + Duration::from_secs(3));
        }
        let left: Vec<String> = self.running.keys().cloned().collect();
        for run_id in left {
            ended = Ended::Interrupted;
            let end = End {
                outcome: Outcome::Interrupted,
                detail: Some("it did not end in time".to_owned()),
                summary: None,
            };
            error!(run_id, "interrupted: it did not end in time");
            self.note_end(&mut dispatcher, &run_id, end);
        }
        if self.consumers.in_work() > 0 {
            // Their messages come again when nobody holds on to them any more.
            ended = Ended::Interrupted;
            error!(
                messages = self.consumers.in_work(),
                "interrupted: deliveries did not end in time"
            );
        }
        dispatcher.stop((self.settings.clock)());
        self.pings.wait();
        self.runtime.shutdown_background();
        info!("the daemon stopped");
        ended
    }

    fn is_busy(&self) -> bool {
        !self.running.is_empty() || self.consumers.in_work() > 0
    }

    /// Waits until nothing runs, but not longer than this.
    fn wait(&mut self, dispatcher: &mut Dispatcher, patience: Duration) -> Ended {
        let mut ended = Ended::Cleanly;
        let deadline = Instant::now() + patience;
        while self.is_busy() {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.inbox.next(left.min(LONGEST_SLEEP)) {
                Ok(News::Ended { run_id, end }) => {
                    if end.outcome == Outcome::Interrupted {
                        ended = Ended::Interrupted;
                    }
                    self.note_end(dispatcher, &run_id, end);
                }
                Ok(News::Queue(news)) => {
                    if news.is_cut_off() {
                        ended = Ended::Interrupted;
                    }
                    dispatcher.heard(*news, (self.settings.clock)());
                }
                Ok(News::Pulse(is_unread)) => {
                    is_unread.store(false, Ordering::Relaxed);
                    self.beats();
                    self.say_alive("stopping");
                }
                Ok(_) => {}
                Err(RecvTimeoutError::Timeout) if left > LONGEST_SLEEP => {
                    self.say_alive("stopping");
                }
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => break,
            }
        }
        ended
    }
}
