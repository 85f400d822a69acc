"""What a file that is no CSV in UTF-8 seems to be instead, so that the refusal can say what to do about it."""

from __future__ import annotations

import codecs
from pathlib import Path

_SHOWN = 24
_BLOCK = 1 << 16
_FIRST_BYTES = {
    b"PAR1": "; this is Parquet: a file of sightings or intervals may be, with a name that ends in .parquet",
    b"\x1f\x8b": "; this is compressed by gzip: unpack it first",
    b"PK\x03\x04": "; this is a ZIP archive or a spreadsheet: export it as CSV",
    b"\xff\xfe": "; this is UTF-16: convert it, as by iconv -f UTF-16 -t UTF-8",
    b"\xfe\xff": "; this is UTF-16: convert it, as by iconv -f UTF-16 -t UTF-8",
}
_OTHERWISE = "; if it came from Windows or a spreadsheet, convert it, as by iconv -f CP1252 -t UTF-8"
_SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "vertical bars"}


def how_to_read(path: Path) -> str:
    """What a file that is not UTF-8 is, by its first bytes, and what to do; to be put behind what is accepted."""
    with path.open("rb") as file:
        start = file.read(8)
    return next((hint for magic, hint in _FIRST_BYTES.items() if start.startswith(magic)), _OTHERWISE)


def where_not_utf8(path: Path) -> tuple[int, str]:
    """The line of a file at which it stops being UTF-8, and what stands there from the first wrong byte on."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    number = 1
    with path.open("rb") as file:
        while True:
            block = file.read(_BLOCK)
            try:
                decoder.decode(block, final=not block)
            except UnicodeDecodeError as error:
                # What was left over of the block before it is part of a character, and no line ends in one.
                number += error.object.count(b"\n", 0, error.start)
                return number, _printed(error.object[error.start : error.start + _SHOWN])
            if not block:
                return number, ""
            number += block.count(b"\n")


def _printed(found: bytes) -> str:
    """Bytes for people to read: what is not printable as its number between angle brackets."""
    return "".join(chr(byte) if 32 <= byte < 127 else f"<{byte:02x}>" for byte in found)


def has_text(path: Path) -> bool:
    """Whether there is anything but blanks and line ends near the start of a file."""
    with path.open("rb") as file:
        return bool(file.read(_BLOCK).removeprefix(codecs.BOM_UTF8).strip())


def other_separator(header: list[str]) -> str:
    """What to say of a header of one column that others than commas part; nothing for any other header."""
    if len(header) != 1:
        return ""
    named = next((name for sign, name in _SEPARATORS.items() if sign in header[0]), "")
    return f"; the fields of this file are parted by {named}: export it with commas" if named else ""
