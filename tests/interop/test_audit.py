"""The chain: nothing of an answered operation is lost, and no edit goes unseen (`It must show` 5)."""

from __future__ import annotations

import hashlib
import json
import pathlib
import random
import re
import resource
import shutil
import threading

import pytest

from conftest import STORE
from support import wire

ROOT = "1.2.826.0.1.3680043.9.9999.300"


def stored_instances(gateway) -> set[str]:
    """Instances whose store is recorded as answered with success."""
    return {
        record["instance"]
        for record in gateway.records()
        if record.get("operation") == "store" and record.get("instance") and record.get("status") in (0, "0000", "0000H")
    }  # fmt: skip


class Sender:
    """Stores without pause on one association, and remembers what was answered with success."""

    def __init__(self, gateway, certificate, number: int) -> None:
        self.answered: list[str] = []
        self._arguments = (gateway, certificate, number)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        gateway, certificate, number = self._arguments
        try:
            with gateway.call(certificate) as connection:
                connection.associate(STORE)
                for count in range(1_000_000):
                    instance = f"{ROOT}.{number}.{count}"
                    if connection.store(3, wire.CT_IMAGE, instance, wire.image(instance), count % 60000 + 1).status == 0:
                        self.answered.append(instance)
        except (OSError, wire.Closed, AssertionError):
            pass

    def join(self) -> None:
        self._thread.join(20)
        assert not self._thread.is_alive()


def test_kill_at_random_moments(house, ct1, full):
    """kill -9: every store that was answered is recorded; the chain holds, a torn end is healed and said."""
    archive = house.scripted()
    gateway = house.gateway(archive.port, start=False)
    chance = random.Random(42)
    answered: set[str] = set()
    for round_ in range(100 if full else 10):
        gateway.start()
        senders = [Sender(gateway, ct1, round_ * 10 + number) for number in range(3)]
        threading.Event().wait(chance.uniform(0.02, 0.6))  # not a wait for anything: the moment of the kill is random
        gateway.kill()
        for sender in senders:
            sender.join()
            answered.update(sender.answered)
        # a line that was being written is the one thing that may be wrong; its operation was not answered yet
        found = gateway.run("audit", "verify", ok=False)
        faults = [line for line in (found.stdout + found.stderr).splitlines() if line.startswith("fault:")]
        assert all(line.endswith("the last line is cut") for line in faults) and len(faults) <= 1, faults
        assert found.returncode == bool(faults)
    gateway.start()
    missing = answered - stored_instances(gateway)
    assert not missing, f"{len(missing)} answered, but not recorded: {sorted(missing)[:3]}"
    assert len(answered) > 100
    gateway.run("audit", "verify")
    kept = {wire.ui(instance) for instance in answered}
    assert kept <= {part for one in archive.completed() for part in [instance_of(one)]}, "answered, but not at the archive"


def instance_of(data_set: bytes) -> bytes:
    at = data_set.index(b"\x08\x00\x18\x00UI")
    return data_set[at + 8 : at + 8 + int.from_bytes(data_set[at + 6 : at + 8], "little")]


# --- edits -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def written(shared_house, certificates):
    """A stopped gateway whose log holds refusals and stores."""
    archive = shared_house.scripted()
    gateway = shared_house.gateway(archive.port, crl=False)
    for number in range(5):
        with gateway.call(certificates["ct1"]) as connection:
            connection.associate(STORE)
            for count in range(10):
                instance = f"{ROOT}.9.{number}.{count}"
                assert connection.store(3, wire.CT_IMAGE, instance, wire.image(instance)).status == 0
            connection.release()
        with gateway.call(certificates["ct1"]) as connection:
            connection.send(wire.associate_rq(STORE, calling="CT2"))
            assert connection.receive_raw() == wire.REJECT_UNKNOWN
    gateway.stop()
    return gateway


def log_files(state: pathlib.Path) -> list[pathlib.Path]:
    return sorted((state / "audit").glob("*.jsonl"))


def edited(written, tmp_path: pathlib.Path, change) -> tuple[int, str]:
    """The exit code and words of `audit verify` on a copy of the log that `change` has worked on."""
    state = tmp_path / "state"
    shutil.copytree(written.folder / "state", state)
    change(state)
    done = written.run("audit", "verify", "--state", str(state), ok=False)
    return done.returncode, done.stdout + done.stderr


def lines(state: pathlib.Path) -> list[str]:
    return log_files(state)[0].read_text().splitlines(keepends=True)


def rewrite(state: pathlib.Path, new: list[str]) -> None:
    log_files(state)[0].write_text("".join(new))


