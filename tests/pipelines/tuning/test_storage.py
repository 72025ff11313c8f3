"""Storages: what answers, what does not, and that of two who want a thing one gets it."""

import socket
from contextlib import closing
from threading import Barrier, Thread

import pytest
from optuna.study import StudyDirection
from optuna.trial import TrialState, create_trial

from pipelines.run.folder import RunError
from pipelines.tuning.storage import Store


@pytest.fixture(params=["sqlite:///{}/s.db", "journal:{}/rooms/log"])
def url(request, tmp_path):
    return request.param.format(tmp_path)


def with_trial(url, **attributes):
    store = Store(url)
    study = store.optuna.create_new_study([StudyDirection.MINIMIZE], "s")
    template = create_trial(state=TrialState.WAITING, user_attrs=attributes)
    return store, store.optuna.create_new_trial(study, template)


def test_a_swap_takes_what_was_seen_and_nothing_else(url):
    store, trial = with_trial(url, worker="")
    assert store.swap(trial, "worker", "", "me")
    assert not store.swap(trial, "worker", "", "you")
    assert Store(url).optuna.get_trial(trial).user_attrs == {"worker": "me"}
    assert store.swap(trial, "worker", "me", "you")
    assert not store.swap(trial, "other", "", "you")


def test_of_several_who_saw_the_same_one_gets_it(url):
    _, trial = with_trial(url, worker="")
    stores = [Store(url) for _ in range(6)]
    barrier, got = Barrier(len(stores)), []

    def take(number):
        barrier.wait()
        if stores[number].swap(trial, "worker", "", f"worker {number}"):
            got.append(f"worker {number}")

    threads = [Thread(target=take, args=(number,)) for number in range(len(stores))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert got == [Store(url).optuna.get_trial(trial).user_attrs["worker"]]


def free_port():
    with closing(socket.socket()) as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def test_a_server_that_does_not_answer_is_told_in_a_line_without_its_password():
    pytest.importorskip("psycopg", reason="psycopg, PostgreSQL's driver, is not installed")
    with pytest.raises(RunError, match=r"does not answer as a database \(.*\)\. Start it") as told:
        Store(f"postgresql+psycopg://me:secret@127.0.0.1:{free_port()}/studies")
    assert "secret" not in str(told.value)
    assert "me:***@127.0.0.1" in str(told.value)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("studies", r"--storage studies: expected journal:PATH or a URL such as postgresql://"),
        ("sqlite:////nowhere/at/all/s.db", r"does not answer as a database \(unable to open"),
        ("oracle+cx_oracle://host/db", r"its driver is not installed \(.*\)\. Install it"),
        ("nosuch://host/db", r"does not answer as a database \(.*nosuch\)"),
        ("journal:", r"journal:: expected the path of a file behind journal:"),
        ("journal:{}", r"expected a file, found a folder or a device"),
    ],
)
def test_what_is_no_storage_is_told_in_a_line(url, words, tmp_path):
    with pytest.raises(RunError, match=words):
        Store(url.format(tmp_path))


@pytest.mark.parametrize("kind", ["sqlite:///", "journal:"])
def test_another_file_is_no_storage(kind, tmp_path):
    (tmp_path / "train.csv").write_text("id,prompt\n1,Hi\n" * 100)
    words = r"file is not a database|expected a journal of Optuna's, found another file"
    with pytest.raises(RunError, match=words):
        Store(f"{kind}{tmp_path}/train.csv")
    assert (tmp_path / "train.csv").read_text().startswith("id,prompt")
