"""pynetdicom's qrscp as an archive, beside Orthanc and dcmqrscp; and every archive by its name."""

from __future__ import annotations

import pathlib
import sys
from collections.abc import Iterable, Mapping

from support.peers import Dcmqrscp, Orthanc, Program, free_port


class Qrscp(Program):
    """The query/retrieve application that comes with pynetdicom."""

    def __init__(self, folder: pathlib.Path, destinations: Mapping[str, int], title: str = "PYNET") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        port = free_port()
        known = "".join(f"[{name}]\naddress: 127.0.0.1\nport: {at}\n" for name, at in destinations.items())
        # dimse_timeout: an A-ABORT that comes while it waits for an answer may go unnoticed until then.
        # Its own configuration parser takes every key of [DEFAULT] for a default of the destinations, which does no harm
        (folder / "qrscp.ini").write_text(
            f"[DEFAULT]\nae_title: {title}\nport: {port}\nmax_pdu: 16382\nacse_timeout: 30\ndimse_timeout: 10\n"
            f"network_timeout: 120\nbind_address: 127.0.0.1\ninstance_location: {folder / 'instances'}\n"
            f"database_location: {folder / 'instances.sqlite'}\nlog_identifier: False\n{known}"
        )
        super().__init__([sys.executable, "-m", "pynetdicom", "qrscp", "-c", str(folder / "qrscp.ini"), "-q"], folder, port)


ARCHIVES = ("ORTHANC", "DCMQR", "PYNET")


def build(title: str, folder: pathlib.Path, destinations: Mapping[str, int], accepts: Iterable[tuple[str, str]] = (), **more: bool) -> Program:
    """The archive of that title, which knows every destination at a port of this machine. `accepts`: what dcmqrscp takes beside
    uncompressed objects; the others take everything. `more`: of dcmqrscp."""
    if title == "ORTHANC":
        return Orthanc(folder, {name: [name, "127.0.0.1", at] for name, at in destinations.items()}, title=title)
    if title == "DCMQR":
        hosts = {f"host{number}": (name, "127.0.0.1", at) for number, (name, at) in enumerate(destinations.items())}
        return Dcmqrscp(folder, hosts, accepts, title, **more)
    assert title == "PYNET", title
    return Qrscp(folder, destinations, title)
