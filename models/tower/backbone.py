"""Any transformer of transformers' `AutoModel`, run over sequences without padding, and in parts.

`Backbone.parted` cuts a network into frozen lower layers and trained upper ones, each a network of
the same class that shares its weights: the lower one ends early, the upper one is given states in
the place of embeddings.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from features.encoding.backbone import ROBERTA_LIKE, quiet
from features.encoding.files import EncoderError
from features.encoding.truncation import Tokens
from models.tower.attention import NAME, Packs, register
from models.tower.errors import TowerError
from models.tower.layers import (
    NORMS,
    configs_of,
    has_norm,
    keep_types,
    number_of_layers,
    pass_through,
    place_of_layers,
    shallow,
    share_weights,
    take_away_embeddings,
)

PROBED = (5, 9)  # tokens of two sequences, read together and each for itself
CLOSE = 1e-4
WASTE = 1.1  # tokens computed for each of text, where a network needs sequences of one length
PLAIN = "sdpa"


class Parts(NamedTuple):
    """A network in two.

    Attributes
    ----------
    lower : Backbone or None
        The frozen part; None where all is trained.
    upper : Backbone
    names : dict of str to str
        What the parameters of `upper` are called in the whole network.
    """

    lower: "Backbone | None"
    upper: "Backbone"
    names: dict[str, str]


class Backbone(nn.Module):
    """A network of transformers that reads sequences one after the other.

    Parameters
    ----------
    network : PreTrainedModel
    n_layers : int
        That it has in this part.

    Attributes
    ----------
    packed : bool
        Whether its attention is handed to `models.tower.attention`; else sequences of like length
        are put side by side, with as little padding as that takes.
    """

    def __init__(self, network: Any, n_layers: int) -> None:
        super().__init__()
        self.network = network
        self.n_layers = n_layers
        self.packed = False
        self.flash = False  # DeBERTa's fused kernels, see `models.tower.disentangled`
        self.of_pair = False  # the encoder of a network that has a decoder too
        self.configs = configs_of(network)

    @classmethod
    def load(cls, folder: Path, name: str) -> "Backbone":
        """Return the network of a folder, in float32 on the CPU.

        Raises
        ------
        TowerError
            The folder holds no network that transformers can load.
        """
        from transformers import AutoModel

        here: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
        with quiet():
            try:
                network = AutoModel.from_pretrained(folder, dtype=torch.float32, **here)
            except Exception as error:
                said = " ".join(str(error).split())[:300]
                raise TowerError(
                    f"backbone {name}: cannot be loaded ({type(error).__name__}: {said})."
                ) from error
        return cls.of(network, name)

    @classmethod
    def of(cls, network: Any, name: str) -> "Backbone":
        """Return a network, with its attention handed to ours where that gives the same states."""
        of_pair = bool(getattr(network.config, "is_encoder_decoder", False))
        if of_pair:
            network = network.get_encoder()
        if getattr(network, "pooler", None) is not None:
            network.pooler = None  # it would be trained for nothing
        backbone = cls(network, number_of_layers(network, name))
        backbone.packed, backbone.of_pair = _reads_packed(backbone), of_pair
        return backbone

    @property
    def config(self) -> Any:
        """The configuration of the whole network."""
        return self.network.config

    @property
    def width(self) -> int:
        """Dimensions of a token's state."""
        return int(self.config.hidden_size)

    @property
    def most(self) -> int | None:
        """Most tokens of a sequence; None where positions are relative."""
        if getattr(self.config, "position_biased_input", True) is False:
            return None
        places = getattr(self.config, "max_position_embeddings", None)
        offset = 2 if self.config.model_type in ROBERTA_LIKE else 0
        return None if not places or places < 1 else int(places) - offset

    def parted(self, train_layers: int | Literal["all"], name: str) -> Parts:
        """Cut off the layers below the top ones, whose weights stay as they are.

        Raises
        ------
        TowerError
            The network has fewer layers, or they share their weights, or its parts do not give the
            states that it gives.
        """
        known = {id(weight): name for name, weight in self.network.named_parameters()}
        if train_layers == "all":
            return Parts(None, self, {name: name for name in known.values()})
        if train_layers > self.n_layers:
            raise TowerError(
                f"train_layers: expected at most {self.n_layers}, the layers of backbone {name}. "
                f"Got {train_layers}."
            )
        if share_weights(self.network):
            raise TowerError(
                f"train_layers: the layers of backbone {name}, a {type(self.network).__name__}, "
                f"share their weights: {train_layers} of them cannot be trained while those below "
                "stay as they are. Leave train_layers out, or name another backbone."
            )
        cut = self.n_layers - train_layers
        lower = self._part(slice(0, cut), name, norm=False)
        upper = self._part(slice(cut, None), name, norm=True)
        take_away_embeddings(upper.network)
        if not self.flash and not _agree(self, lower, upper):
            raise TowerError(
                f"train_layers: backbone {name}, a {type(self.network).__name__}, cannot be cut "
                "between its layers: it does more to the states that it is given than the layers "
                "do. Leave train_layers out, or name another backbone."
            )
        names = {name: known[id(weight)] for name, weight in upper.network.named_parameters()}
        return Parts(lower.requires_grad_(False).eval(), upper, names)

    def _part(self, which: slice, name: str, *, norm: bool) -> "Backbone":
        network = shallow(self.network)
        holder: Any
        holder, key = place_of_layers(network, name)
        kept = list(getattr(holder, key))[which]
        setattr(holder, key, nn.ModuleList(kept))
        keep_types(network, which)
        if not kept:
            pass_through(network, holder)
        if which.start and getattr(holder, "conv", None) is not None:
            holder.conv = None  # DeBERTa-v2's, after its first layer
        if not norm:
            for place in NORMS:
                if getattr(network, place, None) is not None:
                    setattr(network, place, nn.Identity())
        part = Backbone(network, len(kept))
        part.packed, part.flash = self.packed, self.flash
        return part

    def embedded(self, pieces: Sequence[Tokens], device: torch.device) -> tuple[Tensor, Packs]:
        """Return the tokens of sequences one after the other, shape (n_tokens,)."""
        packs = Packs.of([len(piece) for piece in pieces], device)
        ids = torch.from_numpy(np.concatenate(pieces).astype(np.int64))
        return ids.to(device), packs

    def forward(self, given: Tensor, packs: Packs) -> Tensor:
        """Return the last states of all tokens.

        Parameters
        ----------
        given : Tensor, shape (n_tokens,) or (n_tokens, n_dimensions)
            Token ids or their embeddings, or states from the layers below, of sequences one after
            the other.
        packs : Packs

        Returns
        -------
        Tensor, shape (n_tokens, n_dimensions)
        """
        if self.passes_on(given):
            return given
        if self.flash:
            from models.tower.disentangled import run_packed

            return run_packed(self.network, given, packs)
        if self.packed:
            return self._packed(given, packs)
        return self._padded(given, packs)

    def _packed(self, given: Tensor, packs: Packs) -> Tensor:
        self._attend_by(NAME)
        places = torch.cat([torch.arange(length) for length in packs.lengths]).to(given.device)
        called = self._called(given.unsqueeze(0), places.unsqueeze(0))  # (1, n_tokens)
        found: Tensor = self.network(**called, packs=packs).last_hidden_state[0]
        return found

    def _called(self, given: Tensor, places: Tensor) -> dict[str, Any]:
        """Return the arguments of a call: ids or states, and each token's place in its sequence."""
        if self.config.model_type in ROBERTA_LIKE:
            places = places + int(self.config.pad_token_id) + 1
        what = "inputs_embeds" if given.is_floating_point() else "input_ids"
        return {what: given, "position_ids": places} | _without_cache(self.config)

    def _padded(self, given: Tensor, packs: Packs) -> Tensor:
        """Read sequences of like length side by side, a group after the other."""
        rows = given.split(packs.lengths)
        found: list[Tensor | None] = [None] * len(rows)
        for group in groups_of_like_length(packs.lengths):
            lengths = [packs.lengths[place] for place in group]
            states = self.side_by_side([rows[place] for place in group], lengths)
            for place, own in zip(group, states, strict=True):
                found[place] = own[: packs.lengths[place]]
        return torch.cat([own for own in found if own is not None])

    def side_by_side(self, rows: Sequence[Tensor], lengths: Sequence[int]) -> Tensor:
        """Return the states of sequences, each given as in `forward`.

        Parameters
        ----------
        rows : sequence of Tensor
            Filled up to the longest here, unless they are so already.
        lengths : sequence of int
            Their own tokens.

        Returns
        -------
        Tensor, shape (n_sequences, longest, n_dimensions)
        """
        if self.passes_on(rows[0]):
            return nn.utils.rnn.pad_sequence(list(rows), batch_first=True)
        if self.packed:
            self._attend_by(PLAIN)
        given = nn.utils.rnn.pad_sequence(list(rows), batch_first=True)  # (n, longest[, d])
        places = torch.arange(given.shape[1], device=given.device).expand(len(rows), -1)
        own = places < torch.tensor(lengths, device=given.device)[:, None]  # (n, longest)
        called = self._called(given, places) | {"attention_mask": own.long()}
        found: Tensor = self.network(**called).last_hidden_state
        return found

    def _attend_by(self, name: str) -> None:
        for config in self.configs:
            config._attn_implementation = name

    def passes_on(self, given: Tensor) -> bool:
        """Whether there is no layer: states are what they were."""
        return not self.n_layers and given.is_floating_point() and not has_norm(self.network)


