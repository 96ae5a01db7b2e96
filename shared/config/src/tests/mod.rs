//! Tests of the whole: texts in, messages or values out.

mod accounts;
mod archive_mail;
mod audit_security_groups;
mod daemon;
mod defaults;
mod deploy_bundles;
mod destination;
mod exceptions;
mod impossible_values;
mod layers;
mod print;
mod report;
mod resize_images;
mod secrets;
mod unknown_and_wrong;

use crate::{Config, Errors, Flag, Sources};

/// Loads a file named `lamplighter.toml`, and nothing else.
fn load(file: &str) -> Result<Config, Errors> {
    load_with(file, &[], &[])
}

fn load_with(file: &str, environment: &[(&str, &str)], flags: &[Flag]) -> Result<Config, Errors> {
    let environment = environment.iter();
    Config::load(&Sources {
        file: Some(("lamplighter.toml", file)),
        environment: environment
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
        flags: flags.to_vec(),
    })
}

/// The config that these layers make; the messages when they make none.
fn good(file: &str, environment: &[(&str, &str)], flags: &[Flag]) -> Config {
    match load_with(file, environment, flags) {
        Ok(config) => config,
        Err(errors) => panic!("refused:\n{}", errors.render(false)),
    }
}

/// The rendered messages, with a line break at the end, as a program prints them.
fn messages(file: &str, environment: &[(&str, &str)], flags: &[Flag]) -> String {
    match load_with(file, environment, flags) {
        Ok(_) => "accepted\n".to_owned(),
        Err(errors) => errors.render(false) + "\n",
    }
}

/// Loads a file that is wrong, and compares the messages.
fn check(file: &str, expected: expect_test::Expect) {
    expected.assert_eq(&messages(file, &[], &[]));
}
