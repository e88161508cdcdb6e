"""Which known question a message asks, with a probability that it asks any: learnt from phrasings in one solve.

Kernel ridge regression on one-hot intents (regularised least-squares classification: Rifkin, Yeo & Poggio 2003). Two
texts are alike by their embeddings, exp(-squared distance), and by the n-grams of characters they share, which carries
misspellings and names that the embedder never saw. A message that is like nothing known gets small outputs everywhere,
so that the largest output tells how far it lies outside.

What the outputs mean is learnt by leaving out: each phrasing is predicted without a half of its intent, itself in it,
as a question inside; and without its whole intent, as a question outside. Both follow from one factorisation
(block-wise leave-one-out), so no fold is fitted again. Every phrasing counts: the factor of n phrasings takes 4 n²
bytes. Knows no knowledge base and no embedder.
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from chatbot.calibration import Calibration, fitted

Floats = npt.NDArray[np.float32]
Table = npt.NDArray[np.float64]
Places = npt.NDArray[np.intp]
CHARACTER_WEIGHT = 0.5
RIDGE = 0.1
MAX_DOUBLE = 3_000
"""Phrasings up to which all is computed in double precision; with more, single takes half the memory."""
MIN_OUTSIDE_ROWS = 30
LIKELIER_THAN_NOT = 0.5
"""Probability from which a guess is rather right than wrong."""
SHORTLIST = 3
"""Intents that are told apart as likely ones; the others only count as none of these."""
SPLITS = 5
MAX_LEFT_OUT = 4_000
PRIOR_QUESTIONS = 1_000
PRIOR_OUTSIDE = 0.5
_AT_ONCE = 256
_SEED = 7
_NONE = -1
_GRAMS = 3, 4
_NOT_LETTERS = re.compile(r"[\W_]+")


@dataclass(frozen=True, slots=True)
class Guess:
    """The likeliest intent.

    Attributes:
        probability: That the message asks for it and not for another or for none.
        outside: Probability that it asks for none at all.
    """

    label: str
    probability: float
    outside: float = 0.0

    @property
    def against_none(self) -> float:
        """Probability of this intent where only it and none are left: from 0.5 on it is likelier than none.

        Refusing below 0.5 makes the fewest errors, where a wrong intent is as bad as a wrong refusal.
        """
        both = self.probability + self.outside
        return self.probability / both if both else 0.0


class CharacterGrams:
    """Character n-grams of words, weighted by how rare they are; `[n, grams]`, rows of length 1."""

    def __init__(self, texts: Sequence[str]) -> None:
        rows = [_grams(text) for text in texts]
        self._places = {gram: i for i, gram in enumerate(sorted({g for row in rows for g in row}))}
        frequency = np.zeros(max(len(self._places), 1))
        for row in rows:
            frequency[[self._places[gram] for gram in set(row)]] += 1
        self._idf = np.log((1 + len(rows)) / (1 + frequency)) + 1
        self._unknown_idf = float(np.log(1 + len(rows)) + 1)
        self.rows: Any = self._matrix(rows)

    def matrix(self, texts: Sequence[str]) -> Any:
        """The grams of any texts, `[n, grams]`; a product with other rows is their cosine."""
        return self._matrix([_grams(text) for text in texts])

    def _matrix(self, rows: Sequence[Sequence[str]]) -> Any:
        from scipy.sparse import csr_array

        data: list[float] = []
        columns: list[int] = []
        ends = [0]
        for row in rows:
            known, norm = self._weighted(row)
            columns += known
            data += [value / norm for value in known.values()]
            ends.append(len(columns))
        return csr_array((data, columns, ends), shape=(len(rows), len(self._idf)), dtype=np.float32)

    def _weighted(self, row: Sequence[str]) -> tuple[dict[int, float], float]:
        """Weights of known grams, and the length of the whole row: what is unknown makes a text less alike."""
        counts: dict[str, int] = {}
        for gram in row:
            counts[gram] = counts.get(gram, 0) + 1
        known: dict[int, float] = {}
        squares = 0.0
        for gram, count in counts.items():
            place = self._places.get(gram)
            weight = (1 + np.log(count)) * (self._unknown_idf if place is None else float(self._idf[place]))
            squares += weight**2
            if place is not None:
                known[place] = weight
        return known, float(np.sqrt(squares)) or 1.0


class IntentModel:
    """Fitted on construction; predictions are safe to make from several threads.

    Args:
        texts: Phrasings, and messages that must not be answered.
        labels: The intent of each; `outside` for those that must not be answered.
        vectors: Unit vectors of the texts, `[n, dimension]`.
        outside: The label of what must not be answered.
    """

    def __init__(
        self, texts: Sequence[str], labels: Sequence[str], vectors: Floats, outside: str = ""
    ) -> None:
        self.labels = tuple(sorted(set(labels) - {outside}))
        numbers = {label: i for i, label in enumerate(self.labels)}
        intents = np.array([numbers.get(label, -1) for label in labels], np.intp)
        self._vectors = vectors
        self._grams = CharacterGrams(texts)
        self._columns = self._grams.rows.T.tocsr()
        self._intents = intents
        targets = (intents[:, None] == np.arange(len(self.labels))).astype(np.float64)
        root = self._inverse_root()
        duals = root.T @ (root @ targets.astype(root.dtype))
        self._duals = duals.astype(np.float32)
        left_out = _LeftOut(root, duals.astype(np.float64), targets, intents, vectors)
        *self._shares, self._inside = _calibrated(left_out)

    def outputs(self, texts: Sequence[str], vectors: Floats) -> Floats:
        """One number for each text and intent, `[n, intents]`: near 1 where it is sure, near 0 where it is not."""
        found: Floats = self._likeness(vectors, self._grams.matrix(texts)) @ self._duals
        return found

    def guesses(self, texts: Sequence[str], vectors: Floats) -> list[Guess]:
        """The likeliest intent of each text."""
        outputs = self.outputs(texts, vectors).astype(np.float64)
        top = outputs.argmax(axis=1)
        cosines = _nearest((vectors @ self._vectors.T).astype(np.float64), self._intents, top)
        found = evidence(outputs, cosines)
        right = self._shares[0].probability(found)
        outside = 1 - np.maximum(right, self._inside.probability(found))
        return [
            Guess(self.labels[i], float(p), float(none))
            for i, p, none in zip(top, right, outside, strict=True)
        ]

    def shortlists(self, texts: Sequence[str], vectors: Floats) -> list[tuple[Guess, ...]]:
        """The `SHORTLIST` likeliest intents of each text, best first; what lacks to 1 is none of them."""
        outputs = self.outputs(texts, vectors).astype(np.float64)
        order = np.argsort(-outputs, axis=1, kind="stable")[:, :SHORTLIST]
        cosines = _nearest((vectors @ self._vectors.T).astype(np.float64), self._intents, order[:, 0])
        found = evidence(outputs, cosines)
        among = np.maximum.accumulate([share.probability(found) for share in self._shares])
        each = np.diff(among, axis=0, prepend=0.0).T
        return [
            tuple(Guess(self.labels[i], float(p)) for i, p in zip(row, chances, strict=False))
            for row, chances in zip(order, each, strict=True)
        ]

    def _likeness(self, vectors: Floats, grams: Any) -> Floats:
        """How alike texts are to all phrasings, `[n, phrasings]`."""
        alike = vectors @ self._vectors.T
        alike *= 2
        alike -= 2
        np.exp(np.minimum(alike, 0, out=alike), out=alike)
        found: Floats = alike
        for begin in range(
            0, len(found), _AT_ONCE
        ):  # most texts share some gram: a sparse product would be huge
            rows = slice(begin, begin + _AT_ONCE)
            found[rows] += np.float32(CHARACTER_WEIGHT) * (grams[rows] @ self._columns).toarray()
        return found

    def _inverse_root(self) -> Any:
        """The lower triangle R for which R'R is the inverse of the regularised likeness of all phrasings."""
        from scipy.linalg import cholesky, get_lapack_funcs

        kernel: Any = self._likeness(self._vectors, self._grams.rows)
        if len(kernel) <= MAX_DOUBLE:
            kernel = kernel.astype(np.float64)
        kernel[np.diag_indices(len(kernel))] += RIDGE
        lower = cholesky(kernel.T, lower=True, overwrite_a=True, check_finite=False)  # in place, by its order
        (invert,) = get_lapack_funcs(("trtri",), (lower,))
        root, info = invert(lower, lower=1, overwrite_c=1)
        if info:
            raise np.linalg.LinAlgError("the phrasings' likeness cannot be inverted")
        return root


