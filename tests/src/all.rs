//! Whole programs, run as a user runs them, against the simulated account, moto and the real Lambda Runtime API
//! protocol; and the house rules.

mod archive_mail;
mod audit_access_keys;
mod audit_mfa;
mod audit_security_groups;
mod audits;
mod canary;
mod cold_start;
mod command_line;
mod daemon;
mod delivery;
mod deploy;
mod deploy_bundles;
mod fault_matrix;
mod faults;
mod harness;
mod house;
mod lambda;
mod moto;
mod moto_events;
mod parity;
mod policies;
mod process;
mod report_certificates;
mod resize_images;
mod runtime_api;
mod scale;
mod simulated_account;
mod stop_untagged;
mod what_lies_there;
