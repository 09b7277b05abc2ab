"""Small archives of pynetdicom (C-STORE, C-FIND, C-GET), each with one habit of real ones."""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import io
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian, RLELossless, generate_uid
from pynetdicom import AE, AllStoragePresentationContexts, evt
from pynetdicom.dsutils import decode, encode
from pynetdicom.sop_class import StudyRootQueryRetrieveInformationModelFind, StudyRootQueryRetrieveInformationModelGet, Verification

NATIVE = [ExplicitVRLittleEndian, ImplicitVRLittleEndian]


@dataclasses.dataclass
class Held:
    data: Dataset
    syntax: str
    since: float = dataclasses.field(default_factory=time.monotonic)


class Habits:
    """An archive that takes everything; `change` sees each object before it is kept, `repeat` decides about one that is
    there already: it gives a status, and whether the new one takes the place of the old one."""

    def __init__(
        self,
        *,
        change: Callable[[Dataset], None] | None = None,
        repeat: Callable[[Dataset, Dataset], tuple[int, bool]] | None = None,
        recompress: str | None = None,
        forget: bool = False,
        classes: Iterable[str] | None = None,
        closes_after: int = 0,
        single: bool = False,
        late: float = 0,
    ) -> None:
        """`recompress`: the syntax into which it compresses what is native; `classes`: those that it takes; all where nothing is said."""
        self.change, self.repeat, self.recompress, self.forget = change, repeat, recompress, forget
        self.closes_after, self.late, self._stores = closes_after, late, 0
        """It ends the association after so many objects; it finds each so many seconds after it has acknowledged it."""
        self.held: dict[str, Held] = {}
        self._lock = threading.Lock()
        entity = AE(ae_title="PACS")
        entity.maximum_pdu_size = 65536
        entity.add_supported_context(Verification)
        for sop_class in classes or [context.abstract_syntax for context in AllStoragePresentationContexts]:
            entity.add_supported_context(str(sop_class), [*NATIVE, recompress or RLELossless], scu_role=True, scp_role=True)
        for model in (StudyRootQueryRetrieveInformationModelFind, StudyRootQueryRetrieveInformationModelGet):
            entity.add_supported_context(model)
        entity.dimse_timeout = 60
        if single:
            entity.maximum_associations = 1
        self._entity, self.port = entity, 0
        self.given: Callable[[Dataset], None] = lambda data: None
        """Told of each object right after it was handed out."""
        self.taking: Callable[[Dataset], None] = lambda data: None
        """Told of each object right before it is kept."""
        self.talking: Callable[[], None] = lambda: None
        """Told of each PDU that has come or gone."""
        self.start()

    def start(self) -> None:
        handlers = [(evt.EVT_C_STORE, self._store), (evt.EVT_C_FIND, self._find), (evt.EVT_C_GET, self._get)]
        handlers += [(passing, lambda _: self.talking()) for passing in (evt.EVT_PDU_RECV, evt.EVT_PDU_SENT)]
        self._server = self._entity.start_server(("127.0.0.1", self.port), block=False, evt_handlers=handlers)  # type: ignore[arg-type]
        self.port = self._server.socket.getsockname()[1]

    def stop(self) -> None:
        self._server.shutdown()

    def crash(self) -> None:
        """Every connection ends where it is, and nobody listens; what it holds it has on its disk."""
        self._server.shutdown()
        for one in self._entity.active_associations:
            with contextlib.suppress(OSError, AttributeError):
                one.dul.socket.socket.shutdown(socket.SHUT_RDWR)  # type: ignore[union-attr]

    def hang_up_on_questions(self) -> None:
        """As archives do that end associations on which nothing is asked for a while."""
        for one in self._entity.active_associations:
            if any(context.abstract_syntax == StudyRootQueryRetrieveInformationModelFind for context in one.accepted_contexts):
                with contextlib.suppress(OSError, AttributeError):
                    one.dul.socket.socket.shutdown(socket.SHUT_RDWR)  # type: ignore[union-attr]

    def put(self, data: Dataset, syntax: str) -> None:
        """An object that is there already."""
        self.held[data.SOPInstanceUID] = Held(data, syntax)

    def _store(self, event: evt.Event) -> int:
        data = event.dataset
        given = str(event.context.transfer_syntax)
        self.taking(data)
        with self._lock:
            if self.forget:
                return 0
            if self.change is not None:
                self.change(data)
            if self.recompress is not None and "PixelData" in data and given in NATIVE:
                # In explicit VR first: pynetdicom goes by how a data set was read, and would send the fragments in a native context.
                raw = encode(data, is_implicit_vr=False, is_little_endian=True)
                assert raw is not None
                data = decode(io.BytesIO(raw), is_implicit_vr=False, is_little_endian=True)
                data.file_meta = FileMetaDataset()
                data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
                try:
                    data.compress(self.recompress, generate_instance_uid=False)
                    given = str(self.recompress)
                except Exception:  # noqa: BLE001 - what it cannot compress it keeps as it is
                    given = str(ExplicitVRLittleEndian)
            known = self.held.get(data.SOPInstanceUID)
            if known is not None and self.repeat is not None:
                status, replace = self.repeat(known.data, data)
                if not replace:
                    return status
            self.held[data.SOPInstanceUID] = Held(data, given)
            self._stores += 1
            if self.closes_after and self._stores % self.closes_after == 0:
                # Once it has answered.
                threading.Timer(0.02, event.assoc.abort).start()
        return 0

    def _matching(self, wanted: Dataset) -> list[Held]:
        def fits(data: Dataset) -> bool:
            for keyword in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "PatientID", "AccessionNumber"):
                asked = wanted.get(keyword)
                if asked not in (None, "") and str(data.get(keyword, "")) != str(asked):
                    return False
            return True

        with self._lock:
            return [one for one in self.held.values() if time.monotonic() - one.since >= self.late and fits(one.data)]

    def _find(self, event: evt.Event) -> Iterator[tuple[int, Dataset | None]]:
        wanted = event.identifier
        level = wanted.QueryRetrieveLevel
        keys = {"STUDY": ["StudyInstanceUID"], "SERIES": ["SeriesInstanceUID"], "IMAGE": ["SOPInstanceUID"]}[level]
        told = set()
        for one in self._matching(wanted):
            key = tuple(str(one.data.get(keyword)) for keyword in keys)
            if key in told:
                continue
            told.add(key)
            answer = Dataset()
            answer.QueryRetrieveLevel = level
            for element in wanted:
                if element.keyword and element.keyword != "QueryRetrieveLevel":
                    setattr(answer, element.keyword, one.data.get(element.keyword, ""))
            yield 0xFF00, answer
        yield 0x0000, None

    def _get(self, event: evt.Event) -> Iterator[object]:
        found = self._matching(event.identifier)
        yield len(found)
        for one in found:
            data = copy.copy(one.data)
            data.file_meta = FileMetaDataset()
            data.file_meta.TransferSyntaxUID = one.syntax
            yield 0xFF00, data
            self.given(one.data)


def drop_group_0400(data: Dataset) -> None:
    for element in [element for element in data if element.tag.group == 0x0400]:
        del data[element.tag]


def lose(data: Dataset) -> None:
    """Lossy compression, as it looks when it has been undone again."""
    if "PixelData" in data:
        pixels = bytearray(data.PixelData)
        for at in range(len(pixels) // 2, len(pixels), 97):
            pixels[at] &= 0xF8
        data.PixelData = bytes(pixels)
        data.LossyImageCompression = "01"


def coerce(data: Dataset) -> None:
    data.PatientName, data.PatientID = "CORRECTED^BY^WORKLIST", "W-1"


def merge(data: Dataset) -> None:
    data.StudyInstanceUID = "1.2.826.0.1.3680043.8.498.77"


def mint(data: Dataset) -> None:
    data.SOPInstanceUID = generate_uid(entropy_srcs=[data.SOPInstanceUID])


def refuse(_old: Dataset, _new: Dataset) -> tuple[int, bool]:
    return 0x0111, False


def compare(old: Dataset, new: Dataset) -> tuple[int, bool]:
    return (0x0000, False) if old == new else (0xA900, False)


def keep(_old: Dataset, _new: Dataset) -> tuple[int, bool]:
    return 0x0000, False
