"""JPEG-LS by our own decoder, beside two others: images of every depth, size and interleaving, exact and nearly so, pixel by pixel.

CharLS writes them, through pyjpegls and through dcmcjpls (thresholds, fragments); CharLS and libjpeg read them, through pydicom.
"""

from __future__ import annotations

import dataclasses
import pathlib
import subprocess

import jpeg_ls
import numpy
import pydicom
import pytest
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.pixels import get_decoder
from pydicom.uid import ExplicitVRLittleEndian, JPEGLSLossless, JPEGLSNearLossless

from support.decoded import by_worker

ROOT = "1.2.826.0.1.3680043.9.9999.910"
SIZES = [(1, 150), (150, 1), (19, 23), (33, 64), (120, 97)]


@dataclasses.dataclass(frozen=True)
class Made:
    """An image, and how it is written."""

    bits: int
    rows: int
    columns: int
    samples: int = 1
    frames: int = 1
    near: int = 0
    interleave: int = 0
    signed: bool = False
    look: str = "smooth"

    @property
    def name(self) -> str:
        way = "nlp"[self.interleave] if self.samples > 1 else "g"
        return f"{self.look}{self.bits}{'s' if self.signed else 'u'}{way}n{self.near}f{self.frames}x{self.rows}x{self.columns}"

    def pixels(self) -> numpy.ndarray:
        """Frames, rows, columns, samples."""
        generator = numpy.random.default_rng(sum(self.name.encode()))
        shape, most = (self.frames, self.rows, self.columns, self.samples), (1 << self.bits) - 1
        match self.look:
            case "noise":
                found = generator.integers(0, most + 1, shape)
            case "smooth":
                found = numpy.clip(numpy.cumsum(generator.integers(-3, 4, shape), axis=2) + most // 2, 0, most)
            case _:
                # Long runs, and what ends them.
                found = numpy.where(generator.random(shape) < 0.02, generator.integers(0, most + 1, shape), most // 3)
        return found.astype(numpy.uint8 if self.bits <= 8 else numpy.uint16)

    def native(self) -> FileDataset:
        """Not compressed."""
        meta = FileMetaDataset()
        meta.TransferSyntaxUID = ExplicitVRLittleEndian
        meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = "1.2.840.10008.5.1.4.1.1.7", f"{ROOT}.1"
        data = FileDataset("", {}, file_meta=meta, preamble=bytes(128))
        data.SOPClassUID, data.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
        data.StudyInstanceUID, data.SeriesInstanceUID = f"{ROOT}.2", f"{ROOT}.3"
        data.Modality, data.PatientID, data.PatientName = "OT", "P910", "Doe^Jane"
        data.Rows, data.Columns, data.NumberOfFrames, data.SamplesPerPixel = self.rows, self.columns, self.frames, self.samples
        data.PhotometricInterpretation = "MONOCHROME2" if self.samples == 1 else "RGB"
        if self.samples > 1:
            data.PlanarConfiguration = 0
        data.BitsAllocated, data.BitsStored, data.HighBit = 8 if self.bits <= 8 else 16, self.bits, self.bits - 1
        data.PixelRepresentation = int(self.signed)
        raw = self.pixels()
        if self.signed:
            # In the file the highest bit of a number stands in all above it, too.
            wide = raw.dtype.itemsize * 8 - self.bits
            raw = (raw << wide).view(f"i{raw.dtype.itemsize}") >> wide
        data.PixelData = raw.tobytes() + bytes(raw.nbytes % 2)
        data["PixelData"].VR = "OB" if self.bits <= 8 else "OW"
        return data

    def compressed(self) -> FileDataset:
        """By pyjpegls."""
        data = self.native()
        frames = [frame.transpose(2, 0, 1) if self.interleave == 0 else frame for frame in self.pixels()]
        streams = [
            bytes(jpeg_ls.encode_buffer(frame.tobytes(), self.rows, self.columns, self.samples, self.bits, self.near, self.interleave))
            for frame in frames
        ]
        data.PixelData = encapsulate(streams)
        data["PixelData"].VR, data["PixelData"].is_undefined_length = "OB", True
        data.file_meta.TransferSyntaxUID = JPEGLSNearLossless if self.near else JPEGLSLossless
        return data


def grey() -> list[Made]:
    looks = ("noise", "smooth", "runs")
    found = [Made(bits, *SIZES[(bits + at) % 5], near=near, look=look) for bits in range(2, 17) for at, look in enumerate(looks) for near in range(6) if near < 1 << (bits - 1)]  # fmt: skip
    found += [Made(bits, 40, 50, signed=True, near=near, look=look) for bits in (8, 10, 12, 16) for near in (0, 2) for look in looks]
    return [*found, Made(12, 31, 33, frames=5), Made(8, 64, 64, frames=3, near=3, look="noise"), Made(12, 512, 512), Made(8, 1, 700), Made(16, 700, 1)]


def colour() -> list[Made]:
    looks = ("noise", "smooth", "runs")
    found = [Made(8, *size, samples=3, near=near, interleave=way, look=look) for size in SIZES for near in (0, 1, 5) for way in range(3) for look in looks]
    return [*found, *(Made(16, 30, 20, samples=3, near=near, interleave=way, frames=2) for near in (0, 4) for way in range(3))]


MADE = {one.name: one for one in (*grey(), *colour())}

# dcmcjpls, with thresholds and resets of its own, images that pyjpegls has no room for, and frames in pieces.
OPTIONS = {
    "exact": ["+el"],
    "cooked": ["+el", "+pc"],
    "thresholds": ["+el", "+t1", "5", "+t2", "11", "+t3", "40", "+rs", "31"],
    "near": ["+en", "+md", "3", "+t1", "9", "+t2", "20", "+t3", "50", "+rs", "200"],
    "line": ["+el", "+il"],
    "pixel": ["+el", "+is"],
    "none": ["+en", "+md", "1", "+in"],
    "pieces": ["+el", "+fs", "1", "+pz"],
}
OTHERS = [Made(8, 1, 1), Made(16, 1, 1, signed=True), Made(8, 1, 2, samples=3), Made(8, 100, 90, samples=3, look="runs"), Made(12, 90, 110, frames=2), Made(12, 90, 110, signed=True), Made(16, 64, 64, look="noise")]  # fmt: skip
# It writes signed numbers in no other way, and some of 16 bits are other ones where it writes them so ("cooked"), whoever reads them.
PLAIN = ("exact", "thresholds", "line", "pieces")
BY_DCMCJPLS = [(one, option) for one in OTHERS for option in OPTIONS if option in PLAIN or not one.signed and (option, one.bits) != ("cooked", 16)]


LINES = 9
RESTARTED = [Made(12, 90, 50), Made(8, 40, 50, near=2), Made(8, 40, 50, samples=3, interleave=1, look="runs"), Made(8, 40, 50, samples=3, interleave=2)]


def restarted(made: Made) -> FileDataset:
    """With restarts, which neither program writes: parts of so many lines that were written one by one, in one scan."""
    data, (pixels,) = made.compressed(), made.pixels()
    stream = b""
    for number, part in enumerate(pixels[row : row + LINES] for row in range(0, made.rows, LINES)):
        one = bytes(jpeg_ls.encode_buffer(part.tobytes(), len(part), made.columns, made.samples, made.bits, made.near, made.interleave))
        frame, scan = one.index(b"\xff\xf7"), one.index(b"\xff\xda")
        bits = scan + 2 + int.from_bytes(one[scan + 2 : scan + 4], "big")
        if number == 0:
            stream = one[: frame + 5] + made.rows.to_bytes(2, "big") + one[frame + 7 : scan] + bytes((0xFF, 0xDD, 0, 4, 0, LINES)) + one[scan:bits]
        else:
            stream += bytes((0xFF, 0xD0 + (number - 1) % 8))
        stream += one[bits:-2]
    data.PixelData = encapsulate([stream + b"\xff\xd9"])
    return data


@pytest.fixture(scope="module")
def decoded(tmp_path_factory):
    """What becomes of each: the compressed file, Photometric Interpretation, pixels or why there are none."""
    folder = tmp_path_factory.mktemp("jpeg-ls")
    paths = []
    for name, one in MADE.items():
        paths.append(folder / f"{name}.dcm")
        one.compressed().save_as(paths[-1])
    for one in RESTARTED:
        paths.append(folder / f"restarts-{one.name}.dcm")
        restarted(one).save_as(paths[-1])
    for one in OTHERS:
        native = folder / f"native-{one.name}"
        one.native().save_as(native, enforce_file_format=True)
    for one, option in BY_DCMCJPLS:
        paths.append(folder / f"{option}-{one.name}.dcm")
        subprocess.run(["dcmcjpls", "+un", *OPTIONS[option], folder / f"native-{one.name}", paths[-1]], check=True)
    found = by_worker(folder, paths)
    return {path.stem: (path, *found[path.stem]) for path in paths}


def check(path: pathlib.Path, photometric: str, pixels: pathlib.Path, made: Made, near: int) -> None:
    data, native = pydicom.dcmread(path), made.native()
    assert photometric == native.PhotometricInterpretation, pixels.name
    ours = numpy.frombuffer(pixels.read_bytes(), dtype=f"{'i' if made.signed else 'u'}{native.BitsAllocated // 8}")
    ours = ours[: made.frames * made.rows * made.columns * made.samples]
    original = numpy.frombuffer(native.PixelData, dtype=ours.dtype)[: len(ours)]
    if near == 0:
        assert numpy.array_equal(ours, original)
    elif not made.signed:
        assert numpy.abs(ours.astype(int) - original.astype(int)).max() <= near
    for plugin in ("pyjpegls", "pylibjpeg"):
        theirs, _ = get_decoder(data.file_meta.TransferSyntaxUID).as_array(data, raw=True, decoding_plugin=plugin)
        assert numpy.array_equal(ours, theirs.astype(ours.dtype).ravel()), plugin


@pytest.mark.parametrize("name", MADE)
def test_what_pyjpegls_writes_is_read_as_others_read_it(name, decoded):
    path, photometric, _, pixels = decoded[name]
    check(path, photometric, pixels, MADE[name], MADE[name].near)


@pytest.mark.parametrize(("made", "option"), BY_DCMCJPLS, ids=lambda one: getattr(one, "name", one))
def test_what_dcmcjpls_writes_is_read_as_others_read_it(made, option, decoded):
    path, photometric, _, pixels = decoded[f"{option}-{made.name}"]
    arguments = OPTIONS[option]
    check(path, photometric, pixels, made, int(arguments[arguments.index("+md") + 1]) if "+md" in arguments else 0)


@pytest.mark.parametrize("made", RESTARTED, ids=lambda made: made.name)
def test_restarts_are_read_as_others_read_them(made, decoded):
    path, photometric, _, pixels = decoded[f"restarts-{made.name}"]
    check(path, photometric, pixels, made, made.near)
