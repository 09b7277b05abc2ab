"""A gateway that seals: its keys, its escrow, an archive of a maker behind it, proven by the probe."""

from __future__ import annotations

import pathlib
import subprocess

from support import gateway as under_test

ESCROW_KINDS = {
    "rsa": ["-newkey", "rsa:2048"],
    "p256": ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"],
    "p384": ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-384"],
}


def escrow(folder: pathlib.Path, kind: str) -> tuple[pathlib.Path, pathlib.Path]:
    """A self-signed certificate and its private key, which a hospital would keep elsewhere."""
    folder.mkdir(parents=True, exist_ok=True)
    away = folder / "away"
    away.mkdir(exist_ok=True)
    certificate, key = folder / f"escrow-{kind}.crt", away / f"escrow-{kind}.key"
    subprocess.run(
        ["openssl", "req", "-x509", *ESCROW_KINDS[kind], "-nodes", "-days", "3650", "-subj", f"/CN=escrow {kind}", "-keyout", str(key), "-out", str(certificate)],
        check=True, capture_output=True,
    )  # fmt: skip
    return certificate, key


def made_escrow(folder: pathlib.Path) -> pathlib.Path:
    """The certificates and keys that the Rust tests use, made anew."""
    subprocess.run(["bash", under_test.ROOT / "tests" / "vault" / "make-escrow", folder], check=True)
    return folder


def policy(*titles: str, receives: int | None = None) -> dict[str, object]:
    """A CT that stores sealed, a workstation that has opened (and `receives` at a port), a registrar that finds and may not open."""
    where = {} if receives is None else {"address": f"127.0.0.1:{receives}"}
    to = list(titles or ("PACS",))
    return {
        "peer": [
            under_test.peer("CT1", "ct1.test", groups=["modality"]),
            under_test.peer("WS1", "ws1.test", groups=["workstation"], **where),
            under_test.peer("CT2", "ct2.test"),
        ],
        "rule": [
            under_test.rule("modalities store", ["group:modality"], ["echo", "store", "commit"], to=to, seal=True),
            under_test.rule("workstations read", ["group:workstation"], ["echo", "find", "get", "move"], to=to, destinations=["self"], open=True),
            under_test.rule("others only find", ["peer:CT2"], ["echo", "find", "get"], to=to),
        ],
    }


def settings(folder: pathlib.Path, kinds: tuple[str, ...] = ("rsa",), **more: object) -> dict[str, object]:
    """The table `[vault]`, with fresh escrow certificates."""
    return {
        "seal": "policy",
        "keys": folder / "state" / "keys",
        "escrow": [str(escrow(folder / "escrow", kind)[0]) for kind in kinds],
        "probe_age": "0s",
    } | more  # fmt: skip


ALWAYS = {"all_readers_pass_the_gateway": True}


def ready(gateway: under_test.Gateway) -> None:
    """Makes the first key, and starts the gateway, which makes what it signs with."""
    gateway.run("vault", "new-key")
    gateway.start()


def probe(gateway: under_test.Gateway, title: str = "PACS", largest: int = 1048576) -> str:
    """Proves an archive."""
    return gateway.run("vault", "probe", title, "--largest", str(largest), seconds=300).stdout


def prove(gateway: under_test.Gateway, title: str = "PACS") -> str:
    """A gateway that has its key and seals for its archive."""
    ready(gateway)
    return probe(gateway, title)