def _without_cache(config: Any) -> dict[str, Any]:
    return {"use_cache": False} if hasattr(config, "use_cache") and _is_decoder(config) else {}


def _is_decoder(config: Any) -> bool:
    return bool(getattr(config, "is_decoder", False)) or not hasattr(config, "type_vocab_size")


def groups_of_like_length(lengths: Sequence[int]) -> list[list[int]]:
    """Put sequences side by side that need little padding.

    >>> groups_of_like_length([100, 7, 96, 8])
    [[0, 2], [3, 1]]
    """
    groups: list[list[int]] = []
    order = sorted(range(len(lengths)), key=lambda place: -lengths[place])
    own = 0
    for place in order:
        if groups and lengths[groups[-1][0]] * (len(groups[-1]) + 1) <= WASTE * (
            own + lengths[place]
        ):
            groups[-1].append(place)
            own += lengths[place]
        else:
            groups.append([place])
            own = lengths[place]
    return groups


def _reads_packed(backbone: Backbone) -> bool:
    """Try whether sequences one after the other get the states that each gets alone."""
    register()
    known, was = backbone.config._attn_implementation, backbone.network.training
    backbone.network.eval()
    ids, packs = _probe(backbone)
    try:
        with quiet(), torch.inference_mode():
            together = backbone._packed(ids, packs)
            backbone._attend_by(PLAIN)
            alone = [backbone.side_by_side([own], [len(own)])[0] for own in ids.split(PROBED)]
    except (TypeError, ValueError, KeyError, RuntimeError, EncoderError):
        backbone._attend_by(known)
        return False
    finally:
        backbone.network.train(was)
    close = torch.allclose(together, torch.cat(alone), atol=CLOSE, rtol=CLOSE)
    if not close:
        backbone._attend_by(known)
    return close


def _probe(backbone: Backbone) -> tuple[Tensor, Packs]:
    device = next(backbone.network.parameters()).device
    ids = torch.arange(sum(PROBED), device=device) % min(100, int(backbone.config.vocab_size))
    return ids, Packs.of(list(PROBED), device)


def _agree(whole: Backbone, lower: Backbone, upper: Backbone) -> bool:
    """Try whether two parts, one after the other, give the states that the whole network gives."""
    ids, packs = _probe(whole)
    was = whole.network.training
    try:
        with quiet(), torch.inference_mode():
            for part in (whole, lower, upper):
                part.network.eval()
            wanted, found = whole(ids, packs), upper(lower(ids, packs), packs)
    except Exception:  # whatever a network says of states that it did not expect
        return False
    finally:
        for part in (whole, lower, upper):
            part.network.train(was)
    return torch.allclose(found, wanted, atol=CLOSE, rtol=CLOSE)
