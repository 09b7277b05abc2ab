"""Native images of 2 GB and compressed ones of 600 MB whose length nobody says, sealed and opened in little memory (`It must show` 1, 6).

Opened by C-GET and by C-MOVE. In the normal run 96 MB each, which is more than is verified whole first (`open_whole`), into an archive in a few lines; with `--full` whole, into Orthanc and dcmqrscp as well.
"""

from __future__ import annotations

import dataclasses
import hashlib

import pytest

from conftest import FULL
from support import keeper, peers, sealed, stream, vault, wire
from support.workstations import Wanted

MEGABYTE = 1_000_000
MEMORY = 64 << 20
J2K = "1.2.840.10008.1.2.4.90"
ROOT = "1.2.826.0.1.3680043.9.9999.900"
WORDS, CAPTURE = "1.2.840.10008.5.1.4.1.1.7.3", "1.2.840.10008.5.1.4.1.1.7"

FRAME = 512 * 512 * 2
NATIVE_FRAMES = (2000 if FULL else 96) * MEGABYTE // FRAME + 1
NATIVE = stream.Long(WORDS, wire.EXPLICIT, f"{ROOT}.1", f"{ROOT}.10", NATIVE_FRAMES, NATIVE_FRAMES * FRAME)
COMPRESSED = stream.Long(CAPTURE, J2K, f"{ROOT}.2", f"{ROOT}.20", 600, (600 if FULL else 96) * MEGABYTE, 777_778)


@pytest.fixture(scope="module", params=["KEEPER", "ORTHANC", "DCMQR"] if FULL else ["KEEPER"])
def site(request, shared_house):
    """A gateway that seals into one archive, how that is called straight, and a workstation that digests what is delivered to it."""
    digests = stream.Digests()
    station = shared_house.workstation("wire", "WS1", on_data=digests.take, on_message=digests.taken)
    inside = peers.free_port()
    if request.param == "KEEPER":
        archive = shared_house.keep(keeper.Keeper(shared_house.folder / "kept", destinations={"WS1": inside}))
    else:
        pairs = [(image.sop_class, image.transfer_syntax) for image in (NATIVE, COMPRESSED)]
        archive = shared_house.archive(request.param, {"WS1": inside}, accepts=pairs if request.param == "DCMQR" else ())
    title = "PACS" if request.param == "KEEPER" else request.param
    gateway = shared_house.gateway(
        archive.port, start=False, policy=vault.policy(title, receives=station.secure_port), archive_settings=vault.ALWAYS | {"ae_title": title},
        inside=inside, vault=vault.settings(shared_house.folder / f"vault-{title}"),
    )  # fmt: skip
    vault.ready(gateway)
    vault.probe(gateway, title, largest=0)
    gateway.archive, gateway.title, gateway.maker = archive, title, request.param
    gateway.station, gateway.digests = station, digests
    return gateway


def got(connection: wire.Wire, image: stream.Long, title: str, *, native: bool = True) -> stream.Came:
    """By C-GET; `native`: Explicit VR is offered as well."""
    offered = [(image.sop_class, image.transfer_syntax), *([(image.sop_class, wire.EXPLICIT)] if native else [])]
    contexts, roles = sealed.proposal(offered)
    connection.associate(contexts, called=title, calling="WS1", extra=roles, max_length=1 << 18)
    came = stream.get(connection, image.identifier())
    connection.release()
    return came


def delivered(site, image: stream.Long) -> stream.Came:
    """By C-MOVE."""
    moved = site.station.move(site.secure_port, Wanted(image.study, f"{image.study}.1", image.instance), "WS1", called=site.title)
    assert moved.final is not None and moved.final.status == 0, moved
    (came,) = site.digests.came
    site.digests.came.clear()
    return came


def stored(connection: wire.Wire, image: stream.Long, title: str) -> int | None:
    connection.associate({1: (image.sop_class, [image.transfer_syntax])}, called=title)
    status = stream.store(connection, 1, image).status
    connection.release()
    return status


@pytest.mark.parametrize("image", [NATIVE, COMPRESSED], ids=["native", "compressed"])
def test_a_long_object_is_sealed_and_opened_in_little_memory(site, ct1, ws1, image):
    wanted = image.digest()
    if site.maker != "KEEPER":
        straight = ("127.0.0.1", site.archive.port)
        if stored(wire.plain(straight, timeout=900), image, site.title) != 0:
            pytest.skip(f"{site.maker} does not take it unsealed either")
        unsealed = got(wire.plain(straight, timeout=900), image, site.title, native=False)
        if unsealed.digest is None:
            pytest.skip(f"{site.maker} does not hand it out unsealed either")
        wanted = unsealed.digest
    # Idle is what it is between objects: the program's own pages, which come as they are first used, are there.
    small = dataclasses.replace(image, instance=f"{image.instance}.1", study=f"{image.study}.1", frames=1, length=FRAME, fragment=image.fragment and FRAME)
    assert stored(site.call(ct1, timeout=60), small, site.title) == 0
    assert got(site.call(ws1, timeout=60), small, site.title).digest is not None
    idle = site.resident()
    for _ in range(2):
        assert stored(site.call(ct1, timeout=900), image, site.title) == 0
    sealing = site.most_resident() - idle
    came = got(site.call(ws1, timeout=900), image, site.title)
    assert (came.status, came.transfer_syntax, came.digest) == (0, image.transfer_syntax, wanted)
    opening = site.most_resident() - idle
    site.forget_most_resident()
    moved = delivered(site, image)
    assert (moved.transfer_syntax, moved.digest) == (image.transfer_syntax, wanted)
    delivering = site.most_resident() - idle
    print(f"{site.maker}: {image.length} bytes, MiB above idle: {sealing >> 20} for sealing, {opening >> 20} with opening, {delivering >> 20} delivering")
    assert max(opening, delivering) < MEMORY, f"{opening} and {delivering} bytes above the {idle} of an idle gateway"
    # It is sealed: what the archive holds is another object.
    if site.maker == "KEEPER":
        with site.archive.kept[image.instance].path.open("rb") as file:
            held = hashlib.file_digest(file, "sha256").hexdigest()
            file.seek(0)
            assert held != wanted and b"DGSEAL1\n" in file.read(1 << 20)
