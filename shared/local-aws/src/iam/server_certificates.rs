//! Server certificates.

use chrono::{DateTime, Utc};

use crate::pem;
use crate::service::Ask;
use crate::wire::{AwsError, Response, Xml};
use crate::world::World;

use super::{cut, gone, members, page, result, timestamp, write_end};

/// A server certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ServerCertificate {
    name: String,
    path: String,
    id: String,
    arn: String,
    uploaded_at: DateTime<Utc>,
    not_after: DateTime<Utc>,
    body: String,
    chain: Option<String>,
}

impl World {
    /// Adds a server certificate, from its PEM and perhaps its chain's.
    ///
    /// Panics if the world has no such account, or the PEM is none: that is a slip of the pen.
    pub fn server_certificate(
        mut self,
        account: &str,
        name: &str,
        certificate: &str,
        chain: Option<&str>,
    ) -> World {
        let home = self.home().to_owned();
        self.assert_place(account, &home);
        self.upload(account, name, "/", certificate, chain)
            .expect("a certificate as PEM");
        self
    }

    fn upload(
        &mut self,
        account: &str,
        name: &str,
        path: &str,
        certificate: &str,
        chain: Option<&str>,
    ) -> Result<ServerCertificate, String> {
        let parsed = pem::parse(certificate)?;
        let number = self.next_number();
        let one = ServerCertificate {
            name: name.to_owned(),
            path: path.to_owned(),
            id: format!("ASCALOCALAWS{number:09}"),
            arn: format!("arn:aws:iam::{account}:server-certificate{path}{name}"),
            uploaded_at: self.now(),
            not_after: parsed.not_after,
            body: certificate.to_owned(),
            chain: chain.map(str::to_owned),
        };
        self.iam_of(account)
            .server_certificates
            .insert(name.to_owned(), one.clone());
        Ok(one)
    }
}

fn write_metadata(xml: &mut Xml, one: &ServerCertificate) {
    xml.leaf("Path", &one.path)
        .leaf("ServerCertificateName", &one.name)
        .leaf("ServerCertificateId", &one.id)
        .leaf("Arn", &one.arn)
        .leaf("UploadDate", timestamp(one.uploaded_at))
        .leaf("Expiration", timestamp(one.not_after));
}

pub(super) fn list_server_certificates(
    world: &mut World,
    ask: &Ask<'_>,
) -> Result<Response, AwsError> {
    let page = page(world, ask)?;
    let certificates = &world.iam_of(&ask.caller.account).server_certificates;
    let entries = certificates.iter().map(|(name, one)| (name.clone(), one));
    let (shown, marker) = cut(&page, entries);
    Ok(result("ListServerCertificates", ask, |xml| {
        members(xml, "ServerCertificateMetadataList", shown, write_metadata);
        write_end(xml, marker);
    }))
}

pub(super) fn get_server_certificate(
    world: &mut World,
    ask: &Ask<'_>,
) -> Result<Response, AwsError> {
    let name = asked_name(ask);
    let certificates = &world.iam_of(&ask.caller.account).server_certificates;
    let one = certificates.get(name).ok_or_else(|| {
        gone(format!(
            "The Server Certificate with name {name} cannot be found."
        ))
    })?;
    Ok(result("GetServerCertificate", ask, |xml| {
        xml.node("ServerCertificate", |xml| {
            xml.node("ServerCertificateMetadata", |xml| write_metadata(xml, one));
            xml.leaf("CertificateBody", &one.body)
                .maybe("CertificateChain", one.chain.as_ref());
        });
    }))
}

pub(super) fn upload_server_certificate(
    world: &mut World,
    ask: &Ask<'_>,
) -> Result<Response, AwsError> {
    let params = &ask.request.form;
    let (name, account) = (asked_name(ask), ask.caller.account.clone());
    if world
        .iam_of(&account)
        .server_certificates
        .contains_key(name)
    {
        let message = format!("The Server Certificate with name {name} already exists.");
        return Err(AwsError::new(409, "EntityAlreadyExists", message));
    }
    let body = params.get("CertificateBody").unwrap_or_default();
    let path = params.get("Path").unwrap_or("/");
    let one = world
        .upload(&account, name, path, body, params.get("CertificateChain"))
        .map_err(|_| AwsError::new(400, "MalformedCertificate", "Unable to parse certificate."))?;
    Ok(result("UploadServerCertificate", ask, |xml| {
        xml.node("ServerCertificateMetadata", |xml| write_metadata(xml, &one));
    }))
}

fn asked_name<'a>(ask: &Ask<'a>) -> &'a str {
    ask.request
        .form
        .get("ServerCertificateName")
        .unwrap_or_default()
}
