//! `lamplighter deploy`: packages, templates, and what differs between two of them.

use std::fs;
use std::path::{Path, PathBuf};

use lamplighter_config::{Config, Sources};
use lamplighter_core::{Error, Result};
use lamplighter_report::Format;
use lamplighter_shell::settings::{ConfigFile, read_config_file};

use crate::cli::{DeployCommand, Globals, PackageFlags};
use crate::commands::{load, unknown_rules};
use crate::deploy::model::Stack;
use crate::deploy::package::{self, Architecture};
use crate::deploy::{self, diff, template, terraform, yaml};
use crate::{Failure, functions, output};

/// A megabyte, as people who look at a zip count it.
const MB: u64 = 1_000_000;

pub(super) fn run(globals: &Globals, command: &DeployCommand) -> Result<u8, Failure> {
    match command {
        DeployCommand::Package(flags) => make_packages(globals, flags),
        DeployCommand::Template { terraform, package } => {
            print_template(globals, *terraform, package.as_deref())
        }
        DeployCommand::Diff { old, new } => print_diff(globals, old, new),
    }
}

/// Everything is checked before the first file is written.
fn make_packages(globals: &Globals, flags: &PackageFlags) -> Result<u8, Failure> {
    let file = read_config_file(globals.config.as_deref())?;
    let config = check_alone(&file)?;
    let names: Vec<String> = match flags.functions.as_slice() {
        [] => deploy::deployed(&config)
            .iter()
            .map(|entry| entry.name.to_owned())
            .collect(),
        named => named.to_vec(),
    };
    let architecture = match flags.arm64 {
        true => Architecture::Arm64,
        false => Architecture::X86_64,
    };
    let from = flags.from.clone().unwrap_or_else(|| match flags.arm64 {
        true => Path::new("target")
            .join(architecture.target())
            .join("release"),
        false => PathBuf::from("target/release"),
    });
    let text = file.as_ref().map(|(_, text)| text.as_str());
    let mut made = Vec::new();
    for name in &names {
        functions::find(name)?;
        let program = read_program(&from, name, architecture)?;
        let zip = package::zip(&program, text).map_err(|error| {
            Error::permanent(format!("cannot make the zip of `{name}`")).caused_by(error)
        })?;
        check_size(name, &zip, architecture, flags.budget_mb)?;
        let sha256 = package::sha256(&zip);
        let bill = package::bill_of_materials(name, &sha256).map_err(|error| {
            Error::permanent(format!(
                "cannot make the bill of materials of `{name}`: {error}"
            ))
        })?;
        made.push((name, zip, sha256, bill));
    }
    fs::create_dir_all(&flags.out).map_err(|error| {
        Error::permanent(format!("cannot make the folder `{}`", flags.out.display()))
            .caused_by(error)
    })?;
    let mut table = String::new();
    for (name, zip, sha256, bill) in made {
        let beside = |ending: &str| flags.out.join(format!("{name}.{ending}"));
        output::write_file(&beside("zip"), &zip)?;
        output::write_file(
            &beside("zip.sha256"),
            format!("{sha256}  {name}.zip\n").as_bytes(),
        )?;
        output::write_file(&beside("cdx.json"), bill.as_bytes())?;
        table.push_str(&format!(
            "{sha256}  {}  {} bytes\n",
            beside("zip").display(),
            zip.len()
        ));
    }
    output::text(&table, globals)?;
    Ok(0)
}

/// The file alone, as a Lambda will read it: the environment of this machine is not in the package.
fn check_alone(file: &ConfigFile) -> Result<Config, Failure> {
    let config = Config::load(&Sources {
        file: file
            .as_ref()
            .map(|(name, text)| (name.as_str(), text.as_str())),
        ..Sources::default()
    })?;
    if let Some(errors) = unknown_rules(&config) {
        return Err(errors.into());
    }
    for entry in functions::all() {
        if let Some(section) = config.section(entry.name) {
            deploy::schedule_of(entry.name, section)?;
        }
    }
    config.refuse_secrets_in_file("be in a package")?;
    Ok(config)
}

