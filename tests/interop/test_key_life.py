"""The life of the ring's keys, while a gateway runs: rotated, old and new objects open; destroyed, none of its objects does, but by
escrow (`It must show` 6)."""

from __future__ import annotations

import json
import re
import threading
import time

import pydicom
import pytest

from support import keeper, vault, wire
from support.slices import CT, PIXELS, get, image, store


@pytest.fixture
def site(house):
    """A gateway that seals for two kinds of escrow, in front of a small archive."""
    archive = house.keep(keeper.Keeper(house.folder / "kept", classes=[CT]))
    gateway = house.gateway(
        archive.port, start=False, policy=vault.policy(), archive_settings=vault.ALWAYS,
        vault=vault.settings(house.folder / "vault", ("rsa", "p256")),
    )  # fmt: skip
    vault.prove(gateway)
    gateway.archive, gateway.away = archive, house.folder / "vault" / "escrow" / "away"
    return gateway


def sealed_with(site, instance: str) -> int:
    """The key that the record of its storing names."""
    (record,) = [one for one in site.records() if one.get("operation") == "store" and one.get("instance") == instance]
    assert record["sealed"] is True
    return record["key"]


def put(site, certificate, number: int) -> str:
    instance, raw = image(number)
    assert store(site, certificate, instance, raw).status == 0
    assert PIXELS[:64] not in site.archive.bytes_of(instance)
    return instance


def comes_back(site, certificate, number: int) -> None:
    instance, raw = image(number)
    got = get(site, certificate, instance)
    assert (got.status, got.completed, got.failed) == (0, 1, 0), got
    assert got.objects[0].data_set == raw


def reloaded(site, words: str) -> None:
    """The running gateway has taken up what was changed, and its audit log says so."""

    def said() -> bool:
        return any(words in change for one in site.records() if one["event"] == "reloaded" for change in one["changes"])

    wire.wait_for(said, 20, f"a reload that says `{words}`")


def file(site, instance: str, folder) -> str:
    path = folder / f"{instance}.dcm"
    path.write_bytes(keeper.part10(site.archive.bytes_of(instance), site.archive.kept[instance].transfer_syntax))
    # As a file of the archive's: with the class and instance in its header.
    data = pydicom.dcmread(path, force=True)
    data.file_meta.MediaStorageSOPClassUID, data.file_meta.MediaStorageSOPInstanceUID = CT, instance
    data.save_as(path, enforce_file_format=True)
    return str(path)


def opened(site, name: str, key: str, folder) -> bytes:
    """What `vault open` makes of a file, with an escrow key alone."""
    done = site.run("vault", "open", name, "--escrow-key", str(site.away / f"escrow-{key}.key"), "--out", str(folder))
    (back,) = folder.iterdir()
    raw = pydicom.dcmread(back).PixelData
    back.unlink()
    assert "proves no origin" in done.stdout + done.stderr, done
    return raw


def destroyed(site, key: int) -> str:
    """It is destroyed once everything has let go of it, after as long as the refusal says. What was said then."""
    # Of the next key, and of what was sealed with this one since.
    for _ in range(2):
        done = site.run("vault", "rotate", "--destroy", str(key), "--yes", ok=False)
        if done.returncode == 0:
            break
        early = re.search(rf"too early to destroy key {key}: .* Again in (\d+) second", done.stderr)
        assert done.returncode == 1 and early and int(early[1]) <= 60, done
        time.sleep(int(early[1]))
    else:
        done = site.run("vault", "rotate", "--destroy", str(key), "--yes")
    return done.stdout


