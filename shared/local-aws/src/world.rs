//! What exists: accounts, regions, the clock, and what each service keeps.
//!
//! The methods that build a world up take and return it. Those that edit it in the middle of a test take `&mut self`
//! and begin with a verb: `add_instance`, `set_settle`.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Duration, Utc};

use crate::{acm, codedeploy, ec2, event_bridge, iam, policy, receiving, s3, sesv2, sns, sqs, sts};

/// The simulated world: one default account, perhaps others, and all they hold.
#[derive(Debug)]
pub struct World {
    now: DateTime<Utc>,
    default_account: String,
    home_region: String,
    accounts: BTreeSet<String>,
    /// Each region, and whether an account has to opt in to it.
    regions: BTreeMap<String, bool>,
    opted_in: BTreeSet<(String, String)>,
    refused_keys: BTreeSet<String>,
    page_size: Option<usize>,
    has_sparse_pages: bool,
    last_id: u64,
    pub(crate) acm: acm::AcmState,
    pub(crate) codedeploy: codedeploy::CodeDeployState,
    pub(crate) ec2: ec2::Ec2State,
    pub(crate) event_bridge: event_bridge::EventBridgeState,
    pub(crate) iam: iam::IamState,
    pub(crate) policies: policy::PolicyState,
    pub(crate) receiving: receiving::ReceivingState,
    pub(crate) s3: s3::S3State,
    pub(crate) lambda: crate::lambda::LambdaState,
    pub(crate) ses: sesv2::SesState,
    pub(crate) sns: sns::SnsState,
    pub(crate) sqs: sqs::SqsState,
    pub(crate) sts: sts::StsState,
}

/// The regions that every account has, as of 2026.
/// <https://docs.aws.amazon.com/global-infrastructure/latest/regions/aws-regions.html>
const REGIONS: [&str; 17] = [
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-northeast-3",
    "ap-south-1",
    "ap-southeast-1",
    "ap-southeast-2",
    "ca-central-1",
    "eu-central-1",
    "eu-north-1",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "sa-east-1",
    "us-east-1",
    "us-east-2",
    "us-west-1",
    "us-west-2",
];

/// Some of those an account has to opt in to.
const OPT_IN_REGIONS: [&str; 4] = ["af-south-1", "ap-east-1", "eu-south-1", "me-central-1"];

impl World {
    /// One account in every region that needs no opt-in, at this time.
    pub fn new(default_account: &str, now: DateTime<Utc>) -> World {
        let regions = REGIONS.iter().map(|name| (*name, false));
        let opt_in = OPT_IN_REGIONS.iter().map(|name| (*name, true));
        World {
            now,
            default_account: default_account.to_owned(),
            home_region: "eu-west-1".to_owned(),
            accounts: BTreeSet::from([default_account.to_owned()]),
            regions: regions
                .chain(opt_in)
                .map(|(name, opt_in)| (name.to_owned(), opt_in))
                .collect(),
            opted_in: BTreeSet::new(),
            refused_keys: BTreeSet::new(),
            page_size: None,
            has_sparse_pages: false,
            last_id: 0,
            acm: acm::AcmState::default(),
            codedeploy: codedeploy::CodeDeployState::default(),
            ec2: ec2::Ec2State::default(),
            event_bridge: event_bridge::EventBridgeState::default(),
            iam: iam::IamState::default(),
            policies: policy::PolicyState::default(),
            receiving: receiving::ReceivingState::default(),
            s3: s3::S3State::default(),
            lambda: crate::lambda::LambdaState::default(),
            ses: sesv2::SesState::default(),
            sns: sns::SnsState::default(),
            sqs: sqs::SqsState::default(),
            sts: sts::StsState::default(),
        }
    }

    /// Adds an account.
    pub fn account(mut self, account: &str) -> World {
        self.accounts.insert(account.to_owned());
        self
    }

    /// The region `LocalAws::environment` names; `eu-west-1` unless said otherwise.
    pub fn home_region(mut self, region: &str) -> World {
        self.home_region = region.to_owned();
        self
    }

    /// Only these regions exist, none of which needs an opt-in; the first becomes the home region.
    pub fn regions(mut self, regions: &[&str]) -> World {
        self.regions = regions
            .iter()
            .map(|name| ((*name).to_owned(), false))
            .collect();
        if let Some(first) = regions.first() {
            self.home_region = (*first).to_owned();
        }
        self
    }

