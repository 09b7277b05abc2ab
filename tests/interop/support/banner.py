"""The words that a viewer shows of a sealed image."""

from __future__ import annotations

import pathlib

# As their dots stand in pixels of two by two, 8 from the left and 4 from the top.
_WORDS = (pathlib.Path(__file__).parent / "banner.txt").read_text().splitlines()


def is_banner(columns: int, pixels: bytes) -> bool:
    """Whether an image of bytes says the words of the banner, in white on black, and nothing else in its first 48 rows."""
    rows = [pixels[at : at + columns] for at in range(0, 48 * columns, columns)]
    if any(byte not in (0, 255) for byte in b"".join(rows)):
        return False
    drawn = ["".join("#" if row[x] else "." for x in range(8, columns, 2)).rstrip(".") for row in rows[4:46:2]]
    return drawn == _WORDS
