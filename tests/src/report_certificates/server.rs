//! TLS servers of this machine, some with a few words of SMTP or IMAP before.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use crate::harness::runtime;

/// What is spoken before TLS.
#[derive(Clone, Copy)]
pub enum Before {
    Nothing,
    Smtp,
    Imap,
}

/// A server that shakes hands and hangs up, until it is dropped.
pub struct Server {
    pub address: SocketAddr,
    task: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Makes a key, and a certificate for 127.0.0.1 and not for `localhost` that an authority of its own has signed: `root.pem`,
/// `leaf.pem` and `leaf.key` in this folder.
pub fn make(folder: &Path, from: &str, until: &str) {
    let script = format!(
        r#"set -e
        : > index.txt
        printf '[ca]\ndefault_ca=c\n[c]\ndatabase=index.txt\nnew_certs_dir=.\ndefault_md=sha256\npolicy=p\nrand_serial=yes\nunique_subject=no\n[p]\ncommonName=supplied\n[root]\nbasicConstraints=critical,CA:TRUE\n[leaf]\nsubjectAltName=DNS:other.example.test,IP:127.0.0.1\n' > ca.cnf
        for name in root leaf; do
            openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out $name.key
            openssl req -new -key $name.key -subj "/CN=$name of this test" -out $name.csr
        done
        openssl ca -batch -notext -config ca.cnf -selfsign -keyfile root.key -in root.csr -startdate 20200101000000Z -enddate 20400101000000Z -extensions root -out root.pem
        : > index.txt
        openssl ca -batch -notext -config ca.cnf -cert root.pem -keyfile root.key -in leaf.csr -startdate {from} -enddate {until} -extensions leaf -out leaf.pem"#
    );
    let output = Command::new("sh")
        .args(["-c", &script])
        .current_dir(folder)
        .output()
        .expect("sh runs");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// Serves `leaf.pem` of a folder on a port of 127.0.0.1.
pub fn serve(folder: &Path, before: Before) -> Server {
    let chain: Vec<CertificateDer<'static>> =
        CertificateDer::pem_file_iter(folder.join("leaf.pem"))
            .expect("there is a certificate")
            .collect::<Result<_, _>>()
            .expect("it is PEM");
    let key = PrivateKeyDer::from_pem_file(folder.join("leaf.key")).expect("there is a key");
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions of TLS")
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .expect("the key fits");
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = runtime()
        .block_on(TcpListener::bind("127.0.0.1:0"))
        .expect("a port");
    let address = listener.local_addr().expect("it has an address");
    let task = runtime().spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                if let Some(stream) = speak(stream, before).await {
                    // Whoever comes may hang up after the handshake.
                    acceptor.accept(stream).await.ok();
                }
            });
        }
    });
    Server { address, task }
}

/// Speaks until STARTTLS; `None` if it never comes.
async fn speak(stream: TcpStream, before: Before) -> Option<TcpStream> {
    let (greeting, answer, go) = match before {
        Before::Nothing => return Some(stream),
        Before::Smtp => (
            "220 mx.example.test ESMTP\r\n",
            "250-mx.example.test\r\n250 STARTTLS\r\n",
            "220 go ahead\r\n",
        ),
        Before::Imap => ("* OK ready\r\n", "* BAD\r\n", "a OK begin\r\n"),
    };
    let mut stream = BufReader::new(stream);
    stream.write_all(greeting.as_bytes()).await.ok()?;
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await.ok()? == 0 {
            return None;
        }
        let is_last = line.contains("STARTTLS");
        let text = if is_last { go } else { answer };
        stream.write_all(text.as_bytes()).await.ok()?;
        if is_last {
            return Some(stream.into_inner());
        }
    }
}