fn read_program(from: &Path, name: &str, architecture: Architecture) -> Result<Vec<u8>> {
    let path = from.join(format!("bootstrap-{name}"));
    let build = match architecture {
        Architecture::X86_64 => format!("cargo build --release -p {name}"),
        Architecture::Arm64 => format!(
            "cargo build --release --target {} -p {name}",
            architecture.target()
        ),
    };
    let program = fs::read(&path).map_err(|error| {
        let hint = match architecture {
            Architecture::X86_64 => format!("build it first: `{build}`"),
            Architecture::Arm64 => format!(
                "build it first: `{build}`; this needs `rustup target add {}` and a C compiler and linker for it, \
                 such as Debian's `gcc-aarch64-linux-gnu`",
                architecture.target()
            ),
        };
        Error::config(format!("cannot read the program `{}`", path.display()))
            .caused_by(error)
            .hint(hint)
    })?;
    let refused = |reason: String| {
        Error::config(format!(
            "`{}` cannot run as a Lambda: {reason}",
            path.display()
        ))
    };
    let found = package::check(&program).map_err(|reason| {
        let error = refused(reason.clone());
        match reason.contains("glibc") {
            true => error.hint(format!(
                "build it on an older system, or with `cargo zigbuild --release --target {}.2.34 -p {name}`",
                architecture.target()
            )),
            false => error,
        }
    })?;
    if found != architecture {
        return Err(refused(format!(
            "it is for {}, and {} was asked for",
            found.as_str(),
            architecture.as_str()
        ))
        .hint(match found {
            Architecture::Arm64 => "add `--arm64`".to_owned(),
            Architecture::X86_64 => format!("build it for arm64: `{build}`"),
        }));
    }
    Ok(program)
}

fn check_size(
    name: &str,
    zip: &[u8],
    architecture: Architecture,
    budget_mb: Option<u64>,
) -> Result<()> {
    let given = budget_mb.map(|budget| budget * MB);
    let budget = given
        .or(package::budget(name, architecture))
        .unwrap_or_default();
    let size = zip.len() as u64;
    if size < budget {
        return Ok(());
    }
    Err(Error::config(format!(
        "the package of `{name}` has {size} bytes, and the budget is {budget}"
    ))
    .hint("was it built with `--release`? otherwise raise the budget with `--budget-mb`"))
}

fn print_template(
    globals: &Globals,
    wants_terraform: bool,
    packages: Option<&Path>,
) -> Result<u8, Failure> {
    let has_config = read_config_file(globals.config.as_deref())?.is_some();
    let mut stack = deploy::stack(&load(globals, vec![])?, has_config)?;
    if let Some(folder) = packages {
        add_packages(&mut stack, folder)?;
    }
    for function in &stack.functions {
        if function.silence_secs.is_none() {
            output::note(&format!(
                "note: {} gets no alarm for silence: twice the pause of its schedule is longer than the week that \
                 CloudWatch can look back",
                function.name
            ));
        }
        if let Some(start) = &function.when.start {
            output::note(&format!(
                "note: the rate of {} counts from {start}, and EventBridge Scheduler takes no start that is over: give \
                 its next tick as the parameter {}Start",
                function.name,
                function.id()
            ));
        }
    }
    let text = match (wants_terraform, globals.format) {
        (true, _) => format!("{:#}\n", terraform::terraform(&stack)),
        (false, Format::Json) => format!("{:#}\n", template::template(&stack)),
        (false, _) => yaml::write(&template::template(&stack)),
    };
    output::text(&text, globals)?;
    Ok(0)
}

/// The checksums and the processor of the packages that were made.
fn add_packages(stack: &mut Stack, folder: &Path) -> Result<()> {
    let mut architectures = Vec::new();
    for function in &mut stack.functions {
        let path = folder.join(format!("{}.zip", function.name));
        let cannot = || format!("cannot read the package `{}`", path.display());
        let zip = fs::read(&path).map_err(|error| {
            Error::config(cannot()).caused_by(error).hint(format!(
                "make it first: `lamplighter deploy package --out {}`",
                folder.display()
            ))
        })?;
        let architecture = package::program_of(&zip)
            .and_then(|program| package::check(&program))
            .map_err(|error| Error::config(format!("{}: {error}", cannot())))?;
        architectures.push(architecture);
        function.sha256 = Some(package::sha256(&zip));
    }
    if let Some(first) = architectures.first() {
        if architectures.iter().any(|other| other != first) {
            return Err(Error::config(format!(
                "the packages in `{}` are for different processors",
                folder.display()
            )));
        }
        stack.architecture = *first;
    }
    Ok(())
}

fn print_diff(globals: &Globals, old: &Path, new: &Path) -> Result<u8, Failure> {
    let read = |path: &Path| -> Result<serde_json::Value> {
        let cannot = || format!("cannot read the template `{}`", path.display());
        let text =
            fs::read_to_string(path).map_err(|error| Error::config(cannot()).caused_by(error))?;
        diff::read_template(&text).map_err(|error| Error::config(format!("{}: {error}", cannot())))
    };
    let found = diff::diff(&read(old)?, &read(new)?);
    let text = match globals.format {
        Format::Json => diff::json(&found),
        _ => diff::text(&found),
    };
    output::text(&text, globals)?;
    Ok(match globals.fail_on_findings && !found.is_empty() {
        true => 3,
        false => 0,
    })
}