def evidence(outputs: Table, cosines: Table) -> Table:
    """What says that the largest output is right, `[n, 3]`.

    Its size, how far the second stays behind, and the cosine of the nearest phrasing of its intent.
    """
    padded = np.concatenate([outputs, np.zeros((len(outputs), 1))], axis=1)
    two = np.sort(padded, axis=1)[:, -2:].astype(np.float64)
    found: Table = np.stack([two[:, 1], two[:, 1] - two[:, 0], cosines], axis=1)
    return found


def _nearest(similarity: Table, intents: Places, asked: Places) -> Table:
    """The largest similarity of each row to a phrasing of the intent asked for, `[n]`; -1 without any."""
    own = intents[None, :] == asked[:, None]
    nearest: Table = np.where(own, similarity, -1.0).max(axis=1, initial=-1.0)
    return nearest


@dataclass(frozen=True, slots=True)
class _LeftOut:
    """Predictions for rows as if some rows had never been there.

    `root` is that of the inverse of the regularised likeness, `duals` that inverse times the targets.
    """

    root: Any
    duals: Table
    targets: Table
    intents: Places
    vectors: Floats

    def inside(self) -> tuple[Table, Places]:
        """Evidence of rows of intents, each without the half of its intent that it is in, and the right one's place.

        Place 0 is the best guess.

        Leaving out one at a time would be too kind: who wrote a phrasing wrote one like it, customers did not.
        """
        shuffled = np.random.default_rng(_SEED)
        orders = [shuffled.permutation(rows) for rows in self._of_intents() for _ in range(SPLITS)]
        halves = [half for rows in orders for half in np.array_split(rows, 2) if len(half)]
        share = MAX_LEFT_OUT / sum(map(len, halves))
        found = [self._predicted(half, share) for half in halves]
        places = [
            (outputs > outputs[:, self.intents[half[0]], None]).sum(axis=1)
            for half, (_, outputs) in zip(halves, found, strict=True)
        ]
        return np.concatenate([rows for rows, _ in found]), np.concatenate(places)

    def outside(self) -> Table:
        """Evidence of rows that no intent is there for.

        The marked ones where there are enough, else each intent left out whole.
        """
        marked = np.flatnonzero(self.intents < 0)
        found = [self._without(marked[i : i + 1])[0] for i in range(len(marked))]
        if len(marked) < MIN_OUTSIDE_ROWS and self.targets.shape[1] > 1:
            share = MAX_LEFT_OUT / len(self.intents)
            shuffled = np.random.default_rng(_SEED)
            found += [
                self._without(shuffled.permutation(rows), share, self.intents[rows[0]])[0]
                for rows in self._of_intents()
            ]
        return np.concatenate(found) if found else np.zeros((0, 3))

    def _without(self, rows: Places, share: float = 1.0, gone: int = _NONE) -> tuple[Table, Places]:
        """Evidence and best guess of the first rows, fitted without them all."""
        found, outputs = self._predicted(rows, share, gone)
        return found, outputs.argmax(axis=1)

    def _predicted(self, rows: Places, share: float = 1.0, gone: int = _NONE) -> tuple[Table, Table]:
        """Evidence and outputs of the first rows, fitted without them all.

        y - B⁻¹ a, B their block of the inverse of the regularised likeness, a their duals.

        Args:
            share: Of the rows that are looked at.
            gone: An intent that is not there at all.
        """
        root = self.root[rows.min() :, rows].astype(np.float64)  # there is nothing above
        outputs = self.targets[rows] - np.linalg.solve(root.T @ root, self.duals[rows])
        looked_at = max(1, int(np.ceil(min(share, 1.0) * len(rows))))
        outputs = outputs[:looked_at]
        if gone != _NONE:
            outputs[:, gone] = 0.0
        similarity = (self.vectors[rows[:looked_at]] @ self.vectors.T).astype(np.float64)
        similarity[:, rows] = -1.0
        return evidence(outputs, _nearest(similarity, self.intents, outputs.argmax(axis=1))), outputs

    def _of_intents(self) -> list[Places]:
        return [np.flatnonzero(self.intents == i) for i in range(self.targets.shape[1])]


def _calibrated(left_out: _LeftOut) -> tuple[Calibration, ...]:
    """How likely the right intent is the best guess, is among the best two, and so on; last, that there is one."""
    intents = left_out.intents
    marked, total = int((intents < 0).sum()), len(intents)
    share = (marked + PRIOR_OUTSIDE * PRIOR_QUESTIONS) / (total + PRIOR_QUESTIONS)
    (inside, places), outside = left_out.inside(), left_out.outside()
    among = [places < k for k in range(1, SHORTLIST + 1)]
    right = [*among, np.ones(len(places), np.bool_)]
    return tuple(fitted(inside, hits, outside, outside_share=share) for hits in right)


def _grams(text: str) -> list[str]:
    folded = unicodedata.normalize("NFKC", text).casefold()
    padded = (f" {word} " for word in _NOT_LETTERS.sub(" ", folded).split())
    return [
        word[i : i + size] for word in padded for size in (2, *_GRAMS) for i in range(len(word) - size + 1)
    ]
