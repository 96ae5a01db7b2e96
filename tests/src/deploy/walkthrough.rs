//! The commands of README.md as they stand there, run by a shell, against moto: as far as that goes without an account.
//! moto creates no stack from this template whose conditions are off, and runs no Lambda.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use super::packages::{CONFIG, X86_64, build};
use crate::harness::{Lamplighter, programs, root};
use crate::moto::{Moto, venv};

/// What pip installs. Version 2 is in no package index; for these commands the two are alike.
const AWS_CLI: &str = "awscli==1.46.*";

/// moto's account.
const ACCOUNT: &str = "123456789012";

/// The first block of commands under a heading of README.md.
fn commands(heading: &str) -> String {
    let readme = fs::read_to_string(root().join("README.md")).expect("README.md is there");
    let (_, section) = readme.split_once(heading).expect(heading);
    let (_, block) = section.split_once("\n```\n").expect("a block of commands");
    let (block, _) = block.split_once("\n```\n").expect("its end");
    block.to_owned()
}

/// Runs a script in a folder with these programs, as somebody who has built them.
fn run(script: &str, folder: &Path, moto: &Moto) -> String {
    let cargo = folder.join("bin/cargo");
    fs::create_dir_all(folder.join("bin")).expect("the folder is made");
    fs::write(&cargo, "#!/bin/sh\n").expect("it is written");
    fs::set_permissions(&cargo, Permissions::from_mode(0o755)).expect("the mode is set");
    let release = folder.join("target/release");
    build(&release, "stop-untagged", X86_64);
    symlink(programs().join("lamplighter"), release.join("lamplighter")).expect("it is linked");
    fs::write(folder.join("lamplighter.toml"), CONFIG).expect("it is written");
    let path = std::env::var("PATH").expect("there is a PATH");
    let bin = venv("aws-cli", &[AWS_CLI]);
    let path = format!(
        "{}:{}:{}:{path}",
        folder.join("bin").display(),
        release.display(),
        bin.display()
    );
    let ran = Command::new("bash")
        .args(["-e", "-u", "-o", "pipefail", "-c", script])
        .current_dir(folder)
        .envs(moto.environment())
        .env_remove("AWS_PROFILE")
        .env("AWS_DEFAULT_REGION", "eu-west-1") // version 1 knows no `AWS_REGION`
        .env("PATH", path)
        .output()
        .expect("bash runs");
    let (stdout, stderr) = (
        String::from_utf8_lossy(&ran.stdout),
        String::from_utf8_lossy(&ran.stderr),
    );
    assert!(
        ran.status.success(),
        "{script}\n--- stdout\n{stdout}\n--- stderr\n{stderr}"
    );
    stdout.into_owned()
}

#[test]
fn the_first_function_is_checked_packaged_and_uploaded_to_where_the_template_looks() {
    let (moto, folder) = (Moto::start(), tempfile::tempdir().expect("a folder"));
    let block = commands("### The first function");
    let (to_upload, _) = block
        .split_once("\naws cloudformation deploy ")
        .expect("the deployment");
    let made = format!("aws s3 mb s3://lamplighter-artifacts-{ACCOUNT}\n{to_upload}");
    let said = run(&made, folder.path(), &moto);
    assert!(said.contains("the configuration is sound"), "{said}");
    assert!(said.contains("A month, in US dollars"), "{said}");
    let objects = moto.python(&format!(
        "import boto3, hashlib, json\n\
         s3, bucket = boto3.client('s3'), 'lamplighter-artifacts-{ACCOUNT}'\n\
         keys = [one['Key'] for one in s3.list_objects_v2(Bucket=bucket)['Contents']]\n\
         body = lambda key: s3.get_object(Bucket=bucket, Key=key)['Body'].read()\n\
         print(json.dumps({{key: hashlib.sha256(body(key)).hexdigest() for key in keys}}))"
    ));
    let objects = objects.as_object().expect("keys and checksums");
    assert_eq!(objects.len(), 1, "{objects:?}");
    let template = fs::read_to_string(folder.path().join("template.yaml")).expect("the template");
    for (key, sha256) in objects {
        let sha256 = sha256.as_str().expect("a checksum");
        assert_eq!(*key, format!("lamplighter/stop-untagged/{sha256}.zip"));
        assert!(template.contains(sha256), "{template}");
    }
}

#[test]
fn the_pipeline_s_role_is_made_with_the_policy_that_is_printed() {
    let (moto, folder) = (Moto::start(), tempfile::tempdir().expect("a folder"));
    let script = format!("account={ACCOUNT}\n{}", commands("### A pipeline"));
    run(&script, folder.path(), &moto);
    let made = moto.python(
        "import boto3, json\n\
         iam, name = boto3.client('iam', 'eu-west-1'), 'deploy-lamplighter'\n\
         print(json.dumps({\n\
             'providers': [one['Arn'] for one in iam.list_open_id_connect_providers()['OpenIDConnectProviderList']],\n\
             'trust': iam.get_role(RoleName=name)['Role']['AssumeRolePolicyDocument'],\n\
             'policy': iam.get_role_policy(RoleName=name, PolicyName='deploy')['PolicyDocument']}))",
    );
    let provider =
        format!("arn:aws:iam::{ACCOUNT}:oidc-provider/token.actions.githubusercontent.com");
    assert_eq!(made["providers"], json!([provider]));
    let trust = &made["trust"]["Statement"][0];
    assert_eq!(trust["Principal"], json!({ "Federated": provider }));
    let printed = Lamplighter::new(["policy", "deploy", "--region", "eu-west-1"])
        .args(["--account", ACCOUNT])
        .run()
        .code(0);
    let printed: Value = serde_json::from_str(&printed.stdout).expect("a policy");
    assert_eq!(made["policy"], printed);
    // All inline policies of a role together; white space does not count.
    // <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>
    assert!(printed.to_string().len() <= 10_240);
}
