"""Files of no known layout: what was found, what is near, and the way out."""

import pytest

from data.layouts.layout import Layout
from data.layouts.reading import Reading
from data.layouts.recognition import recognise
from data.layouts.registry import LAYOUTS
from data.tables.read import DataError


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (
            ["id", "question", "out1", "out2", "verdict"],
            r"found 'id, question, out1, out2, verdict'\. The nearest is .* not there: .*pass "
            r"--columns prompt=question,response_a=out1,response_b=out2,winner=verdict\.$",
        ),
        (
            ["model_a", "Instruction", "Answer 1", "Answer 2", "label"],
            r"--columns prompt=Instruction,response_a=Answer 1,response_b=Answer 2,winner=label\.$",
        ),
        (
            ["prompt", "response_a", "response_b", "who"],
            r"nearest is Kaggle LMSYS .*pass --columns winner=who\.$",
        ),
        (
            ["conversation_a", "conversation_b"],
            r"nearest is two conversations \(.*\); not there: winner\. Rename or add the columns",
        ),
        (["prompt", "chosen"], r"nearest is chosen/rejected pairs .* not there: rejected\."),
        (
            ["prompt", "response_a", "answer_b", "winner_model_a", "winner_model_b", "winner_tie"],
            r"Kaggle LMSYS .* not there: response_b\. .*--columns response_b=answer_b\.$",
        ),
        (["a;b;c"], r"found 'a;b;c'.* must be UTF-8 text with commas, JSON or Parquet\.$"),
        (["pr\0mpt"], r"found bytes that are none .*Save it as CSV in UTF-8"),
        (["prompt", "prompt", "response_a", "response_b", "winner"], "column prompt: .* 2 times"),
    ],
)
def test_a_training_file_of_no_known_layout(names, message):
    with pytest.raises(DataError, match=rf"^t\.csv.*{message}"):
        recognise("t.csv", names, Reading(), labelled=True)


def test_a_test_file_of_no_known_layout():
    message = r"--columns prompt=query,response_a=left,response_b=right\.$"
    with pytest.raises(DataError, match=message):
        recognise("t.csv", ["query", "left", "right"], Reading(), labelled=False)


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_a_layout_is_found_by_its_own_columns(layout: Layout):
    assert recognise("t", layout.columns, Reading(), labelled=True).layout is layout
    assert set(layout.votes) < set(layout.columns)


def test_of_several_layouts_the_one_with_most_columns_is_taken():
    names = ["question_id", "model_a", "model_b", "winner", "judge", "conversation_a",
             "conversation_b", "turn", "anony", "language", "tstamp"]  # fmt: skip
    found = recognise("t", names, Reading(), labelled=True).layout
    assert found.title == "LMArena 100k"  # the 33k before it has a judge and a turn as well


def test_a_file_of_another_layout_than_the_one_that_is_named():
    names = LAYOUTS["kaggle"].columns
    message = r"columns of WSDM Cup, which --layout names; not there: winner, language\. By its .*"
    with pytest.raises(DataError, match=message + r"it is Kaggle LMSYS: leave --layout away"):
        recognise("train.csv", names, Reading(layout="wsdm"), labelled=True)
    extra = recognise("more.csv", names, Reading(layout="wsdm"), labelled=True, optional=True)
    assert extra.layout is LAYOUTS["kaggle"]
