//! LDAP and Active Directory: a person's name and passcode are tried there, over TLS, and groups become roles.
