//! Whom a client's certificate names. Only what the TLS library has verified comes here; what cannot be read
//! all the same names nobody.

use sha2::{Digest as _, Sha256};
use x509_cert::Certificate as X509;
use x509_cert::der::asn1::Ia5StringRef;
use x509_cert::der::{Decode as _, Encode as _};
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;

use crate::exchange::Certificate;

/// What stands in a certificate (DER); `None` where it cannot be read or names nobody.
pub(super) fn read(der: &[u8]) -> Option<Certificate> {
    let certificate = X509::from_der(der).ok()?;
    let inside = certificate.tbs_certificate();
    let (subject, issuer) = (inside.subject(), inside.issuer());
    if subject.is_empty() || issuer.is_empty() {
        return None;
    }
    let key = inside.subject_public_key_info().to_der().ok()?;
    let email = in_alternatives(&certificate).or_else(|| {
        let found: Option<Ia5StringRef<'_>> = subject.email_address().ok().flatten();
        found.map(|email| email.as_str().to_owned())
    });
    Some(Certificate {
        // RFC 4514: what a value holds can never be read as another attribute.
        subject: subject.to_string(),
        issuer: issuer.to_string(),
        name: subject.common_name().ok().flatten().map(|name| name.value().into_owned()),
        email,
        key_hash: Sha256::digest(key).iter().map(|byte| format!("{byte:02x}")).collect(),
    })
}

/// The first e-mail address among its alternative names (RFC 5280 section 4.2.1.6).
fn in_alternatives(certificate: &X509) -> Option<String> {
    let (_, names) = certificate.tbs_certificate().get_extension::<SubjectAltName>().ok()??;
    names.0.iter().find_map(|name| match name {
        GeneralName::Rfc822Name(email) => Some(email.as_str().to_owned()),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, CertifiedIssuer, DnType, KeyPair, SanType};

    use super::*;

    fn issued(issuer: &[(DnType, &str)], subject: &[(DnType, &str)], email: Option<&str>) -> Vec<u8> {
        let params = |names: &[(DnType, &str)]| {
            let mut params = CertificateParams::default();
            params.distinguished_name = rcgen::DistinguishedName::new();
            for (kind, value) in names {
                params.distinguished_name.push(kind.clone(), *value);
            }
            params
        };
        let issuer = CertifiedIssuer::self_signed(params(issuer), KeyPair::generate().unwrap()).unwrap();
        let mut subject = params(subject);
        subject.subject_alt_names =
            email.into_iter().map(|email| SanType::Rfc822Name(email.try_into().unwrap())).collect();
        subject.signed_by(&KeyPair::generate().unwrap(), &issuer).unwrap().der().to_vec()
    }

    #[test]
    fn a_certificate_names_its_subject_in_full_and_who_says_so() {
        let ours = [(DnType::CommonName, "Our CA"), (DnType::OrganizationName, "Ours")];
        let ada = [(DnType::CommonName, "Ada"), (DnType::OrganizationName, "Ours")];
        let read = read(&issued(&ours, &ada, Some("ada@example.org"))).unwrap();
        assert_eq!((read.subject.as_str(), read.issuer.as_str()), ("O=Ours,CN=Ada", "O=Ours,CN=Our CA"));
        assert_eq!((read.name.as_deref(), read.email.as_deref()), (Some("Ada"), Some("ada@example.org")));
        assert_eq!(read.key_hash.len(), 64);
    }

    // THREATS E65
    #[test]
    fn no_value_poses_as_another_attribute() {
        let ours = [(DnType::CommonName, "Our CA")];
        let honest = [(DnType::CommonName, "Ada"), (DnType::OrganizationName, "Ours")];
        let sly = [(DnType::CommonName, "Ada,O=Ours; issued by CN=Our CA\n")];
        let honest = read(&issued(&ours, &honest, None)).unwrap();
        let sly = read(&issued(&ours, &sly, None)).unwrap();
        assert_eq!(sly.subject, "CN=Ada\\,O=Ours\\; issued by CN=Our CA\\0a");
        assert_ne!(honest.id(), sly.id());
    }

    #[test]
    fn what_is_no_certificate_or_names_nobody_names_nobody() {
        assert_eq!(read(b""), None);
        assert_eq!(read(b"0\x82\xff\xff"), None);
        assert_eq!(read(&issued(&[(DnType::CommonName, "Our CA")], &[], Some("a@b"))), None);
        let mut cut = issued(&[(DnType::CommonName, "a")], &[(DnType::CommonName, "b")], None);
        cut.pop();
        assert_eq!(read(&cut), None);
    }
}
