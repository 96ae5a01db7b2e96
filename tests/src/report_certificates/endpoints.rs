//! TLS endpoints: expired and untrusted peers are read like any other.

use std::net::TcpListener;

use super::server::{Before, make, serve};
use super::{Stage, buckets, findings, rules, world};

fn stage(endpoints: &[String]) -> Stage {
    let endpoints: Vec<String> = endpoints
        .iter()
        .map(|endpoint| format!("\"{endpoint}\""))
        .collect();
    Stage::of(
        world(),
        &format!(
            "acm = false\niam = false\nendpoint_timeout_secs = 3\nendpoint_addresses = \"ipv4\"\nendpoints = [{}]\n",
            endpoints.join(", ")
        ),
    )
}

#[test]
fn an_expired_peer_is_read_in_tls_smtp_and_imap() {
    let folder = tempfile::tempdir().expect("a folder");
    make(folder.path(), "20250101000000Z", "20260101000000Z");
    let plain = serve(folder.path(), Before::Nothing);
    let smtp = serve(folder.path(), Before::Smtp);
    let imap = serve(folder.path(), Before::Imap);
    let stage = stage(&[
        format!("127.0.0.1:{}", plain.address.port()),
        format!("smtp+starttls://127.0.0.1:{}", smtp.address.port()),
        format!("imap+starttls://127.0.0.1:{}", imap.address.port()),
    ]);
    let run = stage.run().code(0).json();
    let found: Vec<_> = buckets(&run).into_values().collect();
    assert_eq!(
        found,
        [("2026-01-01T00:00:00Z".to_owned(), "expired".to_owned())],
        "one certificate"
    );
    let finding = &findings(&run)[0];
    assert_eq!(
        (&finding["severity"], &finding["evidence"]["sources_count"]),
        (&"critical".into(), &3.into())
    );
    assert!(
        finding["resource"]
            .as_str()
            .is_some_and(|resource| resource.contains("127.0.0.1"))
    );
    assert_eq!(run["coverage"].as_array().map(Vec::len), Some(3));
    assert_eq!(stage.aws.calls().len(), 1, "nothing but who the caller is");
}

#[test]
fn trust_and_names_are_told_apart_from_the_end() {
    let folder = tempfile::tempdir().expect("a folder");
    make(folder.path(), "20260101000000Z", "20380101000000Z");
    let server = serve(folder.path(), Before::Nothing);
    let port = server.address.port();
    let run = |endpoint: &str, roots: &str| {
        let stage = stage(&[format!("{endpoint}:{port}")]);
        let ran = stage
            .program([
                "run",
                "report-certificates",
                "--format",
                "json",
                "--all",
                "--now",
                super::NOW,
            ])
            .env("SSL_CERT_FILE", folder.path().join(roots))
            .run()
            .code(0);
        let run = ran.json();
        let rules: Vec<String> = rules(&run).into_keys().map(str::to_owned).collect();
        (
            buckets(&run).into_values().next().map(|(_, bucket)| bucket),
            rules,
        )
    };
    let valid = Some("valid".to_owned());
    assert_eq!(run("127.0.0.1", "root.pem"), (valid.clone(), vec![]));
    assert_eq!(
        run("127.0.0.1", "leaf.pem"),
        (valid.clone(), vec!["certificate-untrusted".to_owned()])
    );
    // The same machine by its name, for which the certificate is not.
    assert_eq!(
        run("localhost", "root.pem"),
        (valid, vec!["certificate-name-mismatch".to_owned()])
    );
}

#[test]
fn an_endpoint_that_cannot_be_met_is_told_and_never_green() {
    // Bound and closed again: nobody listens there.
    let closed = TcpListener::bind("127.0.0.1:0")
        .expect("a port")
        .local_addr()
        .expect("an address");
    // Listens, and never answers.
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let silent_address = silent.local_addr().expect("an address");
    let names = [
        closed.to_string(),
        silent_address.to_string(),
        format!("smtp+starttls://{silent_address}"),
        "no-such-host.invalid:443".to_owned(),
    ];
    let run = stage(&names).run().code(4).json();
    assert_eq!(run["outcome"], "partial");
    for name in &names {
        let scope = format!("endpoints/{name}");
        let row = run["coverage"]
            .as_array()
            .expect("coverage")
            .iter()
            .find(|row| row["scope"] == *scope);
        assert_eq!(
            row.map(|row| &row["status"]),
            Some(&"unreadable".into()),
            "{name}"
        );
    }
}
