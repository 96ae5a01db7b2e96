//! `report-certificates`: one certificate in each place.

use lamplighter_local_aws::{AcmCertificate, World};

use super::{Case, Play, prove};
use crate::policies::stage::{ACCOUNT, OTHER, REGION, world};
use crate::report_certificates::pem;

fn one_of_each() -> World {
    world()
        .certificate(ACCOUNT, REGION, AcmCertificate::issued(&pem("server.pem")))
        .certificate(OTHER, REGION, AcmCertificate::issued(&pem("server.pem")))
        .server_certificate(ACCOUNT, "web", &pem("rsa-1024.pem"), None)
}

#[test]
fn report_certificates_needs_exactly_what_is_printed() {
    for (mode, lines) in [
        ("plan", "acm = true\niam = true"),
        ("apply", "acm = true\niam = true"),
        ("plan", "acm = true\niam = false"),
        ("plan", "acm = false\niam = true"),
    ] {
        prove(&Case {
            function: "report-certificates",
            name: "a round",
            mode,
            lines,
            plays: vec![
                Play {
                    world: one_of_each,
                    steps: |stage| stage.run(0),
                },
                Play {
                    world: one_of_each,
                    steps: |stage| stage.slot(),
                },
            ],
        });
    }
}
