"""Who is asking: tokens of an OpenID provider, accounts of the gateway's own, a directory; DCMTK, pynetdicom and bytes."""

from __future__ import annotations

import subprocess
import time

import pytest
from pynetdicom import AE
from pynetdicom.pdu_primitives import UserIdentityNegotiation

from conftest import usual_policy
from support import corpus, tokens, verdict, wire
from support import gateway as under_test
from support.directory import SERVICE, SERVICE_PASSWORD, Directory
from support.provider import Provider
from support.tap import Tap, write_capture

REJECTED = wire.REJECT_UNKNOWN
AWAY = bytes((3, 0, 0, 0, 0, 4, 0, 2, 3, 1))
ECHO: wire.Proposal = {1: (wire.VERIFICATION, [wire.IMPLICIT]), 3: (wire.CT_IMAGE, [wire.EXPLICIT])}
LOCAL = ("dora", "correct horse battery")
REMOTE = ("lang", "Schl\u00fcssel zum Tor")
WRONG = "swordfish-17"
PERSON = "mueller"
INSIDE = 11112


def policy() -> dict[str, object]:
    """Readers may verify and store from workstations; the devices alone may not."""
    said = usual_policy()
    for peer in said["peer"]:
        if peer["ae_titles"] == ["WS1"]:
            peer["username_only"] = True
    said["rule"] = [
        under_test.rule("readers", ["role:reader"], ["echo", "store"], via=["group:workstation", "group:modality", "peer:OLD1"]),
        under_test.rule("by name", ["user:hello"], ["echo"], via=["group:workstation"]),
        under_test.rule("devices alone", ["peer:CT2"], ["echo"]),
    ]
    return said


def users(provider: Provider | None, directory: Directory | None, folder) -> dict[str, object]:
    """The tables of `[users]`."""
    tables: dict[str, object] = {"users": {"answer_after": "300ms"}}
    if provider is not None:
        tables["users.oidc"] = [
            {"issuer": provider.issuer, "audience": "dicomgate", "roles": "roles", "ca": provider.authority.certificate, "skew": "0s"}
        ]
    tables["users.local"] = {"file": folder / "users.toml"}
    if directory is not None:
        secret = folder / "ldap.password"
        secret.write_text(SERVICE_PASSWORD + "\n")
        secret.chmod(0o600)
        readers = under_test.Verbatim(f'{{ "{Directory.group("radiology")}" = "reader" }}')
        tables["users.ldap"] = {
            "url": directory.url, "base": "dc=hospital,dc=test", "bind_dn": SERVICE, "password_file": secret,
            "user_filter": "(uid={user})", "group_filter": "(&(objectClass=groupOfNames)(member={dn}))",
            "ca": directory.authority.certificate, "roles": readers,
        }  # fmt: skip
    return tables


