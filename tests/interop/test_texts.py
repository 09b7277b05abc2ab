"""What names and texts say: the gateway and pydicom find the same characters in the same bytes (`It must show` 3)."""

from __future__ import annotations

import json
import os
import pathlib
import random
import re
import subprocess
import warnings

import pydicom
import pytest
from pydicom.charset import convert_encodings, decode_bytes, encode_string
from pydicom.data import get_charset_files
from pydicom.valuerep import PersonName

ROOT = pathlib.Path(__file__).resolve().parents[2]
TEXT = {"LO", "LT", "PN", "SH", "ST", "UC", "UT"}

# Declared, as in a data set; letters that it has, those of an escape sequence last.
REPERTOIRES = [
    ("", "AbZ 19", ""),
    ("ISO_IR 100", "AbÄéß", ""),
    ("ISO_IR 101", "AłŻő", ""),
    ("ISO_IR 109", "AĦĝ", ""),
    ("ISO_IR 110", "Aāķ", ""),
    ("ISO_IR 144", "AЛюк", ""),
    ("ISO_IR 127", "Aقب", ""),
    ("ISO_IR 126", "AΔιο", ""),
    ("ISO_IR 138", "Aשרו", ""),
    ("ISO_IR 148", "Aşğİ", ""),
    ("ISO_IR 166", "Aสมช", ""),
    ("ISO_IR 13", "Aﾔﾏﾀﾞ", ""),
    ("ISO_IR 192", "Aé山홍🙂", ""),
    ("GB18030", "A王小东乗🙂", ""),
    ("GBK", "A王小东乗", ""),
    ("\\ISO 2022 IR 87", "Ab1", "山田やまだ太郎〜"),
    ("\\ISO 2022 IR 159", "Ab1", "丂丄丅"),
    ("\\ISO 2022 IR 149", "Ab1", "김희중洪吉洞"),
    ("\\ISO 2022 IR 58", "Ab1", "张小东王"),
    ("ISO 2022 IR 13\\ISO 2022 IR 87", "Aﾔﾏﾀﾞ", "山田太郎"),
    ("ISO 2022 IR 100\\ISO 2022 IR 144", "Aéß", "Люк"),
    ("ISO 2022 IR 100\\ISO 2022 IR 126", "Aéß", "Διο"),
]


@pytest.fixture(scope="module")
def reader():
    """The example program, built where `cargo test` has built it already."""
    subprocess.run(["cargo", "build", "--locked", "--quiet", "--example", "read_texts"], cwd=ROOT, check=True)
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    return target / "debug" / "examples" / "read_texts"


def as_text(element) -> str:
    """What pydicom made of a value, with the backslashes that stood between several."""
    value = element.value
    values = value if isinstance(value, pydicom.multival.MultiValue) else [value]
    return "\\".join("" if one is None else str(one) for one in values)


def texts(dataset, path=""):
    for element in dataset:
        place = f"{path}{element.tag:08X}"
        if element.VR == "SQ":
            for at, item in enumerate(element.value):
                yield from texts(item, f"{place}[{at}].")
        # Of private ones pydicom knows VRs that the data set does not say.
        elif element.VR in TEXT and not element.tag.is_private:
            yield place, as_text(element)


def test_every_character_set_file_says_the_same(reader):
    files = get_charset_files("*.dcm")
    assert len(files) > 10
    found = subprocess.run([reader, *files], capture_output=True, check=True, text=True).stdout.splitlines()
    compared = 0
    for path, line in zip(files, found, strict=True):
        ours = json.loads(line)
        for place, text in texts(pydicom.dcmread(path)):
            assert ours[place] is not None, f"{path}: {place} cannot be read"
            # pydicom takes padding and empty components off the end.
            assert ours[place].rstrip("^= \0") == text.rstrip("^= \0"), f"{path}: {place}"
            compared += not text.isascii()
    assert compared >= 25


def ask(reader, questions):
    lines = "".join(f"{declared.encode().hex()} {vr} {value.hex()}\n" for declared, vr, value in questions)
    run = subprocess.run([reader], input=lines, capture_output=True, check=True, text=True)
    return [json.loads(line) for line in run.stdout.splitlines()]


def test_what_pydicom_writes_is_read_and_what_is_written_pydicom_reads(reader):
    chance = random.Random(20260301)
    questions, wanted = [], []
    for declared, plain, escaped in REPERTOIRES:
        encodings = convert_encodings(declared.split("\\"))
        for _ in range(60):
            letters = [chance.choice(chance.choice([plain, escaped or plain])) for _ in range(chance.randint(1, 8))]
            for vr in ("LO", "PN"):
                text = "".join(letters)
                if vr == "PN":
                    # Delimiters at the end say nothing; pydicom leaves them out.
                    text = text.replace("1", "^").replace("b", "=", 2).replace("b", "").rstrip("^= ")
                if not text.strip():
                    continue
                with warnings.catch_warnings():
                    warnings.simplefilter("error")
                    try:
                        value = PersonName(text, encodings).encode(encodings) if vr == "PN" else encode_string(text, encodings)
                    except (UserWarning, UnicodeError):
                        # pydicom writes no mixture that takes more than one escape sequence in a component.
                        continue
                value = bytes(value)
                if declared.endswith("IR 58"):
                    # Of this set it leaves the escape sequence out.
                    parts = re.split("([=^])" if vr == "PN" else "(\n)", text)
                    value = b"".join(part.encode() if part.isascii() else b"\x1b$)A" + part.encode("gb2312") for part in parts)
                questions.append((declared, vr, value))
                wanted.append((text, encodings))
    assert len(questions) > 1500
    for question, answer, (text, encodings) in zip(questions, ask(reader, questions), wanted, strict=True):
        declared, vr, value = question
        assert answer is not None, f"{declared} {vr} {value!r} ({text}) cannot be read"
        assert answer[0] == text, f"{declared} {vr} {value!r}"
        assert answer[1] is not None, f"{declared} {vr} {text} cannot be written"
        again = bytes.fromhex(answer[1])
        if vr == "PN":
            read = str(PersonName(again, encodings).decode(encodings))
        else:
            read = decode_bytes(again, encodings, {"\r", "\n", "\t", "\f"})
        # Of ISO-IR 58 pydicom leaves the escape sequences standing.
        assert read.replace("\x1b$)A", "") == text, f"{declared} {vr} {again!r}"
