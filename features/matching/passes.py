"""One pass of a frozen encoder over battles: vectors of their turns, matches of their tokens.

A group of battles is read at a time. The states of its turns' tokens are held on the device,
matched there, and dropped: what leaves it is a vector a turn, two numbers a token, and a few a
battle.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from features.encoding.batches import out_of_memory, workers
from features.encoding.encoder import Done, Encoded, Encoder
from features.encoding.files import EncoderError
from features.encoding.truncation import Tokens
from features.matching.attention import FIGURES, match
from features.matching.matches import DIRECTIONS, N_TEXTS, PAIRS, Matches, where

HELD_TOKENS = {"cpu": 131_072, "cuda": 524_288}  # whose states are on the device, by default
# Cosines, and states of tokens, that are matched at a time, padding included; one battle may have
# more. On a CPU each battle is matched for itself.
CELLS = {"cpu": 1, "cuda": 2**24}
PADDED = {"cpu": 1, "cuda": 2**18}

Turns = Sequence[int]  # numbers of a text's turns
Battles = Sequence[Sequence[Turns]]  # the turns of the prompt, the first and the second answer
Padded = tuple[Any, Any]  # states, and how many of them are those of tokens
Pieces = Sequence[Tokens]  # what is read of each turn


@dataclass(frozen=True)
class Matching:
    """How tokens are matched.

    Parameters
    ----------
    temperature : float
        Of the attention, see `features.matching.attention`.
    tokens : int
        Of a prompt or an answer that are matched, at most; those of the last turns.
    held_tokens : int, optional
        Whose states, in float32, the device holds at a time, at most, though those of one battle
        in any case; 131,072 on a CPU, 524,288 on a GPU. On a CPU it changes no result, on a GPU
        the last bits.
    """

    temperature: float
    tokens: int
    held_tokens: int | None = None

    def most_held(self, device: str) -> int:
        """Return how many tokens' states the device holds at a time, at most."""
        return self.held_tokens or HELD_TOKENS[device]