def test_a_key_is_destroyed_only_when_nothing_is_sealed_with_it_any_more(site, ct1, ws1):
    """A sender that never pauses, a key after the other, and the first destroyed as soon as that may be: of all that was
    acknowledged everything comes back."""
    sent: dict[int, bytes] = {}
    over, faults = threading.Event(), []

    def stores() -> None:
        try:
            call = site.call(ct1, timeout=60)
            call.associate({1: (CT, [wire.EXPLICIT])})
            number = 1000
            while not over.is_set():
                number += 1
                instance, raw = image(number)
                assert call.store(1, CT, instance, raw).status == 0
                sent[number] = raw
                over.wait(0.05)
            call.release()
        except BaseException as fault:
            faults.append(fault)

    sender = threading.Thread(target=stores)
    sender.start()
    try:
        wire.wait_for(lambda: sent, 20, "a first object")
        for _ in range(5):
            site.run("vault", "rotate")
            early = site.run("vault", "rotate", "--destroy", "1", "--yes", "--even-so", ok=False)
            assert early.returncode == 1 and "too early to destroy key 1" in early.stderr, early
            wire.wait_for(lambda count=len(sent): len(sent) > count + 10, 20, "objects meanwhile")
        wire.wait_for(lambda: site.metric("dicomgate_reloads_total", outcome="accepted") >= 2, 20, "reloads while keys are made")
        reloaded(site, "new objects are sealed with key 6")
        # Everything was sealed with the first key up to here, and nothing is from here on.
        settled = max(sent) + 1
        wire.wait_for(lambda: max(sent) > settled, 20, "an object of the newest key")
    finally:
        over.set()
        sender.join()
    assert not faults, faults
    keys = {one["instance"]: one["key"] for one in site.records() if one.get("operation") == "store" and one.get("sealed")}
    late = [number for number in sent if keys[image(number)[0]] == 1]
    assert keys[image(settled + 1)[0]] == 6 and late and max(late) < settled
    for number in (late[0], late[-1], settled + 1):
        comes_back(site, ws1, number)


def test_the_life_of_a_key(site, ct1, ws1, tmp_path):
    old = put(site, ct1, 1)
    assert sealed_with(site, old) == 1
    comes_back(site, ws1, 1)

    # A second key, while the gateway runs: what is stored from then on has it, and both open.
    site.run("vault", "rotate")
    reloaded(site, "keys of the vault: 1, 2")
    new = put(site, ct1, 2)
    assert sealed_with(site, new) == 2
    comes_back(site, ws1, 1)
    comes_back(site, ws1, 2)
    # The same with `new-key`.
    site.run("vault", "new-key")
    reloaded(site, "keys of the vault: 1, 2, 3")
    newest = put(site, ct1, 3)
    assert sealed_with(site, newest) == 3

    # The newest key cannot be ended; the first can, by who says so.
    refused = site.run("vault", "rotate", "--destroy", "3", "--yes", ok=False)
    assert refused.returncode == 1 and "`dicomgate vault rotate` first" in refused.stderr, refused.stderr
    assert site.run("vault", "rotate", "--destroy", "1", ok=False).returncode == 1, "nobody said that it is meant"
    comes_back(site, ws1, 1)
    said = destroyed(site, 1)
    assert all(part in said for part in ("key 1 is destroyed", "escrow-rsa.crt", "escrow-p256.crt", "NEVER PROVEN")), said
    reloaded(site, "keys of the vault: 2, 3")

    # None of its objects opens: refused, alerted, explained. The others do.
    alerts = site.metric("dicomgate_vault_alerts_total", cause="unknown-key")
    got = get(site, ws1, old)
    assert got.objects == [] and got.status not in (0, None) and got.failed == 1, got
    assert site.metric("dicomgate_vault_alerts_total", cause="unknown-key") == alerts + 1
    (alert,) = [one for one in site.records() if one["event"] == "vault-alert"]
    assert (alert["cause"], alert["instance"]) == ("unknown-key", old)
    why = site.why(alert["incident"])
    assert "sealed with a key that is not at hand" in why and "dicomgate vault open" in why, why
    comes_back(site, ws1, 2)
    comes_back(site, ws1, 3)
    status = json.loads(site.run("vault", "status", "--format", "json", ok=False).stdout)
    assert [(key["id"], key["state"]) for key in status["keys"]] == [(1, "destroyed"), (2, "opens"), (3, "seals and opens")]

    # Nor by the ring without a gateway; but by each kind of escrow.
    name, out = file(site, old, tmp_path), tmp_path / "out"
    out.mkdir()
    done = site.run("vault", "open", name, "--out", str(out), ok=False)
    assert done.returncode == 1 and not list(out.iterdir()), done
    for kind in ("rsa", "p256"):
        assert opened(site, name, kind, out) == PIXELS

    # A restart changes nothing.
    site.stop()
    site.start()
    assert get(site, ws1, old).objects == []
    comes_back(site, ws1, 3)
