"""Rows for fitting: a few dense columns beside many that are nearly always zero, as one linear map."""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Matrix = npt.NDArray[np.float64]
Places = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Rows:
    """`dense` has a row each; the k-th sparse entry is `value[k]`, in row `row[k]` and sparse column `column[k]`."""

    dense: Matrix
    row: Places
    column: Places
    value: Matrix
    columns: int

    def times(self, weights: Matrix) -> Matrix:
        """One number for each row; the weights of the dense columns come first."""
        first = self.dense.shape[1]
        sparse = np.bincount(self.row, self.value * weights[first:][self.column], len(self.dense))
        return np.asarray(self.dense @ weights[:first] + sparse, dtype=np.float64)

    def back(self, rows: Matrix) -> Matrix:
        """The transposed map: one number for each column."""
        sparse = np.bincount(self.column, self.value * rows[self.row], self.columns)
        return np.concatenate([self.dense.T @ rows, sparse])

    def steepest(self, rows: Matrix, rounds: int = 25) -> float:
        """The largest eigenvalue of the map with each row weighed, by power iteration from a fixed start."""
        at = np.ones(self.dense.shape[1] + self.columns)
        size = 1.0
        for _ in range(rounds):
            at = self.back(rows * self.times(at / size))
            size = float(np.linalg.norm(at))
        return size


def rows_of(dense: Matrix, found: Sequence[AbstractSet[int]], columns: int, length: float) -> Rows:
    """Rows whose sparse part is a set of columns each, scaled to one length (0 where the set is empty)."""
    sizes = np.array([len(each) for each in found], dtype=np.int64)
    row = np.repeat(np.arange(len(found), dtype=np.int64), sizes)
    column = np.array([one for each in found for one in sorted(each)], dtype=np.int64)
    return Rows(dense, row, column, length / np.sqrt(sizes[row]), columns)


def stacked(parts: Sequence[Rows]) -> Rows:
    """One after the other."""
    starts = np.cumsum([0, *(len(part.dense) for part in parts[:-1])])
    return Rows(
        np.concatenate([part.dense for part in parts]),
        np.concatenate([part.row + start for part, start in zip(parts, starts, strict=True)]),
        np.concatenate([part.column for part in parts]),
        np.concatenate([part.value for part in parts]),
        parts[0].columns,
    )
