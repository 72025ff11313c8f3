"""Battles as others publish them, with the columns and the nesting of each set, and as files."""

import csv
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

Turns = list[str | None]
Record = dict[str, Any]
SIDES = ("model_a", "model_b", "tie")


class Vote(NamedTuple):
    """A battle: three texts, 0 A, 1 B or 2 tie, and who answered."""

    prompt: Turns
    response_a: Turns
    response_b: Turns
    label: int
    model_a: str = "m"
    model_b: str = "n"


def messages(prompt: Turns, answers: Turns) -> list[Record]:
    return [
        {"role": role, "content": text}
        for turn in zip(prompt, answers, strict=True)
        for role, text in zip(("user", "assistant"), turn, strict=True)
    ]


def parts(prompt: Turns, answers: Turns) -> list[Record]:
    """Messages as LMArena's 140k nests them."""
    return [
        {
            "role": message["role"],
            "content": [
                {"type": "text", "text": message["content"], "image": None, "mimeType": None}
            ],
            "num_tokens": 1,
        }
        for message in messages(prompt, answers)
    ]


def _two(vote: Vote, shape: Callable[[Turns, Turns], list[Record]] = messages) -> Record:
    return {
        "conversation_a": shape(vote.prompt, vote.response_a),
        "conversation_b": shape(vote.prompt, vote.response_b),
    }


def _models(vote: Vote) -> Record:
    return {"model_a": vote.model_a, "model_b": vote.model_b, "winner": SIDES[vote.label]}


def _texts(vote: Vote) -> Record:
    return {name: getattr(vote, name) for name in ("prompt", "response_a", "response_b")}


def _alone(turns: Turns) -> str:
    (text,) = turns
    return str(text)


def kaggle(vote: Vote, number: int) -> Record:
    winners = {f"winner_{side}": int(place == vote.label) for place, side in enumerate(SIDES)}
    models = {"model_a": vote.model_a, "model_b": vote.model_b}
    return {"id": number, **models, **_texts(vote), **winners}


def wsdm(vote: Vote, number: int) -> Record:
    texts = {name: _alone(turns) for name, turns in _texts(vote).items()}
    return {"id": f"{number:064x}", **texts, **_models(vote), "language": "English"}


def plain(vote: Vote, number: int) -> Record:
    return {"id": number, **_texts(vote), **_models(vote)}


def conversations(vote: Vote, number: int) -> Record:
    return {"id": number, **_two(vote), **_models(vote)}


def lmarena_100k(vote: Vote, number: int) -> Record:
    return {
        "question_id": f"q{number}",
        **_models(vote),
        "judge": "arena_user_7",
        **_two(vote),
        "turn": len(vote.prompt),
        "anony": True,
        "language": "English",
        "tstamp": 1.7e9 + number,
        "conv_metadata": {"sum_user_tokens": 3, "bold_count_a": {"**": 0}},
        "is_code": False,
    }


def lmarena_140k(vote: Vote, number: int) -> Record:
    return {
        "id": f"u{number}",
        **_models(vote),
        "evaluation_session_id": f"s{number}",
        "evaluation_order": 1,
        **_two(vote, parts),
        "conv_metadata": {"turns": len(vote.prompt)},
        "language": "en",
        "is_code": False,
        "timestamp": "2025-07-01 00:00:00",
    }


def lmarena_expert_5k(vote: Vote, number: int) -> Record:
    record = lmarena_140k(vote, number)
    return {name: repr(cell) if "conversation" in name else cell for name, cell in record.items()}


def mt_bench(vote: Vote, number: int) -> Record:
    judged = {"judge": f"expert_{number}", "turn": len(vote.prompt)}
    return {"question_id": 81, **_models(vote), **judged, **_two(vote)}


def comparia(vote: Vote, number: int) -> Record:
    models = [vote.model_a, vote.model_b]
    return {
        "conversation_pair_id": f"c{number}",
        "model_a_name": vote.model_a,
        "model_b_name": vote.model_b,
        "chosen_model_name": None if vote.label == 2 else models[vote.label],
        "both_equal": vote.label == 2,
        **_two(vote),
    }


