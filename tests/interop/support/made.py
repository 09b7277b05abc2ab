"""Made objects of every storage class: the corpus has 18 of them. Each has what the patient, study and series levels need and
what its class is about; whatever else the class asks for is missing, before and after sealing.
"""

from __future__ import annotations

import re
import struct

from pydicom.dataset import Dataset, FileDataset, FileMetaDataset

from support import corpus

ROW, COLUMN = 8, 8
PLANE = ROW * COLUMN
ROOT = "1.2.840.10008.5.1."

# What objects of a class are made of, by the end of its UID or the beginning of it; the rest are images.
KINDS = {
    "4.1.1.4.2": ["spectrum"],
    "4.1.1.66": ["raw"],
    "4.1.1.66.3": ["grid"],
    "4.1.1.66.5": ["surface"],
    "4.1.1.66.6": ["surface"],
    "4.1.1.68.1": ["surface"],
    "4.1.1.68.2": ["surface"],
    "4.1.1.91.1": ["surface"],
    "4.1.1.481.2": ["dose"],
    "4.1.1.30": ["floating", "grey 16"],
    "4.1.1.66.4": ["bits", "grey 8"],
    "4.1.1.7.1": ["bits"],
    "4.1.1.7.2": ["grey 8"],
    "4.1.1.7.3": ["grey 16"],
    "4.1.1.7.4": ["colour"],
    "4.1.1.4.3": ["colour"],
    "1.30": ["colour"],
    "4.1.1.77.1.5.1": ["grey 8", "colour"],
}
BEGINNINGS = {
    "4.1.1.9.": ["waveform"],
    "4.1.1.601.5": ["waveform"],
    "4.1.1.104.": ["document"],
    "4.1.1.77.1.1": ["grey 8", "colour"],
    "4.1.1.77.1.2": ["grey 8", "colour"],
    "4.1.1.77.1.3": ["grey 8", "colour"],
    "4.1.1.77.1.4": ["grey 8", "colour"],
    "4.1.1.77.1.7": ["grey 8", "colour"],
}
IMAGES = ["grey 8", "grey 16", "inverted", "tables", "colour"]
FRAMES = {"grey 8", "grey 16", "colour", "floating"}
MIME = {"1": "application/pdf", "2": "text/XML", "3": "model/stl", "4": "model/obj", "5": "model/mtl"}


def sealed_classes(page: str) -> list[str]:
    """The classes that docs/sealing.md says are sealed, as it writes them."""
    rows = [line.split("|") for line in page.splitlines() if re.match(r"\|.*`[\d.]+`", line)]
    return [found for row in rows if "**" not in row[3] for found in re.findall(r"`([\d.]+)`", row[2])]


def kinds_of(below: str) -> list[str]:
    if below in KINDS:
        return KINDS[below]
    return next((kinds for start, kinds in BEGINNINGS.items() if below.startswith(start)), IMAGES)


