//! Names whose values are secrets, whatever they hold.

/// What kind of secret a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Made by a machine: its keyed hash tells nothing but equality.
    Token,
    /// Chosen or typed by people, or short: never hashed.
    Typed,
}

/// A name without case, `_`, `-`, blanks and the `[]` of form lists.
pub(super) fn fold(name: &str) -> String {
    name.chars().filter(|c| !matches!(c, '_' | '-' | ' ' | '[' | ']')).flat_map(char::to_lowercase).collect()
}

/// The kind of a folded name; whole names only, so that `passwordResetRequired` stays readable.
pub(super) fn kind(folded: &str) -> Option<Kind> {
    if TYPED.contains(&folded) {
        Some(Kind::Typed)
    } else if TOKENS.contains(&folded) {
        Some(Kind::Token)
    } else {
        None
    }
}

/// Longer names are not looked up.
pub(super) const NAME_BYTES_MAX: usize = 128;

const TYPED: &[&str] = &[
    "password",
    "passwd",
    "pwd",
    "pass",
    "passphrase",
    "passcode",
    "passwort",
    "kennwort",
    "motdepasse",
    "contrasena",
    "contraseña",
    "senha",
    "wachtwoord",
    "oldpassword",
    "newpassword",
    "newpassword1",
    "newpassword2",
    "currentpassword",
    "password1",
    "password2",
    "confirmpassword",
    "passwordconfirm",
    "passwordconfirmation",
    "passwordrepeat",
    "repeatpassword",
    "userpassword",
    "passwordhash",
    "hashedpassword",
    "pin",
    "pincode",
    "otp",
    "otpcode",
    "onetimecode",
    "onetimepassword",
    "totp",
    "totpcode",
    "mfacode",
    "twofactorcode",
    "2facode",
    "backupcode",
    "backupcodes",
    "recoverycode",
    "recoverycodes",
    "verificationcode",
    "securitycode",
    "securityanswer",
    "code",
    "cvv",
    "cvc",
    "cvv2",
    "ssn",
];

const TOKENS: &[&str] = &[
    "secret",
    "secrets",
    "clientsecret",
    "appsecret",
    "apisecret",
    "sharedsecret",
    "totpsecret",
    "webhooksecret",
    "token",
    "tokens",
    "accesstoken",
    "refreshtoken",
    "idtoken",
    "sessiontoken",
    "authtoken",
    "bearertoken",
    "apitoken",
    "resettoken",
    "invitetoken",
    "devicetoken",
    "csrf",
    "xsrf",
    "csrftoken",
    "xsrftoken",
    "csrfmiddlewaretoken",
    "authenticitytoken",
    "requestverificationtoken",
    "authorization",
    "proxyauthorization",
    "apikey",
    "apikeys",
    "privatekey",
    "secretkey",
    "accesskey",
    "signingkey",
    "encryptionkey",
    "cookie",
    "setcookie",
    "credential",
    "credentials",
    "sessionid",
    "sessionkey",
    "sid",
    "jsessionid",
    "phpsessid",
    "jwt",
    "assertion",
    "clientassertion",
    "samlresponse",
    "codeverifier",
    "connectionstring",
    "cardnumber",
    "creditcard",
];
