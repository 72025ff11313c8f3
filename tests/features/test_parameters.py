"""What constructors allow, told in the house's words, and nothing taken for something else."""

from typing import Annotated, Literal

import numpy as np
import pytest
from pydantic import Field

from features.parameters import check_parameters, options_of


class Estimator:
    def __init__(
        self,
        count: Annotated[int, Field(ge=1)] = 1,
        share: float = 0.5,
        sizes: tuple[int, ...] = (1, 2),
        way: Literal["head", "tail"] = "head",
        flag: bool = False,
        words: dict[str, list[str]] | None = None,
        device: str = "cpu",
    ):
        self.count, self.share, self.sizes, self.way = count, share, sizes, way
        self.flag, self.words, self.device = flag, words, device


@pytest.mark.parametrize(
    "parameters",
    [
        {}, {"count": np.int64(3)}, {"share": 1}, {"share": np.float32(0.5)}, {"sizes": [1]},
        {"sizes": np.array([1, 2])}, {"words": {"hedges": ["may"]}}, {"flag": np.bool_(True)},
    ],
    ids=str,
)  # fmt: skip
def test_what_is_meant_is_taken(parameters):
    check_parameters(Estimator(**parameters))


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        (
            {"count": 0},
            r"The count of Estimator must be greater than or equal to 1\. Got 0 instead",
        ),
        ({"count": "5"}, r"The count of Estimator must be of type int\. Got '5' instead"),
        ({"count": True}, r"The count of Estimator must not be true or false\. Got True instead"),
        ({"sizes": {1, 2}}, r"The sizes of Estimator must be of type tuple\. Got \{1, 2\}"),
        ({"sizes": ("1", "2")}, r"The sizes of Estimator must be of type tuple\. Got \('1', '2'\)"),
        ({"sizes": (True,)}, r"The sizes of Estimator must not be true or false"),
        ({"way": "middle"}, r"The way of Estimator must be 'head' or 'tail'\. Got 'middle'"),
        ({"flag": "no"}, r"The flag of Estimator must be of type bool\. Got 'no'"),
        ({"words": {"hedges": "may"}}, r"The words\.hedges of Estimator must be a valid list"),
    ],
)
def test_anything_else_is_named(parameters, words):
    with pytest.raises(ValueError, match=words):
        check_parameters(Estimator(**parameters))


def test_what_a_run_is_given_is_no_option():
    assert "device" not in options_of(Estimator).model_fields
    check_parameters(Estimator(device=3))
