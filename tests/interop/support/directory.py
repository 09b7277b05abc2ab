"""A directory: OpenLDAP's slapd over TLS, with people and groups."""

from __future__ import annotations

import pathlib
import shutil
import subprocess

from support.ca import Authority, Certificate
from support.peers import Program, free_port

BASE = "dc=hospital,dc=test"
SERVICE = f"cn=dicomgate,ou=services,{BASE}"
SERVICE_PASSWORD = "the-service's own"


def _slapd() -> str:
    found = shutil.which("slapd", path="/usr/sbin:/usr/local/sbin:/usr/bin")
    assert found, "slapd is not installed: tests/run installs it"
    return found


class Directory(Program):
    """`people`: names with passcode and groups."""

    def __init__(self, folder: pathlib.Path, authority: Authority, own: Certificate, people: dict[str, tuple[str, list[str]]]) -> None:
        (folder / "data").mkdir(parents=True)
        port = free_port()
        # The system's own profile (AppArmor) lets slapd read below /etc/ldap only; it goes by the path of the program.
        program = folder / "slapd"
        shutil.copy(_slapd(), program)
        config = folder / "slapd.conf"
        config.write_text(
            "include /etc/ldap/schema/core.schema\ninclude /etc/ldap/schema/cosine.schema\n"
            "include /etc/ldap/schema/inetorgperson.schema\n"
            "modulepath /usr/lib/ldap\nmoduleload back_mdb\n"
            f"TLSCACertificateFile {authority.certificate}\nTLSCertificateFile {own.certificate}\n"
            f"TLSCertificateKeyFile {own.key}\nTLSVerifyClient never\n"
            f"security ssf=128\ndatabase mdb\nsuffix \"{BASE}\"\ndirectory {folder / 'data'}\nmaxsize 10485760\n"
            f"access to attrs=userPassword by anonymous auth by * none\naccess to * by users read by * none\n"
        )
        entries = folder / "people.ldif"
        entries.write_text("\n".join(self._entries(people)))
        done = subprocess.run(
            [str(program), "-T", "add", "-f", str(config), "-l", str(entries)],
            cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        self.url, self.authority = f"ldaps://localhost:{port}", authority
        super().__init__([str(program), "-f", str(config), "-h", f"ldaps://127.0.0.1:{port}/", "-d", "256"], folder, port)

    def _entries(self, people: dict[str, tuple[str, list[str]]]) -> list[str]:
        out = [f"dn: {BASE}\nobjectClass: dcObject\nobjectClass: organization\no: Hospital\ndc: hospital\n"]
        out += [f"dn: ou={unit},{BASE}\nobjectClass: organizationalUnit\nou: {unit}\n" for unit in ("people", "groups", "services")]
        out.append(
            f"dn: {SERVICE}\nobjectClass: organizationalRole\nobjectClass: simpleSecurityObject\ncn: dicomgate\n"
            f"userPassword: {SERVICE_PASSWORD}\n"
        )
        groups: dict[str, list[str]] = {}
        for name, (passcode, member_of) in people.items():
            out.append(
                f"dn: {self.dn(name)}\nobjectClass: inetOrgPerson\nuid: {name}\ncn: {name}\nsn: {name}\nuserPassword: {passcode}\n"
            )
            for group in member_of:
                groups.setdefault(group, []).append(self.dn(name))
        for group, members in groups.items():
            listed = "".join(f"member: {member}\n" for member in members)
            out.append(f"dn: {self.group(group)}\nobjectClass: groupOfNames\ncn: {group}\n{listed}")
        return out

    @staticmethod
    def dn(name: str) -> str:
        return f"uid={name},ou=people,{BASE}"

    @staticmethod
    def group(name: str) -> str:
        return f"cn={name},ou=groups,{BASE}"
