"""Named tuples as files that run no code when read: JSON, safetensors, Parquet.

A record is a named tuple whose fields are arrays, Arrow tables, other records, None, numbers,
strings, lists of these, or dictionaries of these by strings. Its annotations say what is read back.
"""

import io
import json
from collections.abc import Mapping
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from safetensors import numpy as safetensors

R = TypeVar("R")
ARRAY, TABLE = {"$": "array"}, {"$": "table"}  # stand in the JSON for what lies beside it


def dump_record(name: str, record: Any) -> dict[str, bytes]:
    """Return a record as files: ``NAME.json``, ``NAME.safetensors``, ``NAME_FIELD.parquet``.

    Examples
    --------
    >>> from typing import NamedTuple
    >>> from numpy.typing import NDArray
    >>> class Fit(NamedTuple):
    ...     coef: NDArray[np.float32]
    ...     penalty: float
    >>> files = dump_record("fit", Fit(np.ones(2, np.float32), 0.1))
    >>> sorted(files)
    ['fit.json', 'fit.safetensors']
    >>> load_record("fit", Fit, files)
    Fit(coef=array([1., 1.], dtype=float32), penalty=0.1)
    """
    arrays: dict[str, Any] = {}
    tables: dict[str, pa.Table] = {}
    state = _plain(record, "", arrays, tables)
    files = {f"{name}.json": json.dumps(state, indent=1).encode()}
    if arrays:
        files[f"{name}.safetensors"] = safetensors.save(arrays)
    for field, table in tables.items():
        file = io.BytesIO()
        pq.write_table(table, file, compression="zstd")
        files[f"{name}_{field}.parquet"] = file.getvalue()
    return files


def load_record(name: str, cls: type[R], files: Mapping[str, bytes]) -> R:
    """Return the record of this class that `dump_record` made the files of.

    Raises
    ------
    KeyError
        A file is missing, or what it should hold.
    """
    state = json.loads(files[f"{name}.json"])
    reader = _Reader(name, files)
    found: R = reader.read(cls, state, "")
    return found


def _plain(value: Any, path: str, arrays: dict[str, Any], tables: dict[str, pa.Table]) -> Any:
    """Return what JSON holds of a value; put its arrays and tables aside under their paths."""
    if hasattr(value, "_asdict"):
        value = value._asdict()
    if isinstance(value, dict):
        return {key: _plain(of, _under(path, key), arrays, tables) for key, of in value.items()}
    if isinstance(value, np.ndarray):
        arrays[path] = np.require(value, requirements="C")
        return ARRAY
    if isinstance(value, pa.Table):
        tables[path] = value
        return TABLE
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, list):
        return [_plain(of, f"{path}.{number}", arrays, tables) for number, of in enumerate(value)]
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise TypeError(
        f"A record must hold arrays of numbers, tables, named tuples, lists, dictionaries by "
        f"strings, numbers, strings or None. Got {value!r} in {path} instead."
    )


class _Reader:
    """Makes values of what stands in the files, by their annotations."""

    def __init__(self, name: str, files: Mapping[str, bytes]) -> None:
        self.name, self.files = name, files
        held = files.get(f"{name}.safetensors")
        self.arrays = {} if held is None else safetensors.load(held)

    def read(self, hint: Any, state: Any, path: str) -> Any:
        """Return the value of this type at a path of fields."""
        hint = _present(hint)
        if state is None:
            return None
        if state == ARRAY:  # and not by the hint: NumPy's NDArray is not a type in every version
            return self._array(path)
        if state == TABLE:
            return pq.read_table(io.BytesIO(self.files[f"{self.name}_{path}.parquet"]))
        if hasattr(hint, "_fields"):
            hints = get_type_hints(hint)
            return hint(**{f: self.read(hints[f], state[f], _under(path, f)) for f in hint._fields})
        if isinstance(state, dict):
            inner = get_args(hint)[1] if get_origin(hint) is dict else Any
            return {key: self.read(inner, of, _under(path, key)) for key, of in state.items()}
        if isinstance(state, list):
            inner = get_args(hint)[0] if get_origin(hint) is list else Any
            return [self.read(inner, of, f"{path}.{number}") for number, of in enumerate(state)]
        return state

    def _array(self, path: str) -> Any:
        if path not in self.arrays:
            raise KeyError(f"{self.name}.safetensors")
        return self.arrays[path]


def _under(path: str, field: Any) -> str:
    if not isinstance(field, str):
        raise TypeError(f"Names in a record must be strings. Got {field!r} in {path} instead.")
    name = field.replace("%", "%25").replace(".", "%2E")  # a dot parts names in a path
    return f"{path}.{name}" if path else name


def _present(hint: Any) -> Any:
    """Return the type of a value that may be None, where it is not."""
    if get_origin(hint) in (Union, UnionType):
        return next(of for of in get_args(hint) if of is not NoneType)
    return hint
