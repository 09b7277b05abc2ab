"""A certificate authority made with the `openssl` program, and certificates of every kind that must be refused."""

from __future__ import annotations

import dataclasses
import functools
import pathlib
import ssl
import subprocess

_CONFIG = """
[ca]
default_ca = here
[here]
dir = .
database = index.txt
serial = serial
crlnumber = crlnumber
new_certs_dir = issued
certificate = ca.crt
private_key = ca.key
default_md = sha256
default_days = 30
default_crl_days = 30
policy = any
copy_extensions = copy
unique_subject = no
[any]
commonName = supplied
[req]
distinguished_name = name
prompt = no
[name]
commonName = dicomgate test
[v3_ca]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
[leaf]
basicConstraints = critical,CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = serverAuth,clientAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
"""

PAST, RECENT, SOON, FUTURE = "20200101000000Z", "20200201000000Z", "20990101000000Z", "20990201000000Z"


def openssl(folder: pathlib.Path, *arguments: str, stdin: bytes = b"") -> bytes:
    done = subprocess.run(["openssl", *arguments], cwd=folder, input=stdin, capture_output=True, check=False)
    assert done.returncode == 0, f"openssl {' '.join(arguments)}: {done.stderr.decode()}"
    return done.stdout


@dataclasses.dataclass(frozen=True)
class Certificate:
    """A certificate and its key, as files."""

    certificate: pathlib.Path
    key: pathlib.Path

    @functools.cached_property
    def pin(self) -> str:
        """`sha256:` and the digest of the public key, as a policy pins it."""
        folder = self.certificate.parent
        public = openssl(folder, "x509", "-in", self.certificate.name, "-noout", "-pubkey")
        der = openssl(folder, "pkey", "-pubin", "-outform", "DER", stdin=public)
        return "sha256:" + openssl(folder, "dgst", "-sha256", "-r", stdin=der).split()[0].decode()


class Authority:
    """One CA in a folder of its own."""

    def __init__(self, folder: pathlib.Path, name: str = "Test CA") -> None:
        self.folder = folder
        (folder / "issued").mkdir(parents=True)
        (folder / "index.txt").write_text("")
        (folder / "serial").write_text("1000\n")
        (folder / "crlnumber").write_text("01\n")
        (folder / "ca.cnf").write_text(_CONFIG)
        self._key("ca")
        openssl(
            folder, "req", "-x509", "-new", "-key", "ca.key", "-sha256", "-days", "3650", "-subj", f"/CN={name}",
            "-config", "ca.cnf", "-extensions", "v3_ca", "-out", "ca.crt",
        )  # fmt: skip
        self.certificate = folder / "ca.crt"
        self.crl = folder / "ca.crl"
        self.write_crl()

    def _key(self, name: str) -> None:
        openssl(self.folder, "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", f"{name}.key")

    def issue(self, name: str, dns: str | None = None, *, start: str | None = None, end: str | None = None) -> Certificate:
        """A certificate for `dns` (default `NAME.test`), optionally valid in the past or the future only."""
        dns = dns or f"{name}.test"
        self._key(name)
        (self.folder / f"{name}.cnf").write_text(
            f"[req]\ndistinguished_name=n\nprompt=no\nreq_extensions=e\n[n]\ncommonName={dns}\n"
            f"[e]\nsubjectAltName=DNS:{dns},DNS:localhost,IP:127.0.0.1\n"
            if name == "gateway" or name.startswith("peer-")
            else f"[req]\ndistinguished_name=n\nprompt=no\nreq_extensions=e\n[n]\ncommonName={dns}\n"
            f"[e]\nsubjectAltName=DNS:{dns}\n"
        )
        openssl(self.folder, "req", "-new", "-key", f"{name}.key", "-config", f"{name}.cnf", "-out", f"{name}.csr")
        dates = ([] if start is None else ["-startdate", start]) + ([] if end is None else ["-enddate", end])
        openssl(
            self.folder, "ca", "-batch", "-notext", "-config", "ca.cnf", "-extensions", "leaf", "-in", f"{name}.csr",
            "-out", f"{name}.crt", *dates,
        )  # fmt: skip
        return Certificate(self.folder / f"{name}.crt", self.folder / f"{name}.key")

    def self_signed(self, name: str) -> Certificate:
        """A certificate that nobody vouches for, as devices make it themselves."""
        self._key(name)
        openssl(
            self.folder, "req", "-x509", "-new", "-key", f"{name}.key", "-sha256", "-days", "30", "-subj", f"/CN={name}",
            "-config", "ca.cnf", "-out", f"{name}.crt",
        )  # fmt: skip
        return Certificate(self.folder / f"{name}.crt", self.folder / f"{name}.key")

    def revoke(self, certificate: Certificate) -> None:
        openssl(self.folder, "ca", "-batch", "-config", "ca.cnf", "-revoke", str(certificate.certificate))
        self.write_crl()

    def write_crl(self) -> None:
        """Writes the revocation list beside and renames it over the old one, as an administrator's job should."""
        openssl(self.folder, "ca", "-batch", "-gencrl", "-config", "ca.cnf", "-out", "ca.crl.new")
        (self.folder / "ca.crl.new").replace(self.crl)

    def client(
        self,
        own: Certificate | None,
        *,
        newest: ssl.TLSVersion | None = None,
        oldest: ssl.TLSVersion | None = None,
        alpn: list[str] | None = None,
    ) -> ssl.SSLContext:
        """A TLS client that trusts this CA and presents `own`, if any."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(self.certificate)
        if own is not None:
            context.load_cert_chain(own.certificate, own.key)
        if newest is not None:
            context.maximum_version = newest
        if oldest is not None:
            context.minimum_version = oldest
        if alpn is not None:
            context.set_alpn_protocols(alpn)
        return context

    def server(self, own: Certificate, *, ask_client: bool = True) -> ssl.SSLContext:
        """A TLS server with `own` that asks for a certificate of this CA."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(own.certificate, own.key)
        if ask_client:
            context.load_verify_locations(self.certificate)
            context.verify_mode = ssl.CERT_REQUIRED
        return context
