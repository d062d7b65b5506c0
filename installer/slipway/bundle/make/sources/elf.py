"""Which shared libraries a program or library of 64 bits wants, as its loader reads it."""

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_MAGIC: Final = b"\x7fELF\x02\x01"
"""64 bits, the lowest byte first: all platforms that there are here."""
_LOAD, _DYNAMIC = 1, 2
_END, _NEEDED, _NAMES = 0, 1, 5


def needed_libraries(data: bytes) -> set[str]:
    """Names of shared libraries; none of what is no such file.

    Raises:
        ValueError: the file is damaged.
    """
    if not data.startswith(_MAGIC):
        return set()
    try:
        return set(_needed(data))
    except (struct.error, IndexError, StopIteration, RuntimeError) as exc:
        raise ValueError("the ELF file is damaged") from exc


def missing_libraries(libraries: Path, base: Path) -> dict[str, str]:
    """Of the shared libraries below a directory: what they want that is neither there nor in the base, and who."""
    files = [path for path in sorted(libraries.rglob("*.so*")) if path.is_file()]
    there = {path.name for path in (*files, *(base / "usr/lib").rglob("*.so*"))}
    wanted = {
        name: path.relative_to(libraries).as_posix()
        for path in files
        for name in needed_libraries(path.read_bytes())
    }
    return {name: wanted[name] for name in sorted(wanted.keys() - there)}


def _needed(data: bytes) -> Iterator[str]:
    start, size, count = (
        *struct.unpack_from("<Q", data, 32),
        *struct.unpack_from("<HH", data, 54),
    )
    # Of each segment: kind, place in the file, address, and size in the file.
    segments = [
        (entry[0], entry[2], entry[3], entry[5])
        for entry in (struct.unpack_from("<IIQQQQ", data, start + size * index) for index in range(count))
    ]
    entries: list[tuple[int, int]] = []
    for kind, offset, _, length in segments:
        if kind == _DYNAMIC:
            entries += struct.iter_unpack("<qQ", data[offset : offset + length - length % 16])
    entries = entries[
        : next((index for index, entry in enumerate(entries) if entry[0] == _END), len(entries))
    ]
    wanted = [value for tag, value in entries if tag == _NEEDED]
    if not wanted:
        return
    address = next(value for tag, value in entries if tag == _NAMES)
    names = next(
        offset + address - begin
        for kind, offset, begin, length in segments
        if kind == _LOAD and begin <= address < begin + length
    )
    for value in wanted:
        end = data.index(b"\0", names + value)
        yield data[names + value : end].decode()
