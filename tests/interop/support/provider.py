"""An OpenID provider: node-oidc-provider behind TLS, whose keys the test holds."""

from __future__ import annotations

import base64
import json
import os
import pathlib
import signal
import ssl
import urllib.parse
import urllib.request

from support import wire
from support.ca import Authority, Certificate
from support.peers import Program, free_port
from support.tokens import Key
from support.workstations import node_modules

SCRIPT = pathlib.Path(__file__).resolve().parents[1] / "node" / "provider.js"
RESOURCE = "urn:dicomgate"


class Provider(Program):
    """`people`: names with their claims; `seconds` among them is how long their tokens last."""

    def __init__(self, folder: pathlib.Path, authority: Authority, own: Certificate, people: dict[str, dict]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        port = free_port()
        self.issuer = f"https://localhost:{port}"
        self.authority, self.keys = authority, [Key.elliptic("first")]
        self._jwks = folder / "keys.json"
        self._write_keys()
        who = {
            name: {
                "secret": f"secret-of-{name}",
                "seconds": claims.get("seconds"),
                "claims": {"preferred_username": name} | {key: value for key, value in claims.items() if key != "seconds"},
            }
            for name, claims in people.items()
        }
        settings = {
            "port": port, "issuer": self.issuer, "certificate": str(own.certificate), "key": str(own.key),
            "keys": str(self._jwks), "people": who, "audience": "dicomgate", "resource": RESOURCE, "modules": str(node_modules()),
        }  # fmt: skip
        (folder / "provider.json").write_text(json.dumps(settings))
        super().__init__(["node", str(SCRIPT), str(folder / "provider.json")], folder, port)

    def _write_keys(self) -> None:
        beside = self._jwks.with_suffix(".new")
        beside.write_text(json.dumps({"keys": [key.jwk(private=True) for key in self.keys]}))
        beside.replace(self._jwks)

    def rotate(self, *, keep: bool = False) -> Key:
        """A new key signs from now on; the old one is published on only if `keep`."""
        fresh = Key.elliptic(f"key-{len(self.keys) + 1}-{os.urandom(2).hex()}")
        self.keys = [fresh, *(self.keys if keep else [])]
        self._write_keys()
        before = self.output().count("keys read")
        assert self.process is not None
        self.process.send_signal(signal.SIGHUP)
        wire.wait_for(lambda: self.output().count("keys read") > before, 10, "the provider's new keys")
        return fresh

    def token(self, name: str, *, resource: str = RESOURCE, scope: str = "dicom") -> str:
        """What the provider itself hands out to this person."""
        form = urllib.parse.urlencode({"grant_type": "client_credentials", "scope": scope, "resource": resource}).encode()
        request = urllib.request.Request(f"{self.issuer}/token", data=form)
        login = base64.b64encode(f"{name}:secret-of-{name}".encode()).decode()
        request.add_header("Authorization", f"Basic {login}")
        context = ssl.create_default_context(cafile=str(self.authority.certificate))
        with urllib.request.urlopen(request, timeout=20, context=context) as answer:
            return json.loads(answer.read())["access_token"]

    def asked_for_keys(self) -> int:
        return self.output().count("GET /jwks")

    def freeze(self) -> None:
        """As a machine that hangs: connections are taken, nothing is answered."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGCONT)

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.thaw()
        super().stop()
