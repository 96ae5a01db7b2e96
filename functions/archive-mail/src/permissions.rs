//! The IAM statements this function needs under a configuration. What all functions share (mail, state, roles) is
//! added by `shared/shell`.

use lamplighter_config::Config;
use lamplighter_core::Statement;

/// The statements that `config` needs. In plan mode none of them can change anything.
pub fn permissions(config: &Config) -> Vec<Statement> {
    let section = &config.archive_mail;
    let mut statements = vec![];
    let sources = &section.intake.sources;
    if !sources.is_empty() {
        statements.push(Statement::allow(
            "ReadMail",
            // With a version in the event S3 asks for the second one.
            &["s3:GetObject", "s3:GetObjectVersion"],
            sources
                .iter()
                .map(|source| format!("arn:aws:s3:::{}/{}*", source.bucket, source.prefix)),
        ));
        for (number, source) in sources.iter().enumerate() {
            // Without it S3 answers 403 and not 404 for a mail that is not there yet. Looking for an object names no
            // prefix, so the condition must hold without one too.
            statements.push(
                Statement::allow(
                    &format!("ReadWhetherMailIsThere{}", number + 1),
                    &["s3:ListBucket"],
                    [format!("arn:aws:s3:::{}", source.bucket)],
                )
                .only_if(
                    "StringLikeIfExists",
                    "s3:prefix",
                    format!("{}*", source.prefix),
                ),
            );
        }
    }
    let Some(bucket) = &section.archive_bucket else {
        return statements;
    };
    let objects = format!("arn:aws:s3:::{bucket}/{}*", section.archive_prefix);
    // What is archived, the digest, and links: a signed one may do no more than who signed it.
    statements.push(Statement::allow(
        "ReadArchive",
        &["s3:GetObject"],
        [objects.clone()],
    ));
    statements.push(
        Statement::allow(
            "ReadWhatIsArchived",
            &["s3:ListBucket"],
            [format!("arn:aws:s3:::{bucket}")],
        )
        .only_if(
            "StringLike",
            "s3:prefix",
            format!("{}*", section.archive_prefix),
        ),
    );
    statements.push(Statement::allow("ActArchive", &["s3:PutObject"], [objects]));
    if let Some(from) = &section.forward_from
        && !section.forward_to.is_empty()
    {
        let address = from
            .rsplit_once('<')
            .map_or(from.as_str(), |(_, rest)| rest.trim_end_matches('>'))
            .trim();
        // SES checks `SendRawEmail` for a raw message, also when it comes through API v2's `SendEmail`.
        statements.push(
            Statement::allow(
                "ActForward",
                &["ses:SendEmail", "ses:SendRawEmail"],
                ["arn:aws:ses:*:*:identity/*"],
            )
            .only_if("StringEquals", "ses:FromAddress", address),
        );
    }
    statements
}