@dataclass
class MatchingPass:
    """The encoder at work on battles."""

    encoder: Encoder
    matching: Matching
    seconds: dict[str, float]  # wall-clock time is added to its ``network`` and ``matches``

    def read(
        self, battles: Battles, equal: Sequence[bool], pieces: Pieces, done: Done
    ) -> tuple[Encoded, Matches]:
        """Return the vectors of turns, and the matches of battles of these turns.

        `equal` says whether a battle's answers are the same, and `done` is told of the tokens that
        are read.
        """
        made: dict[int, Encoded] = {}
        parts = []
        for rows in self._groups(battles, pieces):
            group, same = [battles[row] for row in rows], [equal[row] for row in rows]
            vectors, matches = self._group(group, same, pieces, done)
            made |= vectors
            parts.append(matches)
        encoded = Encoded.together([made[turn] for turn in range(len(pieces))])
        return encoded, Matches.together(parts)

    def _group(
        self, battles: Battles, equal: Sequence[bool], pieces: Pieces, done: Done
    ) -> tuple[dict[int, Encoded], Matches]:
        """Read battles whose states fit; none are held any more when it returns."""
        turns = sorted({turn for texts in battles for turns in texts for turn in turns})
        tokens = sum(len(pieces[turn]) for turn in turns)
        try:
            held, encoded = self._held([pieces[turn] for turn in turns], done)
            states = dict(zip(turns, held, strict=True))
            matches = self._matched(battles, equal, pieces, states)
        except RuntimeError as error:
            if not out_of_memory(error):
                raise
            raise EncoderError(
                f"The states of {tokens:,} tokens do not fit into the memory of "
                f"{self.encoder.device} and leave room to match them. Lower held_tokens."
            ) from error
        return {turn: encoded.take([place]) for place, turn in enumerate(turns)}, matches

    def _groups(self, battles: Battles, pieces: Pieces) -> Iterator[range]:
        """Cut battles into groups of so many tokens at most."""
        most = self.matching.most_held(self.encoder.device)
        size = [len(piece) for piece in pieces]
        start = total = 0
        for row, texts in enumerate(battles):
            tokens = sum(size[turn] for turns in texts for turn in turns)
            if total + tokens > most and row > start:
                yield range(start, row)
                start, total = row, 0
            total += tokens
        if start < len(battles):
            yield range(start, len(battles))

    def _held(self, pieces: Pieces, done: Done) -> tuple[list[Any], Encoded]:
        """Return the states of each turn's own tokens, scaled to length 1, and the vectors."""
        import torch

        started = perf_counter()
        backbone = self.encoder.backbone
        starts = np.cumsum([0, *(len(backbone.own(piece)) for piece in pieces)])
        held = torch.empty((int(starts[-1]), backbone.width), device=backbone.device)
        skipped, pool = backbone.skipped, backbone.pool(self.encoder.pooling)

        def keep(places: NDArray[np.intp], states: Any, mask: Any) -> Any:
            scaled = torch.nn.functional.normalize(states.float(), dim=2)
            for row, place in enumerate(places):
                here = slice(starts[place], starts[place + 1])
                held[here] = scaled[row, skipped : skipped + here.stop - here.start]
            return pool(states, mask)

        encoded = self.encoder.rounded(pieces, self.encoder.reduce(pieces, keep, done))
        self.seconds["network"] += perf_counter() - started
        return [held[a:b] for a, b in pairwise(starts)], encoded

    def _matched(
        self, battles: Battles, equal: Sequence[bool], pieces: Pieces, states: dict[int, Any]
    ) -> Matches:
        """Match the tokens of battles whose turns' states are held."""
        import torch

        started = perf_counter()
        own, most = self.encoder.backbone.own, self.matching.tokens
        ids = {turn: own(pieces[turn]) for turn in states}
        none = np.zeros(0, np.int32)
        tokens = [
            [np.concatenate([none, *last(most, [ids[turn] for turn in turns])]) for turns in texts]
            for texts in battles
        ]
        lengths = np.array([[len(text) for text in texts] for texts in tokens], np.int32)

        def text_states(turns: Turns) -> Any:
            parts = last(most, [states[turn] for turn in turns])
            return parts[0] if len(parts) == 1 else torch.cat([held_none, *parts])

        held_none = torch.empty((0, self.encoder.backbone.width), device=self.encoder.device)
        best, figures = match_battles(
            [[text_states(turns) for turns in texts] for texts in battles],
            equal,
            self.matching.temperature,
            self.encoder.device,
        )
        self.seconds["matches"] += perf_counter() - started
        flat = np.concatenate([text for texts in tokens for text in texts])
        return Matches(lengths, flat.astype(np.int32), best, figures)