def middle(all_lines: list[str], event: str) -> int:
    found = [at for at, line in enumerate(all_lines) if json.loads(line)["event"] == event]
    return found[len(found) // 2]


def test_an_untouched_log_verifies(written, tmp_path):
    code, words = edited(written, tmp_path, lambda state: None)
    assert code == 0, words


def change_peer(state):
    all_lines = lines(state)
    at = middle(all_lines, "association-refused")
    assert "CT2" in all_lines[at]
    all_lines[at] = all_lines[at].replace("CT2", "CT9")
    rewrite(state, all_lines)


def drop_one(state):
    all_lines = lines(state)
    del all_lines[middle(all_lines, "association-refused")]
    rewrite(state, all_lines)


def swap_two(state):
    all_lines = lines(state)
    at = middle(all_lines, "association-refused")
    all_lines[at], all_lines[at + 1] = all_lines[at + 1], all_lines[at]
    rewrite(state, all_lines)


def repeat_one(state):
    all_lines = lines(state)
    at = middle(all_lines, "association-refused")
    all_lines.insert(at, all_lines[at])
    rewrite(state, all_lines)


def flip_a_bit(state):
    path = log_files(state)[0]
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 1
    path.write_bytes(raw)


def cut_the_beginning(state):
    rewrite(state, lines(state)[5:])


def foreign_line(state):
    all_lines = lines(state)
    rewrite(state, [*all_lines[:10], '{"seq":11,"event":"denied"}\n', *all_lines[10:]])


def rechain(state):
    """Edits a record and computes every hash behind it anew, as somebody with the program's source would."""
    all_lines = lines(state)
    at = middle(all_lines, "association-refused")
    out, previous = all_lines[:at], None
    for number in range(at, len(all_lines)):
        line = all_lines[number].rstrip("\n")
        record = json.loads(line)
        if number == at:
            line = line.replace("CT2", "CT9")
        if previous is not None:
            line = line.replace(record["prev"], previous, 1)
        body, _, _ = line.rpartition(',"hash":"')
        previous = hashlib.sha256((body + "}").encode()).hexdigest()
        out.append(f'{body},"hash":"{previous}"}}\n')
    rewrite(state, out)


@pytest.mark.parametrize(
    "change", [change_peer, drop_one, swap_two, repeat_one, flip_a_bit, cut_the_beginning, foreign_line, rechain], ids=lambda one: one.__name__
)
def test_edits_are_found(written, tmp_path, change):
    code, words = edited(written, tmp_path, change)
    assert code == 1, f"{change.__name__} was not found:\n{words}"


def test_a_cut_tail_is_found_by_an_anchor(written, tmp_path):
    """What lies behind the cut is gone; a head that was written down elsewhere shows it."""
    last = json.loads(lines(written.folder / "state")[-1])
    anchor = f"{last['seq']}:{last['hash']}"
    assert written.run("audit", "verify", "--anchor", anchor).returncode == 0

    def cut(state):
        rewrite(state, lines(state)[:-6])

    state = tmp_path / "state"
    shutil.copytree(written.folder / "state", state)
    cut(state)
    done = written.run("audit", "verify", "--state", str(state), "--anchor", anchor, ok=False)
    assert done.returncode == 1, done.stdout + done.stderr


def test_a_torn_end_is_healed_and_said(house, ct1):
    """Half a line at the end is what a power cut leaves: the gateway starts, and the chain goes on."""
    archive = house.scripted()
    gateway = house.gateway(archive.port)
    with gateway.call(ct1) as connection:
        connection.associate(STORE)
        assert connection.store(3, wire.CT_IMAGE, f"{ROOT}.1", wire.image(f"{ROOT}.1")).status == 0
    gateway.kill()
    newest = log_files(gateway.folder / "state")[-1]
    newest.write_bytes(newest.read_bytes() + b'{"seq":99,"at":"2026-')
    gateway.start()
    with gateway.call(ct1) as connection:
        connection.associate(STORE)
        assert connection.store(3, wire.CT_IMAGE, f"{ROOT}.2", wire.image(f"{ROOT}.2")).status == 0
        connection.release()
    assert {f"{ROOT}.1", f"{ROOT}.2"} <= stored_instances(gateway)
    gateway.run("audit", "verify")
    gateway.stop()
    gateway.run("audit", "verify")


def test_the_head_is_in_the_metrics(house, ct1):
    archive = house.scripted()
    gateway = house.gateway(archive.port)
    with gateway.call(ct1) as connection:
        connection.associate(STORE)
        connection.release()
    wire.wait_for(lambda: any(record["event"] == "association-closed" for record in gateway.records()), 5, "the closing record")
    head = next(line for line in gateway.http("/metrics")[1].splitlines() if line.startswith("dicomgate_audit_head"))
    number, digest = int(float(head.split()[-1])), head.split('sha256="')[1].split('"')[0]
    assert any(record["seq"] == number and record["hash"] == digest for record in gateway.records())


def test_no_patient_data_outside_the_log(house, ct1):
    archive = house.scripted()
    gateway = house.gateway(archive.port)
    with gateway.call(ct1) as connection:
        connection.associate(STORE)
        raw = wire.image(f"{ROOT}.5", patient="SECRETPATIENT")
        assert connection.store(3, wire.CT_IMAGE, f"{ROOT}.5", raw).status == 0
        connection.release()
    metrics = gateway.http("/metrics")[1]
    gateway.stop()
    assert any("SECRETPATIENT" in str(record) for record in gateway.records())
    for text in (gateway.output(), metrics):
        assert "SECRETPATIENT" not in text and "Test^Wire" not in text and f"{ROOT}.5" not in text


def test_a_log_that_cannot_be_written_stops_new_work(house, ct1):
    """A full disk: new work is refused with a transient code rather than done unrecorded."""
    archive = house.scripted()
    gateway = house.gateway(archive.port, start=False)
    gateway.restore_signals = False
    gateway.start()
    with gateway.call(ct1) as connection:
        connection.associate(STORE)
        assert connection.store(3, wire.CT_IMAGE, f"{ROOT}.6", wire.image(f"{ROOT}.6")).status == 0
        limit_file_size(gateway)
        statuses, raw = [], None
        for number in range(400):  # until what fits is full
            instance = f"{ROOT}.7.{number}"
            try:
                statuses.append(connection.store(3, wire.CT_IMAGE, instance, wire.image(instance)).status)
            except (AssertionError, wire.Closed, OSError) as fault:
                raw = fault
                break
            if statuses[-1] != 0:
                break
        assert raw is not None or statuses[-1] in range(0xA700, 0xA800), statuses[-3:]
    with gateway.call(ct1) as connection:
        connection.send(wire.associate_rq(STORE))
        assert connection.receive_raw()[:8] == bytes.fromhex("03 00 00000004 00 02"), "not refused for the moment"
    stored = len([status for status in statuses if status == 0]) + 1
    assert len(archive.completed()) <= stored + 1
    assert not gateway.ready()


def limit_file_size(gateway) -> None:
    """From now on no file of the process may grow beyond what the log has now and a little more."""
    size = max(path.stat().st_size for path in log_files(gateway.folder / "state")) + 4096
    resource.prlimit(gateway.pid, resource.RLIMIT_FSIZE, (size, size))


# --- several files, and the seed -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def rotated(shared_house, certificates):
    """A log of at least four files, and the seed that was shown at its beginning."""
    archive = shared_house.scripted()
    gateway = shared_house.gateway(archive.port, audit={"file_size": "1MiB"})
    senders = [Sender(gateway, certificates["ct1"], 100 + number) for number in range(4)]
    wire.wait_for(lambda: len(log_files(gateway.folder / "state")) >= 4, 120, "four files of the log")
    gateway.stop()
    for sender in senders:
        sender.join()
    gateway.seed = re.search(r"^ {4}([0-9a-f]{64})$", gateway.output(), flags=re.MULTILINE)[1]
    return gateway


def test_several_files_verify(rotated):
    rotated.run("audit", "verify")
    rotated.run("audit", "verify", "--seed", rotated.seed)


def test_a_wrong_seed_is_found(rotated):
    assert rotated.run("audit", "verify", "--seed", "00" * 32, ok=False).returncode == 1


def swap_files(state):
    second, third = log_files(state)[1:3]
    aside = second.with_suffix(".aside")
    second.rename(aside)
    third.rename(second)
    aside.rename(third)


def drop_a_file(state):
    log_files(state)[1].unlink()


def drop_the_first_file(state):
    log_files(state)[0].unlink()


def repeat_a_file(state):
    second, third = log_files(state)[1:3]
    shutil.copy(second, third)


def empty_a_file(state):
    log_files(state)[1].write_bytes(b"")


def cut_a_file_in_the_middle(state):
    path = log_files(state)[1]
    whole = path.read_text().splitlines(keepends=True)
    path.write_text("".join(whole[:-10]))


@pytest.mark.parametrize(
    "change",
    [swap_files, drop_a_file, drop_the_first_file, repeat_a_file, empty_a_file, cut_a_file_in_the_middle],
    ids=lambda one: one.__name__,
)
def test_edits_of_files_are_found(rotated, tmp_path, change):
    code, words = edited(rotated, tmp_path, change)
    assert code == 1, f"{change.__name__} was not found:\n{words}"


def test_a_log_from_another_gateway_is_found(rotated, written, tmp_path):
    """A whole chain, well signed, but not this one: the anchor and the seed tell."""
    code, words = edited(rotated, tmp_path, lambda state: None)
    assert code == 0, words
    done = written.run("audit", "verify", "--seed", rotated.seed, ok=False)
    assert done.returncode == 1
    newest = json.loads(log_files(rotated.folder / "state")[-1].read_text().splitlines()[-1])
    assert written.run("audit", "verify", "--anchor", f"{newest['seq']}:{newest['hash']}", ok=False).returncode == 1