def helpsteer3(vote: Vote, number: int) -> Record:
    """The last answers differ, those before them are of both sides."""
    context = messages(vote.prompt, vote.response_a)[:-1]
    return {
        "domain": "general",
        "language": "english",
        "context": context,
        "response1": vote.response_a[-1],
        "response2": vote.response_b[-1],
        "overall_preference": (-1 - number % 3, 1 + number % 3, 0)[vote.label],
    }


def _sorted(vote: Vote) -> tuple[tuple[Turns, str], tuple[Turns, str]]:
    sides = ((vote.response_a, vote.model_a), (vote.response_b, vote.model_b))
    return sides if vote.label == 0 else (sides[1], sides[0])


def ultrafeedback(vote: Vote, number: int) -> Record:
    (chosen, _), (rejected, _) = _sorted(vote)
    return {
        "prompt": vote.prompt[0],
        "prompt_id": f"p{number}",
        "chosen": messages(vote.prompt, chosen),
        "rejected": messages(vote.prompt, rejected),
        "messages": messages(vote.prompt, chosen),
        "score_chosen": 8.5,
        "score_rejected": 3.0,
    }


def tulu_3(vote: Vote, number: int) -> Record:
    (chosen, winner), (rejected, loser) = _sorted(vote)
    return {
        "id": f"t{number}",
        "source": "wildchat",
        "prompt": vote.prompt[0],
        "chosen": messages(vote.prompt, chosen),
        "rejected": messages(vote.prompt, rejected),
        "chosen_model": winner,
        "rejected_model": loser,
    }


def pairs(vote: Vote, number: int) -> Record:
    (chosen, winner), (rejected, loser) = _sorted(vote)
    models = {"chosen_model": winner, "rejected_model": loser}
    texts = {"prompt": vote.prompt, "chosen": chosen, "rejected": rejected}
    return {**{name: _alone(turns) for name, turns in texts.items()}, **models, "id": number}


def hh(vote: Vote, number: int) -> Record:
    """One text a side, with all that was said."""
    (chosen, _), (rejected, _) = _sorted(vote)
    return {
        name: "".join(
            f"\n\nHuman: {asked}\n\nAssistant: {answered}"
            for asked, answered in zip(vote.prompt, answers, strict=True)
        )
        for name, answers in (("chosen", chosen), ("rejected", rejected))
    }


PUBLISHED: dict[str, Callable[[Vote, int], Record]] = {
    "kaggle": kaggle,
    "plain": plain,
    "wsdm": wsdm,
    "conversations": conversations,
    "lmarena-100k": lmarena_100k,
    "lmarena-140k": lmarena_140k,
    "lmarena-expert-5k": lmarena_expert_5k,
    "mt-bench": mt_bench,
    "comparia": comparia,
    "helpsteer3": helpsteer3,
    "ultrafeedback": ultrafeedback,
    "tulu-3": tulu_3,
    "pairs": pairs,
    "hh": hh,
}


def records_of(name: str, votes: Sequence[Vote]) -> list[Record]:
    """Votes as a set publishes them; numbers run from 1."""
    return [PUBLISHED[name](vote, number) for number, vote in enumerate(votes, start=1)]


def write_table(path: Path, records: Sequence[Record]) -> Path:
    """Write records by the name's end: CSV (what is no text as JSON), Parquet, JSON or JSONL."""
    if path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(list(records)), path)
    elif path.suffix == ".json":
        path.write_text(json.dumps(list(records)), encoding="utf-8")
    elif path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(one) + "\n" for one in records), encoding="utf-8")
    else:
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(records[0])
            writer.writerows([_in_csv(cell) for cell in one.values()] for one in records)
    return path


def _in_csv(cell: object) -> object:
    return json.dumps(cell) if isinstance(cell, list | dict) else cell