def match_battles(
    battles: Sequence[Sequence[Any]], equal: Sequence[bool], temperature: float, device: str
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Match the tokens of battles, on a CPU each battle for itself, on a GPU many at a time.

    Parameters
    ----------
    battles : sequence of sequence of three Tensors, shape (n_tokens, n_dimensions)
        States, of length 1, of the prompt and the two answers.
    equal : sequence of bool
        Whether a battle's answers are the same.
    temperature : float
    device : {"cpu", "cuda"}
        Where the states are.

    Returns
    -------
    best : ndarray of float32, shape (n_tokens, 2)
    figures : ndarray of float32, shape (n_battles, 6, 3)
        See `features.matching.matches.Matches`.
    """
    lengths = np.array([[len(text) for text in texts] for texts in battles], np.int64)
    same = np.array(equal, np.bool_)
    rows_of = _batches(lengths, CELLS[device], PADDED[device])
    batches = [slice(rows[0], rows[-1] + 1) for rows in rows_of]
    with workers(device) as each:
        matched = each(lambda rows: match_batch(battles[rows], same[rows], temperature), batches)
        none = Matches.none()
        best, figures = zip((none.best, none.figures), *matched, strict=True)
    return np.concatenate(best), np.concatenate(figures)


def match_batch(
    battles: Sequence[Sequence[Any]], equal: NDArray[np.bool_], temperature: float
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Match the tokens of battles in one call a pair of texts; see `match_battles`.

    Where a text has no tokens its battle must be the only one.
    """
    import torch

    lengths = np.array([[len(text) for text in texts] for texts in battles])
    best = [[np.zeros((n, 2), np.float32) for n in of] for of in lengths]
    figures = np.zeros((len(battles), len(DIRECTIONS), len(FIGURES)), np.float32)
    widths = lengths.max(axis=0)
    if len(battles) > 1:
        widths[1:] = widths[1:].max()  # products of one shape: equal answers get the same bits
    with torch.inference_mode():
        padded = [_padded([texts[n] for texts in battles], int(widths[n])) for n in range(N_TEXTS)]
        for x, y in PAIRS:
            if not lengths[:, [x, y]].all():
                continue  # no tokens to match: all is 0
            best_x, best_y, of_x, of_y = _found(padded[x], padded[y], temperature)
            for same in np.flatnonzero(equal) if x else ():  # between the answers
                best_y[same], of_y[same] = best_x[same], of_x[same]
            for row, texts in enumerate(best):
                texts[x][:, where(x, y)] = best_x[row, : len(texts[x])]
                texts[y][:, where(y, x)] = best_y[row, : len(texts[y])]
            figures[:, DIRECTIONS.index((x, y))] = of_x
            figures[:, DIRECTIONS.index((y, x))] = of_y
    return np.concatenate([text for texts in best for text in texts]), figures


def _found(x: Padded, y: Padded, temperature: float) -> list[NDArray[np.float32]]:
    """Return the fields of `Match`: of one pair on a CPU by a loop, else by what a GPU can do."""
    if len(x[0]) > 1 or x[0].is_cuda:
        return [part.cpu().numpy() for part in match(x[0], y[0], temperature, x[1], y[1])]
    from features.matching.attention_kernel import match_alone

    cosines = (x[0][0] @ y[0][0].T).numpy()
    return [part[None] for part in match_alone(cosines, temperature)]


def _padded(states: Sequence[Any], width: int) -> Padded:
    """Return states as one tensor, filled up with zeros, and how many of each are no zeros.

    None instead where there is nothing to fill up.
    """
    import torch

    if all(len(part) == width for part in states):
        return states[0][None] if len(states) == 1 else torch.stack(list(states)), None
    filled = states[0].new_zeros((len(states), width, states[0].shape[1]))
    for row, part in enumerate(states):
        filled[row, : len(part)] = part
    return filled, torch.tensor([len(part) for part in states], device=filled.device)


def _batches(lengths: NDArray[np.int64], cells: int, padded: int) -> list[list[int]]:
    """Put battles that follow each other together, as long as they are small enough, padded.

    Where a text has no tokens its battle stays alone.

    >>> _batches(np.array([[1, 2, 3], [1, 3, 3], [9, 9, 9], [0, 1, 1], [2, 2, 2]]), 99, 20)
    [[0, 1], [2], [3], [4]]
    """
    batches: list[list[int]] = []
    widest = np.zeros(N_TEXTS, np.int64)
    alone = True
    for row, of in enumerate(lengths):
        widest = np.maximum(widest, of)
        prompt, answers = int(widest[0]), int(widest[1:].max())
        rows = len(batches[-1]) + 1 if batches else 1
        fits = rows * answers * (2 * prompt + answers) <= cells
        fits &= rows * (prompt + 2 * answers) <= padded
        if alone or not fits or not of.all():
            batches.append([row])
            widest, alone = of, not of.all()
        else:
            batches[-1].append(row)
    return batches


def last(most: int, turns: Sequence[Any]) -> list[Any]:
    """Keep the last turns, and of the one that does not fit its first tokens.

    >>> last(4, ["abc", "def", "g"])
    ['', 'def', 'g']
    >>> last(4, ["abcdef"])
    ['abcd']
    """
    kept: list[Any] = []
    for turn in reversed(turns):
        kept.append(turn[: max(most - sum(map(len, kept)), 0)])
    return kept[::-1]