def _image(data: FileDataset, photometric: str, bits: int, stored: int, frames: int) -> None:
    data.SamplesPerPixel = samples = 3 if photometric == "RGB" else 1
    data.PhotometricInterpretation = photometric
    if samples == 3:
        data.PlanarConfiguration = 0
    data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation = bits, stored, stored - 1, 0
    data.PixelData = bytes(max(PLANE * samples * bits // 8, 1) * frames)
    data["PixelData"].VR = "OB" if bits <= 8 else "OW"


def _table() -> Dataset:
    item = Dataset()
    item.LUTDescriptor, item.LUTData = [2, 0, 16], b"\0\0\xff\xff"
    item["LUTData"].VR = "OW"
    return item


def make(below: str, kind: str, frames: int | None, number: int) -> FileDataset:
    """An object of the class, of this kind, with so many frames, or with none where that is not said."""
    uid, instance = f"{ROOT}{below}", f"1.2.826.0.1.3680043.9.9999.700.{number}"
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = uid, instance
    meta.TransferSyntaxUID, meta.ImplementationClassUID = corpus.EXPLICIT, "1.2.826.0.1.3680043.9.9999.1"
    meta.FileMetaInformationVersion = b"\0\1"
    data = FileDataset("made", {}, file_meta=meta, preamble=bytes(128))
    data.SOPClassUID, data.SOPInstanceUID = uid, instance
    data.PatientName, data.PatientID, data.PatientBirthDate, data.PatientSex = "Made^Up", "700", "", ""
    data.StudyInstanceUID, data.SeriesInstanceUID = f"{instance}.1", f"{instance}.2"
    data.StudyDate = data.StudyTime = data.AccessionNumber = data.ReferringPhysicianName = data.StudyID = ""
    data.Modality, data.SeriesNumber, data.InstanceNumber = "OT", "1", "1"
    data.ImageType, data.BurnedInAnnotation, data.LossyImageCompression = ["ORIGINAL", "PRIMARY"], "NO", "00"
    if kind not in {"waveform", "document", "surface", "grid", "raw"}:
        data.Rows, data.Columns = ROW, COLUMN
    if frames:
        data.NumberOfFrames, data.FrameTime, data.FrameIncrementPointer = frames, "10", 0x00181063
    _fill(data, below, kind, frames or 1)
    return data


def _fill(data: FileDataset, below: str, kind: str, frames: int) -> None:
    if kind == "colour":
        _image(data, "RGB", 8, 8, frames)
        data.ICCProfile = bytes(600)
    elif kind == "grey 8":
        _image(data, "MONOCHROME2", 8, 8, frames)
    elif kind == "bits":
        _image(data, "MONOCHROME2", 1, 1, frames)
        data.SegmentationType = "BINARY"
    elif kind in {"grey 16", "inverted", "tables"}:
        _image(data, "MONOCHROME1" if kind == "inverted" else "MONOCHROME2", 16, 12, frames)
        data.PresentationLUTShape = "INVERSE" if kind == "inverted" else "IDENTITY"
        data.PixelIntensityRelationship, data.PixelIntensityRelationshipSign = "LIN", 1
        data.PresentationIntentType, data.SmallestImagePixelValue = "FOR PRESENTATION", 0
        if kind == "tables" and not below.startswith("4.1.1.2"):
            data.ModalityLUTSequence, data.VOILUTSequence = [_table()], [_table()]
            data.ModalityLUTSequence[0].ModalityLUTType = "US"
        else:
            data.WindowCenter, data.WindowWidth = [40, 50], [400, 500]
            data.WindowCenterWidthExplanation = ["soft", "softer"]
            data.RescaleIntercept, data.RescaleSlope, data.RescaleType = -1024, 1, "HU" if below == "4.1.1.2" else "US"
    elif kind == "floating":
        data.SamplesPerPixel, data.PhotometricInterpretation, data.BitsAllocated = 1, "MONOCHROME2", 32
        data.FloatPixelData = bytes(PLANE * 4 * frames)
    elif kind == "dose":
        data.NumberOfFrames, data.FrameIncrementPointer, data.GridFrameOffsetVector = 2, 0x3004000C, [0, 1]
        _image(data, "MONOCHROME2", 16, 16, 2)
        data.DoseGridScaling, data.DoseUnits, data.DoseType, data.DoseSummationType = "0.001", "GY", "PHYSICAL", "PLAN"
    elif kind == "spectrum":
        data.NumberOfFrames, data.DataPointRows, data.DataPointColumns = 1, 1, 4
        data.DataRepresentation, data.SignalDomainColumns = "COMPLEX", "TIME"
        data.SpectroscopyData = bytes(PLANE * 4 * 8)
    elif kind == "waveform":
        group, channel = Dataset(), Dataset()
        channel.WaveformBitsStored = 16
        group.WaveformOriginality, group.NumberOfWaveformChannels, group.NumberOfWaveformSamples = "ORIGINAL", 1, 10_000
        group.SamplingFrequency, group.ChannelDefinitionSequence = "500", [channel]
        group.WaveformBitsAllocated, group.WaveformSampleInterpretation = 16, "SS"
        group.WaveformData = bytes(20_000)
        group["WaveformData"].VR = "OW"
        data.WaveformSequence = [group]
    elif kind == "document":
        data.MIMETypeOfEncapsulatedDocument, data.DocumentTitle = MIME[below[-1]], "a title"
        data.EncapsulatedDocument, data.EncapsulatedDocumentLength = b"%PDF" + bytes(2000), 2004
    elif kind == "surface":
        points, normals, mesh, surface = Dataset(), Dataset(), Dataset(), Dataset()
        points.NumberOfSurfacePoints, points.PointCoordinatesData = 300, bytes(3600)
        normals.NumberOfVectors, normals.VectorDimensionality, normals.VectorCoordinateData = 300, 3, bytes(3600)
        mesh.LongTrianglePointIndexList = struct.pack("<3I", 1, 2, 3) * 100
        surface.SurfaceNumber, surface.SurfacePointsSequence = 1, [points]
        surface.SurfacePointsNormalsSequence, surface.SurfaceMeshPrimitivesSequence = [normals], [mesh]
        data.NumberOfSurfaces, data.SurfaceSequence = 1, [surface]
    elif kind == "grid":
        grid, registration = Dataset(), Dataset()
        grid.GridDimensions, grid.GridResolution, grid.VectorGridData = [10, 10, 10], [1.0, 1.0, 1.0], bytes(12_000)
        registration.DeformableRegistrationGridSequence = [grid]
        data.DeformableRegistrationSequence = [registration]
    else:
        assert kind == "raw"
        data.private_block(0x0009, "MADE UP", create=True).add_new(0x01, "OB", bytes(100_000))


def every(page: str) -> list[tuple[str, FileDataset]]:
    """One object or more of each sealed class, by a name that says which."""
    made: list[tuple[str, FileDataset]] = []
    for below in sealed_classes(page):
        for kind in kinds_of(below):
            for frames in (None, 3) if kind in FRAMES else (None,):
                name = f"{below}-{kind.replace(' ', '')}-{frames or 0}"
                made.append((name, make(below, kind, frames, len(made))))
    return made
