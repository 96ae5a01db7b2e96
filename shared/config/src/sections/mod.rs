//! The sections, one file each: a typed struct and the checks of its keys.

mod archive_mail;
mod audit_access_keys;
mod audit_mfa;
mod audit_security_groups;
mod aws;
mod daemon;
mod deploy_bundles;
mod exceptions;
mod report;
mod report_certificates;
mod resize_images;
mod state;
mod stop_untagged;

pub use archive_mail::{ArchiveMail, Correspondent, LinkStyle, Treatment};
pub use audit_access_keys::{AuditAccessKeys, KeyRemedy};
pub use audit_mfa::{AuditMfa, MfaRemedy};
pub use audit_security_groups::{AllowedRange, AuditSecurityGroups, Revocation, SensitivePort};
pub use aws::{Account, Aws};
pub use daemon::{Daemon, TagLimit};
pub use deploy_bundles::{
    BundleRoute, DeployBundles, DeploymentGroup, DeploymentOptions, FileExistsBehavior,
    RollbackEvent,
};
pub(crate) use exceptions::LIST as EXCEPTIONS;
pub use exceptions::{Exception, Exceptions};
pub use report::Report;
pub use report_certificates::{AddressKind, Endpoint, Protocol, ReportCertificates};
pub use resize_images::{ImageFormat, ResizeImages};
pub use state::{State, StateUrl};
pub use stop_untagged::{Action, StopUntagged, WorkHours};

use crate::common::{Common, Mode};
use crate::error::{Findings, Refusal};
use crate::intake::Intake;
use crate::layers::Effective;
use crate::reader::Reader;
use crate::schema::{Declared, Key, Schema, nearest};
use crate::source::{Layer, Place, Source};

// The list of all sections. A new one needs its line here (and its `mod` above), its file, and its
// keys in `config/default.toml`.
sections! {
    /// Where to look.
    aws: Aws,
    /// What is remembered from run to run.
    state: State,
    /// Who hears about a run.
    report: Report,
    /// Findings that somebody answers for until a date.
    exceptions: Exceptions,
    /// EC2 instances without their required tags.
    stop_untagged: StopUntagged,
    /// People who can sign in without MFA.
    audit_mfa: AuditMfa,
    /// Access keys that are old, or that nobody uses.
    audit_access_keys: AuditAccessKeys,
    /// Ports that are open to the internet.
    audit_security_groups: AuditSecurityGroups,
    /// Certificates that expired or soon will.
    report_certificates: ReportCertificates,
    /// New bundles in S3, and the deployments they start.
    deploy_bundles: DeployBundles,
    /// Inbound mail, kept.
    archive_mail: ArchiveMail,
    /// Images in S3, and their resized copies.
    resize_images: ResizeImages,
    /// The process that runs the schedules without Lambda.
    daemon: Daemon,
}