    /// Adds a region that accounts have to opt in to, and have not.
    pub fn opt_in_region(mut self, region: &str) -> World {
        self.regions.insert(region.to_owned(), true);
        self
    }

    /// An account opts in to a region.
    pub fn opted_in(mut self, account: &str, region: &str) -> World {
        self.regions.entry(region.to_owned()).or_insert(true);
        self.opted_in
            .insert((account.to_owned(), region.to_owned()));
        self
    }

    /// This access key is answered as AWS answers an unknown one.
    pub fn refused_key(mut self, access_key: &str) -> World {
        self.refused_keys.insert(access_key.to_owned());
        self
    }

    /// No page of any listing holds more than this, whatever the request asks for. `None` is AWS's own limit.
    pub fn page_size(mut self, size: Option<usize>) -> World {
        self.set_page_size(size);
        self
    }

    /// Filters are applied after pages are cut, so that a page may be empty and yet not the last: AWS reserves the
    /// right to that. <https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-pagination.html>
    pub fn sparse_pages(mut self) -> World {
        self.has_sparse_pages = true;
        self
    }

    /// How long `stopping`, `pending` and `shutting-down` last; 30 seconds unless said otherwise.
    pub fn settle_after(mut self, settle: Duration) -> World {
        self.set_settle(settle);
        self
    }

    /// Changes the page size in the middle of a test.
    pub fn set_page_size(&mut self, size: Option<usize>) {
        self.page_size = size;
    }

    /// Changes how long transitional states last, for changes from now on.
    pub fn set_settle(&mut self, settle: Duration) {
        self.ec2.settle = settle;
    }

    /// The simulated time.
    pub fn now(&self) -> DateTime<Utc> {
        self.now
    }

    /// Sets the clock; what has run out by then settles.
    pub fn set_now(&mut self, now: DateTime<Utc>) {
        self.now = now;
        self.settle();
    }

    /// The account of every access key that `AssumeRole` did not give out.
    pub fn default_account(&self) -> &str {
        &self.default_account
    }

    /// Panics if the world has no such account or region, which is a slip of the pen in a test.
    pub(crate) fn assert_place(&self, account: &str, region: &str) {
        assert!(
            self.accounts.contains(account),
            "this world has no account `{account}`"
        );
        assert!(
            self.regions.contains_key(region),
            "this world has no region `{region}`"
        );
    }

    pub(crate) fn home(&self) -> &str {
        &self.home_region
    }

    /// Moves everything on to the present.
    pub(crate) fn settle(&mut self) {
        self.ec2.settle_until(self.now);
    }

    pub(crate) fn refuses_key(&self, access_key: &str) -> bool {
        self.refused_keys.contains(access_key)
    }

    pub(crate) fn is_enabled(&self, account: &str, region: &str) -> bool {
        let place = (account.to_owned(), region.to_owned());
        match self.regions.get(region) {
            Some(needs_opt_in) => !needs_opt_in || self.opted_in.contains(&place),
            None => false,
        }
    }

    /// Each region with its opt-in status for an account.
    pub(crate) fn opt_in_statuses(&self, account: &str) -> Vec<(&str, &'static str)> {
        let status =
            |region: &str, needs_opt_in| match (needs_opt_in, self.is_enabled(account, region)) {
                (false, _) => "opt-in-not-required",
                (true, true) => "opted-in",
                (true, false) => "not-opted-in",
            };
        self.regions
            .iter()
            .map(|(name, opt_in)| (name.as_str(), status(name, *opt_in)))
            .collect()
    }

    /// The size of a page, if a request asks for `asked` and may have up to `most`.
    pub(crate) fn page_of(&self, asked: Option<usize>, most: usize) -> usize {
        let size = asked.unwrap_or(most).min(most);
        self.page_size.map_or(size, |limit| size.min(limit.max(1)))
    }

    pub(crate) fn cuts_before_filtering(&self) -> bool {
        self.has_sparse_pages
    }

    /// A number that was not given out before.
    pub(crate) fn next_number(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    /// The same as a UUID, for request ids.
    pub(crate) fn next_id(&mut self) -> String {
        format!("10ca1a75-0000-4000-8000-{:012x}", self.next_number())
    }
}
