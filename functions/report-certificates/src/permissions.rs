//! The IAM statements this function needs under a configuration: it only reads.

use lamplighter_config::Config;
use lamplighter_core::Statement;

/// The statements that `config` needs.
pub fn permissions(config: &Config) -> Vec<Statement> {
    let section = &config.report_certificates;
    let mut statements = Vec::new();
    if section.acm {
        // The list can be asked for as a whole only.
        statements.push(Statement::allow(
            "ReadAcmList",
            &["acm:ListCertificates"],
            ["*"],
        ));
        statements.push(Statement::allow(
            "ReadAcmCertificates",
            &["acm:DescribeCertificate", "acm:GetCertificate"],
            ["arn:aws:acm:*:*:certificate/*"],
        ));
    }
    if section.iam {
        statements.push(Statement::allow(
            "ReadServerCertificateList",
            &["iam:ListServerCertificates"],
            ["*"],
        ));
        statements.push(Statement::allow(
            "ReadServerCertificates",
            &["iam:GetServerCertificate"],
            ["arn:aws:iam::*:server-certificate/*"],
        ));
    }
    statements
}
