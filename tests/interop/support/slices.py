"""CT slices of one made patient: stored through a gateway, and asked of it again."""

from __future__ import annotations

from support import sealed, wire

CT = "1.2.840.10008.5.1.4.1.1.2"
STUDY = "1.2.826.0.1.3680043.9.9999.510"
SERIES = STUDY + ".1"
PIXELS = bytes(range(256)) * 512


def image(number: int, pixels: bytes = PIXELS) -> tuple[str, bytes]:
    """A slice of 256 by 256, with an order; its instance and its data set."""
    instance = f"{SERIES}.{number}"
    grey = ((0x00280002, 1), (0x00280010, 256), (0x00280011, 256), (0x00280100, 16), (0x00280101, 16), (0x00280102, 15), (0x00280103, 0))
    attributes = [
        (0x00080016, "UI", wire.ui(CT)), (0x00080018, "UI", wire.ui(instance)), (0x00080050, "SH", wire.text("A-510")),
        (0x00080060, "CS", b"CT"), (0x00100010, "PN", wire.text("Doe^Jane")), (0x00100020, "LO", wire.text("P510")),
        (0x0020000D, "UI", wire.ui(STUDY)), (0x0020000E, "UI", wire.ui(SERIES)), (0x00200013, "IS", wire.text(str(number))),
        (0x00280004, "CS", wire.text("MONOCHROME2")), *((tag, "US", value.to_bytes(2, "little")) for tag, value in grey),
        (0x7FE00010, "OW", pixels),
    ]  # fmt: skip
    return instance, b"".join(wire.explicit(*one) for one in sorted(attributes))


def store(gateway, certificate, instance: str, raw: bytes) -> wire.Answer:
    connection = gateway.call(certificate)
    connection.associate({1: (CT, [wire.EXPLICIT])})
    said = connection.store(1, CT, instance, raw)
    connection.release()
    return said


def get(gateway, certificate, instance: str, study: str = STUDY) -> sealed.Fetched:
    connection = gateway.call(certificate, timeout=30)
    contexts, roles = sealed.proposal([(CT, wire.EXPLICIT)])
    connection.associate(contexts, calling="WS1", extra=roles)
    got = sealed.get(connection, sealed.identifier(study, SERIES, instance))
    if not got.aborted:
        connection.release()
    return got