def add_account(gateway, name: str, passcode: str, *roles: str) -> None:
    arguments = [part for role in roles for part in ("--role", role)]
    done = subprocess.run(
        [str(under_test.program()), "user", "add", name, "--password-stdin", *arguments, "--config", str(gateway.config)],
        cwd=gateway.folder, input=passcode + "\n", capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def build(house, *, provider: Provider | None = None, directory: Directory | None = None):
    """A gateway that knows people, its archive behind a tap."""
    archive = house.scripted()
    tap = house.keep(Tap(archive.port))
    folder = house.folder / f"people{len(house._built)}"
    folder.mkdir()
    gateway = house.gateway(tap.port, policy=policy(), plain=True, start=False, **users(provider, directory, folder))
    (folder / "users.toml").write_text("")
    (folder / "users.toml").chmod(0o600)
    add_account(gateway, *LOCAL, "reader")
    gateway.start()
    gateway.archive, gateway.tap = archive, tap
    return gateway


def idp(house) -> Provider:
    people = {
        PERSON: {"roles": ["reader"]},
        "nobody": {"roles": ["porter"]},
    }
    folder = house.folder / f"provider{len(house._built)}"
    return house.keep(Provider(folder, house.authority, house.authority.issue(f"peer-idp{len(house._built)}"), people)).start()


def ldap(house) -> Directory:
    folder = house.folder / f"directory{len(house._built)}"
    people = {REMOTE[0]: (REMOTE[1], ["radiology"]), "gast": ("gast", ["guests"])}
    return house.keep(Directory(folder, house.authority, house.authority.issue(f"peer-ldap{len(house._built)}"), people)).start()


@pytest.fixture(scope="module")
def site(shared_house):
    """Everything at once: provider, directory and local accounts."""
    provider, directory = idp(shared_house), ldap(shared_house)
    gateway = build(shared_house, provider=provider, directory=directory)
    gateway.provider, gateway.directory = provider, directory
    return gateway


def ask(gateway, certificate, kind: int, primary: bytes, secondary: bytes = b"", *, answer: bool = False, calling: str = "WS1") -> bytes:
    """What an association that names a person is answered."""
    with gateway.call(certificate) as connection:
        connection.send(wire.associate_rq(ECHO, calling=calling, extra=wire.identity(kind, primary, secondary, answer)))
        return connection.receive_raw()


def work(gateway, certificate, kind: int, primary: bytes, secondary: bytes = b"", *, calling: str = "WS1") -> dict:
    """An association in somebody's name that verifies and ends; its opening record."""
    with gateway.call(certificate) as connection:
        connection.associate(ECHO, calling=calling, extra=wire.identity(kind, primary, secondary, answer=True))
        assert connection.echo() == 0
        connection.release()
    return wire.wait_for(lambda: closing(gateway), 10, "the closing record")


def closing(gateway) -> dict | None:
    records = gateway.records()
    last = next((record for record in reversed(records) if record["event"] == "association-opened"), None)
    closed = [record for record in records if record["event"] == "association-closed"]
    return last if last and closed and closed[-1]["association"] == last["association"] else None


def user_items(raw: bytes) -> dict[int, bytes]:
    """The sub-items of a request's or an answer's user information."""
    information = next(value for kind, value in wire.items_of(raw[68:]) if kind == 0x50)
    return dict(wire.items_of(information))


def refused(gateway, *words: str) -> dict:
    record = verdict.last_refusal(gateway, event="association-refused", cause="user-identity")
    said = verdict.explained(gateway, record["incident"], *words)
    for secret in (LOCAL[1], REMOTE[1], SERVICE_PASSWORD, WRONG):
        assert secret not in said + gateway.output() + str(gateway.records())
    return record


# --- who is let in -----------------------------------------------------------------------------------------------


def proofs(site) -> dict[str, tuple[int, bytes, bytes, str, str]]:
    """Type, primary and secondary field, the name and the source that the record says."""
    return {
        "a name, from a device that may": (1, b"hello", b"", "hello", "device"),
        "a local account": (2, LOCAL[0].encode(), LOCAL[1].encode(), LOCAL[0], "local"),
        "the directory": (2, REMOTE[0].encode(), REMOTE[1].encode(), REMOTE[0], "ldap"),
        "a token": (5, site.provider.token(PERSON).encode(), b"", PERSON, site.provider.issuer),
    }


WAYS = ["a name, from a device that may", "a local account", "the directory", "a token"]


@pytest.mark.parametrize("way", WAYS)
def test_people_who_are_who_they_say(site, ws1, way, tmp_path):
    kind, primary, secondary, name, source = proofs(site)[way]
    opened = work(site, ws1, kind, primary, secondary)
    assert (opened["user"], opened["user_source"]) == (name, source)
    assert opened.get("roles", []) == ([] if kind == 1 else ["reader"])
    closed = next(record for record in reversed(site.records()) if record["event"] == "association-closed")
    assert closed["user"] == name, "every record says who"

    # 59H: only if asked for, and empty.
    for wanted in (True, False):
        answer = ask(site, ws1, kind, primary, secondary, answer=wanted)
        assert answer[0] == wire.ASSOCIATE_AC
        items = user_items(answer[6:])
        assert items.get(0x59) == (b"\0\0" if wanted else None)

    # Nothing of it on the inner leg, as tshark sees it.
    capture = tmp_path / "inside.pcap"
    write_capture(capture, site.tap.packets(INSIDE))
    heard = subprocess.run(
        ["tshark", "-r", str(capture), "-T", "fields", "-e", "tcp.payload"],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=True,
    ).stdout.replace(":", "").replace("\n", "")  # fmt: skip
    assert wire.VERIFICATION.encode().hex() in heard, "the capture is of something else"
    assert secondary.hex() not in heard if secondary else True
    assert primary.hex() not in heard
    request = wire.wait_for(lambda: site.archive.seen and site.archive.seen[-1].request, 10, "the archive's request")
    assert not {0x58, 0x59} & user_items(request).keys()


def test_what_role_a_person_has_counts(site, ws1, certificates):
    """The provider vouches for her, and no rule is for her; a rule for the device alone is not hers."""
    token = site.provider.token("nobody").encode()
    assert ask(site, ws1, 5, token) == REJECTED
    record = verdict.last_refusal(site, event="association-refused", cause="policy")
    assert record["user"] == "nobody"
    assert ask(site, certificates["ct2"], 5, token, calling="CT2") == REJECTED
    with site.call(certificates["ct2"]) as connection:
        connection.associate(ECHO, calling="CT2")
        assert connection.echo() == 0
        connection.release()


# --- who is not --------------------------------------------------------------------------------------------------

REFUSALS = {
    "a name, from a device that may not": ("CT1", 1, b"hello", b"", "username_only"),
    "a wrong passcode": ("WS1", 2, LOCAL[0].encode(), WRONG.encode(), "passcode"),
    "nobody of that name": ("WS1", 2, b"zora", WRONG.encode(), "zora"),
    "an empty passcode": ("WS1", 2, REMOTE[0].encode(), b"", ""),
    "a wrong passcode of the directory": ("WS1", 2, REMOTE[0].encode(), WRONG.encode(), ""),
    "a name that means everybody": ("WS1", 2, b"*", WRONG.encode(), ""),
    "a name with a filter in it": ("WS1", 2, b"lang)(uid=*", REMOTE[1].encode(), ""),
    "a Kerberos ticket": ("WS1", 3, b"\x60\x82\x01\x02", b"", ""),
    "SAML": ("WS1", 4, b"<Assertion/>", b"", ""),
    "a type that nobody knows": ("WS1", 6, b"hello", b"", ""),
    "type 0": ("WS1", 0, b"hello", b"", ""),
    "no token": ("WS1", 5, b"hello", b"", ""),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_people_who_are_not(site, certificates, case):
    calling, kind, primary, secondary, word = REFUSALS[case]
    seen = len(site.archive.seen)
    assert ask(site, certificates[calling.lower()], kind, primary, secondary, answer=True, calling=calling) == REJECTED
    refused(site, *([word] if word else []))
    assert len(site.archive.seen) == seen, "the archive heard of it"


def test_a_passcode_in_clear(site):
    """Over a listener without TLS what proves a person is refused, whoever it is."""
    for kind, primary, secondary in ((2, LOCAL[0].encode(), LOCAL[1].encode()), (5, site.provider.token(PERSON).encode(), b"")):
        with wire.plain(site.plain, source="127.0.0.1") as connection:
            connection.send(wire.associate_rq(ECHO, calling="OLD1", extra=wire.identity(kind, primary, secondary)))
            assert connection.receive_raw() == REJECTED
        refused(site, "TLS")


ATTACKS = sorted(tokens.attacks(tokens.Key.elliptic("a"), tokens.Key.elliptic("b"), tokens.claims("https://a")))


@pytest.mark.parametrize("attack", ATTACKS)
def test_rfc_8725(site, ws1, attack):
    """Tokens that must not count, each made with the provider's own key where that is what it takes."""
    key, other = site.provider.keys[0], tokens.Key.elliptic("other")
    said = tokens.claims(site.provider.issuer)
    assert ask(site, ws1, 5, tokens.honest(key, said).encode())[0] == wire.ASSOCIATE_AC, "the honest one is not taken"
    seen = len(wire.wait_for(lambda: site.archive.seen, 10, "the honest one at the archive"))
    token = tokens.attacks(key, other, said)[attack]
    assert ask(site, ws1, 5, token.encode(), answer=True) == REJECTED
    record = refused(site)
    assert len(site.archive.seen) == seen, "the archive heard of it"
    assert token[:40] not in str(record) or not token.strip()


def test_another_audience(site, ws1):
    token = site.provider.token(PERSON, resource="urn:somebody:else")
    assert ask(site, ws1, 5, token.encode()) == REJECTED
    refused(site, "aud")


# --- keys, time, and a provider that is away ---------------------------------------------------------------------


def test_a_new_key_in_the_middle(house, ws1):
    provider = idp(house)
    gateway = build(house, provider=provider)
    old = provider.token(PERSON).encode()
    work(gateway, ws1, 5, old)
    provider.rotate(keep=True)
    new = provider.token(PERSON).encode()
    work(gateway, ws1, 5, new)
    work(gateway, ws1, 5, old)
    asked = provider.asked_for_keys()
    # Tokens of keys that nobody has do not make the gateway ask without end.
    for _ in range(5):
        other = tokens.Key.elliptic("invented")
        assert ask(gateway, ws1, 5, tokens.honest(other, tokens.claims(provider.issuer)).encode()) == REJECTED
    assert provider.asked_for_keys() - asked <= 2


def test_a_session_ends_with_its_token(site, ws1):
    key = site.provider.keys[0]
    token = tokens.honest(key, tokens.claims(site.provider.issuer, exp=int(time.time()) + 4))
    with site.call(ws1) as connection:
        connection.associate(ECHO, calling="WS1", extra=wire.identity(5, token.encode()))
        assert connection.echo() == 0
        kind, body = connection.receive()
        assert (kind, body[2]) == (wire.ABORT, 2), "A-ABORT of the service provider"
    ended = wire.wait_for(
        lambda: next((r for r in reversed(site.records()) if r["event"] == "association-closed" and r.get("user") == PERSON), None),
        10, "the closing record",
    )  # fmt: skip
    words = [record for record in site.records() if record["association" if "association" in record else "seq"] == ended["association"]]
    assert any("session" in str(record).lower() for record in words), words


def test_the_provider_away_and_slow(house, ws1):
    provider = idp(house)
    gateway = build(house, provider=provider)
    known = provider.token(PERSON).encode()
    work(gateway, ws1, 5, known)
    provider.freeze()
    # Known keys go on; one that is not known cannot be asked for.
    work(gateway, ws1, 5, known)
    foreign = tokens.honest(tokens.Key.elliptic("not-yet-known"), tokens.claims(provider.issuer)).encode()
    began = time.monotonic()
    assert ask(gateway, ws1, 5, foreign) == AWAY
    assert time.monotonic() - began < 10
    record = verdict.last_refusal(gateway, event="association-refused", cause="user-identity")
    verdict.explained(gateway, record["incident"], provider.issuer)
    provider.thaw()
    provider.kill()
    work(gateway, ws1, 5, known)
    # Local accounts do not need it.
    work(gateway, ws1, 2, LOCAL[0].encode(), LOCAL[1].encode())
    # A gateway that comes up meanwhile knows no keys at all.
    gateway.stop()
    gateway.start()
    assert ask(gateway, ws1, 5, known) == AWAY
    provider.start()
    wire.wait_for(lambda: ask(gateway, ws1, 5, known)[0] == wire.ASSOCIATE_AC, 60, "the provider is asked again")


def test_the_directory_away(house, ws1):
    directory = ldap(house)
    gateway = build(house, directory=directory)
    work(gateway, ws1, 2, REMOTE[0].encode(), REMOTE[1].encode())
    directory.kill()
    assert ask(gateway, ws1, 2, REMOTE[0].encode(), REMOTE[1].encode()) == AWAY
    refused(gateway)
    work(gateway, ws1, 2, LOCAL[0].encode(), LOCAL[1].encode())
    directory.start()
    work(gateway, ws1, 2, REMOTE[0].encode(), REMOTE[1].encode())


# --- programs of others ------------------------------------------------------------------------------------------


def storescu(site, certificate, *arguments: str) -> subprocess.CompletedProcess[str]:
    file = next(one.path for one in corpus.samples() if one.path.name == "CT_small.dcm")
    return subprocess.run(
        ["storescu", "-v", "+tls", str(certificate.key), str(certificate.certificate), "+cf", str(site.authority.certificate),
         "-aet", "WS1", "-aec", "PACS", *arguments, "127.0.0.1", str(site.secure_port), str(file)],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", timeout=60, check=False,
    )  # fmt: skip


def test_dcmtk(site, ws1, tmp_path):
    token = tmp_path / "token.jwt"
    token.write_text(site.provider.token(PERSON))
    bad = tmp_path / "bad.jwt"
    bad.write_text("e30.e30.")
    ticket = tmp_path / "ticket"
    ticket.write_bytes(b"\x60\x82\x01\x02")
    cases = [
        (True, ("--user", LOCAL[0], "--password", LOCAL[1])),
        (True, ("--user", LOCAL[0], "--password", LOCAL[1], "--pos-response")),
        (True, ("--user", REMOTE[0], "--password", REMOTE[1], "--pos-response")),
        (True, ("--jwt", str(token), "--pos-response")),
        (True, ("--jwt", str(token))),
        (False, ("--user", LOCAL[0], "--password", WRONG, "--pos-response")),
        (False, ("--user", LOCAL[0], "--empty-password")),
        (False, ("--jwt", str(bad), "--pos-response")),
        (False, ("--kerberos", str(ticket))),
        (False, ("--saml", str(bad))),
    ]
    for fine, arguments in cases:
        done = storescu(site, ws1, *arguments)
        said = done.stdout + done.stderr
        assert (done.returncode == 0) == fine, f"{arguments}\n{said}"
        if not fine:
            assert "Rejected Permanent" in said and "No Reason" in said, said
            refused(site)


def test_pynetdicom(site, authority, ws1):
    token = site.provider.token(PERSON).encode()
    cases = [
        (True, 1, b"hello", None), (True, 2, LOCAL[0].encode(), LOCAL[1].encode()), (True, 2, REMOTE[0].encode(), REMOTE[1].encode()),
        (True, 5, token, None), (False, 2, LOCAL[0].encode(), WRONG.encode()), (False, 3, b"ticket", None), (False, 4, b"<a/>", None),
        (False, 5, b"e30.e30.", None),
    ]  # fmt: skip
    for fine, kind, primary, secondary in cases:
        item = UserIdentityNegotiation()
        item.user_identity_type, item.primary_field, item.positive_response_requested = kind, primary, True
        if secondary is not None:
            item.secondary_field = secondary
        caller = AE("WS1")
        caller.add_requested_context(wire.VERIFICATION, wire.IMPLICIT)
        association = caller.associate(
            "127.0.0.1", site.secure_port, ae_title="PACS", ext_neg=[item], tls_args=(authority.client(ws1), "localhost")
        )
        assert association.is_established == fine, (kind, primary)
        if fine:
            assert association.send_c_echo().Status == 0
            answered = association.acceptor.user_identity
            assert answered is not None and answered.server_response == b""
            association.release()
        else:
            assert association.is_rejected
            assert (association.acceptor.primitive.result, association.acceptor.primitive.result_source) == (1, 1)
