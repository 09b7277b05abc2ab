"""A TLS client without a socket of its own, so that a test sees the server's very records."""

from __future__ import annotations

import dataclasses
import socket
import ssl

from support import wire

CERTIFICATE_REQUIRED, CERTIFICATE_REVOKED, CERTIFICATE_EXPIRED, CERTIFICATE_UNKNOWN, UNKNOWN_CA = 116, 44, 45, 46, 48


def plain_alert(description: int) -> bytes:
    """A fatal alert record as TLS 1.2 sends it before encryption begins."""
    return bytes((0x15, 3, 3, 0, 2, 2, description))


@dataclasses.dataclass
class Handshake:
    """How a handshake, and one read after it, went."""

    raw: bytes = b""
    version: str | None = None
    alpn: str | None = None
    finished: bool = False
    reason: str = ""
    session: ssl.SSLSession | None = None
    resumed: bool = False
    plaintext: bytes = b""


def handshake(
    address: tuple[str, int],
    context: ssl.SSLContext,
    *,
    say: bytes = b"",
    session: ssl.SSLSession | None = None,
    source: str | None = None,
    stop: int = 0,
) -> Handshake:
    """Shakes hands, sends `say`, reads until the server closes or `stop` bytes of plaintext came.

    With TLS 1.3 a refused client certificate shows on the first read only, so this always reads.
    """
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(incoming, outgoing, server_hostname="localhost", session=session)
    found = Handshake()
    said = False
    with wire.dial(address, source=source, timeout=15) as sock:
        while True:
            try:
                if not found.finished:
                    tls.do_handshake()
                    found.finished, found.version, found.alpn = True, tls.version(), tls.selected_alpn_protocol()
                    found.resumed = bool(tls.session_reused)
                if not said:
                    said = True
                    if say:
                        tls.write(say)
                got = tls.read(65536)
                found.plaintext += got
                found.session = tls.session
                if not got or stop and len(found.plaintext) >= stop:
                    break
                continue
            except ssl.SSLWantReadError:
                pass
            except ssl.SSLZeroReturnError:
                break
            except ssl.SSLError as fault:
                found.reason = fault.reason or str(fault)
                break
            if outgoing.pending:
                try:
                    sock.sendall(outgoing.read())
                except (BrokenPipeError, ConnectionResetError):
                    pass
            try:
                more = sock.recv(65536)
            except ConnectionResetError:
                found.reason = found.reason or "RESET"
                break
            if not more:
                incoming.write_eof()
                found.reason = found.reason or "EOF"
                if not found.finished:
                    break
                continue_reading = tls.pending() > 0
                if not continue_reading:
                    break
            found.raw += more
            incoming.write(more)
        found.session = found.session or (tls.session if found.finished else None)
        try:
            sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
    return found