/// A section of the config.
pub(crate) trait Section {
    /// Its name in the file.
    const NAME: &'static str;
    /// Its keys that have no default.
    const OPTIONAL: &'static [Key] = &[];
    /// Its keys whose values are secrets; those of entries say so themselves.
    const SECRETS: &'static [&'static str] = &[];

    /// Reads and checks every key.
    fn read(section: &mut Reader<'_>) -> Self;

    /// The keys that every function has, for a function's section.
    fn common(&self) -> Option<&Common> {
        None
    }

    /// Where its events come from, for an event function's section.
    fn intake(&self) -> Option<&Intake> {
        None
    }

    /// Checks that look at more than this section, once all are read.
    fn check_with(&self, _config: &Config, _checks: &mut CrossChecks<'_>) {}
}

macro_rules! sections {
    ($($(#[doc = $doc:literal])+ $field:ident: $section:ident,)+) => {
        /// The whole config, merged and checked.
        #[derive(Clone, Debug)]
        pub struct Config {
            $($(#[doc = $doc])+ pub $field: $section,)+
            pub(crate) schema: Schema,
            pub(crate) effective: Effective,
            pub(crate) sources: Vec<Source>,
        }

        /// What the sections declare beside their defaults.
        pub(crate) const DECLARED: &[Declared] = &[$(Declared {
            name: $section::NAME,
            optional: $section::OPTIONAL,
            secrets: $section::SECRETS,
        },)+];

        /// Reads and checks all sections, each on its own and then together.
        pub(crate) fn read(
            schema: Schema,
            effective: Effective,
            findings: &mut Findings,
        ) -> Config {
            $(let $field = $section::read(&mut Reader::new(
                $section::NAME,
                effective.members($section::NAME),
                findings,
            ));)+
            let config = Config { $($field,)+ schema, effective, sources: Vec::new() };
            $(config.$field.check_with(&config, &mut CrossChecks {
                effective: &config.effective,
                findings,
            });)+
            config
        }

        impl Config {
            /// The functions that the config knows, in the order of `default.toml`, with the keys
            /// that all have.
            pub fn functions(&self) -> Vec<(&'static str, &Common)> {
                let commons = [$(($section::NAME, self.$field.common()),)+];
                let functions = commons.into_iter();
                functions.filter_map(|(name, common)| Some((name, common?))).collect()
            }

            /// The functions that take events, in the order of `default.toml`, with where these come from.
            pub fn intakes(&self) -> Vec<(&'static str, &Intake)> {
                let intakes = [$(($section::NAME, self.$field.intake()),)+];
                let functions = intakes.into_iter();
                functions.filter_map(|(name, intake)| Some((name, intake?))).collect()
            }
        }
    };
}
use sections;

/// What checks across sections need.
pub(crate) struct CrossChecks<'a> {
    effective: &'a Effective,
    findings: &'a mut Findings,
}

impl CrossChecks<'_> {
    /// Refuses to warn owners when no warning could leave: the grace would pass, and nobody would
    /// have known.
    pub(crate) fn need_destination(
        &mut self,
        section: &str,
        common: &Common,
        grace_key: &str,
        grace: u32,
        config: &Config,
    ) {
        let (_, to) = config.mail_of(section);
        let has_destination = config.report.from.is_some() && !to.is_empty();
        if grace == 0 || common.mode != Mode::Apply || has_destination {
            return;
        }
        if self.may_be_misspelt(section, grace_key) {
            return;
        }
        let Some(place) = self.effective.place(section, "mode") else {
            return;
        };
        let missing = match (&config.report.from, to.is_empty()) {
            (None, true) => format!("set `from` and `to` in [report] (or `to` in [{section}])"),
            (None, false) => "set `from` in [report]".to_owned(),
            (Some(_), _) => format!("set `to` in [report] or in [{section}]"),
        };
        self.findings.refuse(Refusal {
            place,
            section,
            key: Some("mode"),
            message: format!(
                "`{grace_key}` > 0 in apply mode needs somewhere to send the warning \
                 ([{section}] has `{grace_key}` = {grace})"
            ),
            label: "here apply mode begins".to_owned(),
            hint: Some(format!(
                "{missing}; or `{grace_key} = 0`: act without a warning"
            )),
        });
    }

    /// Refuses to work without a place to remember things, where work would be lost otherwise.
    pub(crate) fn need_state(&mut self, section: &str, because: &str) {
        if self.findings.is_file_unreadable || self.findings.about("state").next().is_some() {
            return;
        }
        // The operator wrote one of these; the mode may be a default.
        let mut places = ["mode", "sources", "queues", "routes", "groups"]
            .iter()
            .filter_map(|key| self.effective.place(section, key));
        let is_own = |place: &Place| {
            let source = self.findings.sources.get(place.source);
            source.is_some_and(|source| source.layer != Layer::Defaults)
        };
        self.findings.refuse(Refusal {
            place: places.find(is_own).unwrap_or(Place::NOWHERE),
            section,
            key: Some("mode"),
            message: format!("[{section}] in apply mode needs `url` in [state]: {because}"),
            label: String::new(),
            hint: Some(
                "set `url` in [state] to \"s3://bucket/prefix\", or `mode = \"plan\"`".to_owned(),
            ),
        });
    }

    /// Whether a mistake that is already told may be the reason why there seems to be no
    /// destination.
    fn may_be_misspelt(&self, section: &str, grace_key: &str) -> bool {
        let keys = ["mode", "to", grace_key];
        self.findings.is_file_unreadable
            || self
                .findings
                .about("report")
                .any(|error| error.key.as_deref() != Some("mail"))
            || self.findings.about(section).any(|error| {
                let key = error.key.as_deref();
                key.is_none_or(|key| nearest(key, keys).is_some())
            })
    }
}
