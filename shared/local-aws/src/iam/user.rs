//! Users and groups, as far as Lamplighter can see them.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Duration, Utc};

/// One user. Its fields may be read and changed at any time through `LocalAws::with`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IamUser {
    /// `ann`
    pub name: String,
    /// `/` or `/staff/`
    pub path: String,
    /// When the user was created.
    pub created_at: DateTime<Utc>,
    /// Whether there is a password.
    pub has_password: bool,
    /// When the password was last used. It stays when the password goes.
    pub password_last_used: Option<DateTime<Utc>>,
    /// When the password was set, or last changed: for a day it cannot be deleted by everybody at once. While this
    /// holds, changes of the password are answered `EntityTemporarilyUnmodifiable`.
    pub is_password_busy: bool,
    /// The serial numbers of active MFA devices: ARNs, or plain numbers of hardware tokens.
    pub mfa_devices: BTreeSet<String>,
    /// The access keys.
    pub keys: Vec<IamKey>,
    /// Tags.
    pub tags: BTreeMap<String, String>,
    /// The ARNs of attached policies.
    pub attached: BTreeSet<String>,
    /// Inline policies, by name.
    pub inline: BTreeMap<String, String>,
    /// The groups it is in.
    pub groups: BTreeSet<String>,
}

/// One access key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IamKey {
    /// `AKIA…`
    pub id: String,
    /// Whether it can be used.
    pub is_active: bool,
    /// When it was created.
    pub created_at: DateTime<Utc>,
    /// When it was created, or last switched on or off: what the credential report calls `last_rotated`.
    pub changed_at: DateTime<Utc>,
    /// When it was last used.
    pub last_used: Option<DateTime<Utc>>,
}

/// One group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IamGroup {
    /// `admins`
    pub name: String,
    /// The ARNs of attached policies.
    pub attached: BTreeSet<String>,
    /// Inline policies, by name.
    pub inline: BTreeMap<String, String>,
}

/// What the root user has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RootUser {
    /// `password_enabled` in the report: `true`, `false` or `not_supported`.
    pub password: String,
    /// Whether `GetAccountSummary` says that there is a password; `None`: it does not tell.
    pub has_password: Option<bool>,
    /// Whether there is MFA.
    pub has_mfa: bool,
    /// When each active access key was created.
    pub keys: Vec<DateTime<Utc>>,
}

/// A root user as it should be: with a password, MFA, and no keys.
impl Default for RootUser {
    fn default() -> RootUser {
        RootUser {
            password: "not_supported".to_owned(),
            has_password: Some(true),
            has_mfa: true,
            keys: Vec::new(),
        }
    }
}

impl IamUser {
    /// A user of this name that can do nothing.
    pub fn new(name: &str) -> IamUser {
        IamUser {
            name: name.to_owned(),
            path: "/".to_owned(),
            created_at: DateTime::UNIX_EPOCH,
            has_password: false,
            password_last_used: None,
            is_password_busy: false,
            mfa_devices: BTreeSet::new(),
            keys: Vec::new(),
            tags: BTreeMap::new(),
            attached: BTreeSet::new(),
            inline: BTreeMap::new(),
            groups: BTreeSet::new(),
        }
    }

    /// With a path, as `/staff/`.
    pub fn path(self, path: &str) -> IamUser {
        IamUser {
            path: path.to_owned(),
            ..self
        }
    }

    /// Created at this time.
    pub fn created_at(self, time: DateTime<Utc>) -> IamUser {
        IamUser {
            created_at: time,
            ..self
        }
    }

    /// With a password.
    pub fn password(self) -> IamUser {
        IamUser {
            has_password: true,
            ..self
        }
    }

    /// With an app that shows codes.
    pub fn virtual_mfa(self) -> IamUser {
        let serial = format!("arn:aws:iam::000000000000:mfa/{}", self.name);
        self.mfa(&serial)
    }

    /// With an MFA device of this serial number.
    pub fn mfa(mut self, serial: &str) -> IamUser {
        self.mfa_devices.insert(serial.to_owned());
        self
    }

    /// With an access key.
    pub fn key(mut self, key: IamKey) -> IamUser {
        self.keys.push(key);
        self
    }

    /// With a tag.
    pub fn tag(mut self, key: &str, value: &str) -> IamUser {
        self.tags.insert(key.to_owned(), value.to_owned());
        self
    }

    /// With an attached policy.
    pub fn attached(mut self, arn: &str) -> IamUser {
        self.attached.insert(arn.to_owned());
        self
    }

    /// With an inline policy.
    pub fn inline(mut self, name: &str, document: &str) -> IamUser {
        self.inline.insert(name.to_owned(), document.to_owned());
        self
    }

    /// In a group.
    pub fn in_group(mut self, group: &str) -> IamUser {
        self.groups.insert(group.to_owned());
        self
    }

    /// The ARN.
    pub fn arn(&self, account: &str) -> String {
        format!("arn:aws:iam::{account}:user{}{}", self.path, self.name)
    }

    pub(super) fn arrive(&mut self, now: DateTime<Utc>) {
        if self.created_at == DateTime::UNIX_EPOCH {
            self.created_at = now - Duration::days(365);
        }
    }
}

impl IamKey {
    /// An active key of this age that was never used.
    pub fn new(id: &str, created_at: DateTime<Utc>) -> IamKey {
        IamKey {
            id: id.to_owned(),
            is_active: true,
            created_at,
            changed_at: created_at,
            last_used: None,
        }
    }

    /// Last used at this time.
    pub fn used_at(self, time: DateTime<Utc>) -> IamKey {
        IamKey {
            last_used: Some(time),
            ..self
        }
    }

    /// Switched off.
    pub fn inactive(self) -> IamKey {
        IamKey {
            is_active: false,
            ..self
        }
    }
}

impl IamGroup {
    /// A group that may do nothing.
    pub fn new(name: &str) -> IamGroup {
        IamGroup {
            name: name.to_owned(),
            ..IamGroup::default()
        }
    }

    /// With an attached policy.
    pub fn attached(mut self, arn: &str) -> IamGroup {
        self.attached.insert(arn.to_owned());
        self
    }

    /// With an inline policy.
    pub fn inline(mut self, name: &str, document: &str) -> IamGroup {
        self.inline.insert(name.to_owned(), document.to_owned());
        self
    }
}
