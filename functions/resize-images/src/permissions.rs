//! The IAM statements this function needs under a configuration. What all functions share (mail, state, roles) is
//! added by `shared/shell`.

use lamplighter_config::Config;
use lamplighter_core::Statement;

/// The statements that `config` needs. In plan mode none of them can change anything.
pub fn permissions(config: &Config) -> Vec<Statement> {
    let section = &config.resize_images;
    let sources = &section.intake.sources;
    let mut statements = vec![];
    if !sources.is_empty() {
        statements.push(Statement::allow(
            "ReadImages",
            &["s3:GetObject"],
            sources
                .iter()
                .map(|source| format!("arn:aws:s3:::{}/{}*", source.bucket, source.prefix)),
        ));
    }
    for (number, source) in sources.iter().enumerate() {
        // Without it S3 answers 403 and not 404 for an image that was removed.
        statements.push(
            Statement::allow(
                &format!("ReadWhetherImageIsThere{}", number + 1),
                &["s3:ListBucket"],
                [format!("arn:aws:s3:::{}", source.bucket)],
            )
            .only_if("StringLike", "s3:prefix", format!("{}*", source.prefix)),
        );
    }
    let mut buckets: Vec<&str> = match &section.output_bucket {
        Some(bucket) => vec![bucket],
        None => sources
            .iter()
            .map(|source| source.bucket.as_str())
            .collect(),
    };
    buckets.sort_unstable();
    buckets.dedup();
    if buckets.is_empty() {
        return statements;
    }
    let prefix = &section.output_prefix;
    let objects: Vec<String> = buckets
        .iter()
        .map(|bucket| format!("arn:aws:s3:::{bucket}/{prefix}*"))
        .collect();
    // The copies that are there, and what they were made from.
    statements.push(Statement::allow(
        "ReadCopies",
        &["s3:GetObject"],
        objects.clone(),
    ));
    statements.push(
        Statement::allow(
            "ReadWhetherCopyIsThere",
            &["s3:ListBucket"],
            buckets
                .iter()
                .map(|bucket| format!("arn:aws:s3:::{bucket}")),
        )
        .only_if("StringLike", "s3:prefix", format!("{prefix}*")),
    );
    statements.push(Statement::allow(
        "ActStoreCopies",
        &["s3:PutObject"],
        objects.clone(),
    ));
    if section.remove_copies {
        statements.push(Statement::allow(
            "ActRemoveCopies",
            &["s3:DeleteObject"],
            objects,
        ));
    }
    statements
}
