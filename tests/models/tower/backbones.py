"""What the tower's tests share: small backbones, a material of theirs, watches and errors."""

import dataclasses
import shutil
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import AutoConfig, AutoModel, PreTrainedTokenizerFast
from transformers.utils import logging

from models.tower.attention import Packs
from models.tower.material import Material
from models.tower.settings import TowerSettings
from models.tower.training import train

WORDS = 400
SPECIAL = ["<pad>", "<unk>", "<s>", "</s>"]
SMALL = {
    "vocab_size": WORDS,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 48,
    "initializer_range": 0.2,  # the usual 0.02 makes layers that change next to nothing
    "pad_token_id": 0,
    "bos_token_id": 2,
    "eos_token_id": 3,
    "cls_token_id": 2,
    "sep_token_id": 3,
}
DEBERTA = {  # options of DeBERTa-v3
    "type_vocab_size": 0,
    "relative_attention": True,
    "max_position_embeddings": 512,
    "norm_rel_ebd": "layer_norm",
    "share_att_key": True,
    "pos_att_type": ["p2c", "c2p"],
    "position_biased_input": False,
    "max_relative_positions": -1,
    "layer_norm_eps": 1e-7,
}
OPTIONS = {
    "bert": {},
    "roberta": {"max_position_embeddings": 514},
    "distilbert": {},
    "modernbert": {"local_attention": 8, "global_attn_every_n_layers": 2},
    "llama": {"num_key_value_heads": 2},
    "mistral": {"num_key_value_heads": 2, "sliding_window": 5},
    "deberta-v2": DEBERTA | {"position_buckets": 8},
}
ARCHITECTURES = tuple(OPTIONS)
WHOLE = {"albert": {"embedding_size": 16}}  # cannot be parted


def config_of(name, **options):
    given = SMALL | (OPTIONS | WHOLE)[name] | options
    if name == "distilbert":
        given |= {"dim": 32, "n_layers": given["num_hidden_layers"], "n_heads": 4}
        given = {key: own for key, own in given.items() if key not in NOT_DISTILBERT}
        given["hidden_dim"] = 48
    return AutoConfig.for_model(name, **given)


NOT_DISTILBERT = ("hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size")


def network_of(name, seed=0, **options):
    """A network with random weights that dropout is left out of."""
    torch.manual_seed(seed)
    return AutoModel.from_config(config_of(name, **options)).eval()


def make_backbone(name, folder, tokenizer):
    logging.disable_progress_bar()
    network_of(name).save_pretrained(folder)
    for file in Path(tokenizer).iterdir():
        shutil.copy(file, folder / file.name)
    return folder


def train_tokenizer(battles, folder):
    """Byte pairs of the rows, with a sign at the beginning and one at the end."""
    made = Tokenizer(models.BPE(unk_token="<unk>"))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    texts = [str(text) for name in ("prompt", "response_a") for text in battles[name]]
    trainer = trainers.BpeTrainer(
        vocab_size=WORDS,
        special_tokens=SPECIAL,
        show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )
    made.train_from_iterator(texts, trainer)
    made.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 2), ("</s>", 3)]
    )
    PreTrainedTokenizerFast(
        tokenizer_object=made,
        pad_token="<pad>",
        unk_token="<unk>",
        bos_token="<s>",
        eos_token="</s>",
        cls_token="<s>",
        sep_token="</s>",
    ).save_pretrained(folder)
    return folder


def ids_of(lengths, seed=0):
    """Random tokens of sequences one after the other, and where these lie."""
    generator = torch.Generator().manual_seed(seed)
    ids = torch.randint(len(SPECIAL), WORDS, (sum(lengths),), generator=generator)
    return ids, Packs.of(list(lengths), torch.device("cpu"))


def settings_of(folder, **given):
    """Few tokens, no dropout: what a test wants unless it says otherwise."""
    usual = {"length": 48, "batch": 8, "tokens": 2000, "dropout": 0.0, "learning_rate": 2e-3}
    return TowerSettings(backbone=folder, **(usual | given))


def material_of(folder, battles, states=None, **given):
    return Material.of(settings_of(folder, **given), battles, states=states)


def trained_on(material, y, rows=None, **options):
    return train(material, y, np.arange(len(y)) if rows is None else rows, **options)


def state_of(trained):
    """Weights of a tower's trained part."""
    return {name: own.clone() for name, own in trained.tower.network.state_dict().items()}


def same_weights(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


@dataclasses.dataclass
class Notes:
    """A watch that keeps what it hears."""

    said: list = dataclasses.field(default_factory=list)
    losses: list = dataclasses.field(default_factory=list)
    tokens: int = 0
    rows: list = dataclasses.field(default_factory=list)

    def say(self, line):
        self.said.append(line)

    def read(self, tokens):
        self.tokens += tokens

    def trained(self, step, steps, loss):
        self.losses.append((step, steps, loss))

    def expect(self, tokens):
        pass

    def evaluated(self, row):
        self.rows.append(row)


class Kept:
    """Checkpoints in memory, each that was written."""

    def __init__(self, content=None):
        self.written = [] if content is None else [content]

    def read(self):
        return self.written[-1] if self.written else None

    def write(self, content):
        self.written.append(content)
