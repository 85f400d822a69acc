"""Which patterns a run has written, so that each is written once, in memory that does not grow with their number."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from foundation.workspaces import Workspace, quoted
from outage.runs.flat import Flags, Integers, Words
from outage.runs.shapes import SCHEMA, Shapes, name_array

Bytes: TypeAlias = npt.NDArray[np.uint8]

_PROBES = 4
_BITS_PER_PATTERN = 8
_LEAST_BITS, _BITS_PER_MB = 2**16, 2**20
"""An eighth of the memory at most."""

_NAMES_PER_MB = 5_000
"""So many are compared at once."""
_WORDS = 2

_DOUBTFUL = SCHEMA.append(pa.field("turn", pa.int64()))
_KEPT = "CREATE TEMP TABLE kept (pattern UUID)"
_KEEP = "INSERT INTO kept SELECT DISTINCT pattern FROM doubtful SEMI JOIN certain USING (pattern)"
# All rows of a pattern are taken from one range: another may have other services together in a row.
_LEFT = """
SELECT pattern, services, started_at, ended_at FROM doubtful ANTI JOIN kept USING (pattern)
QUALIFY turn = min(turn) OVER (PARTITION BY pattern)
"""
_LEFT_PATTERNS = "SELECT count(DISTINCT pattern) FROM doubtful ANTI JOIN kept USING (pattern)"


class KeptPatterns:
    """The patterns that were written: bits that say of most new ones at once that they are new (a Bloom filter).

    What they cannot say that of, because it was written before or shares its bits with what was, waits to the end, and
    is then compared by whole names. Both stand in files: in tables they would take what memory there is. Has to be
    closed.
    """

    def __init__(self, workspace: Workspace, *, expected: int, memory_mb: int) -> None:
        """`expected`: about how many patterns there may be; with more of them more wait."""
        wanted = min(max(expected * _BITS_PER_PATTERN, _LEAST_BITS), memory_mb * _BITS_PER_MB)
        self._bits = np.zeros(2 ** (int(wanted).bit_length() - 4), np.uint8)
        self._workspace = workspace
        self._names, self._doubtful = workspace.scratch_file(), workspace.scratch_file()
        self._waiting = pq.ParquetWriter(self._doubtful, _DOUBTFUL, compression="zstd", use_dictionary=False)
        self._at_once = memory_mb * _NAMES_PER_MB
        self._turn = 0
        self._any_doubtful = False

    def take_new(self, shapes: Shapes, places: Integers) -> tuple[pa.Table, int]:
        """The rows of those patterns, of these in some places, that are certainly new, and how many patterns that are.

        The others come out of `left`.
        """
        self._turn += 1
        new = self._add(shapes.names[:, places])
        if not new.all():
            self._any_doubtful = True
            rows = shapes.rows(places[~new])
            self._waiting.write_table(rows.append_column("turn", pa.repeat(self._turn, rows.num_rows)))
        certain = places[new]
        self._names.write(shapes.names[:, certain].T.tobytes())
        return shapes.rows(certain), len(certain)

    def close(self) -> None:
        """Give the files up."""
        self._waiting.close()
        self._doubtful.close()
        self._names.close()

    def left(self, *, size: int) -> Iterator[pa.RecordBatch]:
        """The rows of those that waited and were not written, in batches of about `size`; the last but `count_left`."""
        if not self._any_doubtful:
            return
        self._waiting.close()
        self._doubtful.flush()
        for statement in (f"CREATE TEMP VIEW doubtful AS FROM read_parquet({quoted(self._doubtful.name)})", _KEPT):
            self._workspace.execute(statement)
        self._names.seek(0)
        while len(names := np.fromfile(self._names, np.uint64, self._at_once * _WORDS)):
            self._workspace.register_arrow("certain", pa.table({"pattern": name_array(names.reshape(-1, _WORDS).T)}))
            self._workspace.execute(_KEEP)
        yield from self._workspace.fetch_batches(_LEFT, size=size)

    def count_left(self) -> int:
        """How many patterns `left` gave."""
        if not self._any_doubtful:
            return 0
        ((patterns,),) = self._workspace.fetch_rows(_LEFT_PATTERNS)
        return int(patterns)

    def _add(self, names: Words) -> Flags:
        """Set the bits of names that are all different; which of them were certainly not in it."""
        new = np.zeros(names.shape[1], np.bool_)
        steps = (names[0] + np.uint64(probe) * names[1] for probe in range(_PROBES))
        probes = [_byte_and_bit(step & np.uint64(8 * len(self._bits) - 1)) for step in steps]
        for at, bit in probes:
            new |= self._bits[at] & bit == 0
        for at, bit in probes:
            self._set(at, bit)
        return new

    def _set(self, at: Integers, bit: Bytes) -> None:
        # Of two that are set in one byte at once only one stays: the others are set once more.
        while len(at):
            self._bits[at] |= bit
            missed = np.flatnonzero(self._bits[at] & bit == 0)
            at, bit = at[missed], bit[missed]


def _byte_and_bit(numbers: Words) -> tuple[Integers, Bytes]:
    """For bits by their numbers the byte that each stands in, and that byte with nothing else set."""
    bits = np.uint8(1) << (numbers & np.uint64(7)).astype(np.uint8)
    return (numbers >> np.uint64(3)).view(np.int64), bits
