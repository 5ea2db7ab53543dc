"""Where a run's answers lie, and the file that they are in."""

from pathlib import Path

import pytest
from support import record_factory

from benchmarks.errors import SuiteError
from benchmarks.mt_bench import folder
from benchmarks.mt_bench.folder import Answer
from benchmarks.mt_bench.questions import Question

QUESTIONS = [Question(number, "stem", ("a", "b"), None) for number in (1, 2, 3)]
ANSWERS = [Answer(question_id=number, turns=(f"ä{number}\n\u2028", "")) for number in (3, 1, 2)]


def test_a_run_is_its_record_its_folder_or_its_adapter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    record = record_factory.make_record(task="glue/mrpc", targets="a,b", seed=4)
    (file,) = record_factory.save(tmp_path, record)
    run = tmp_path / "runs" / "glue" / "mrpc" / "minilm" / "alpha-a+b" / f"seed4-{record.identity}"
    (run / "adapter").mkdir(parents=True)
    (run / "adapter" / "adapter.json").write_text("{}")
    assert folder.find(str(file)) == folder.find(str(run)) == folder.find(str(run / "adapter")) == run / "mt_bench"
    monkeypatch.chdir(run / "adapter")
    assert folder.find(".") == run / "mt_bench"


def test_what_is_not_a_run_is_refused(tmp_path: Path) -> None:
    (file,) = record_factory.save(tmp_path, record_factory.make_record())
    moved = file.rename(tmp_path / file.name)
    with pytest.raises(SuiteError, match="is not a run's record"):
        folder.find(str(moved))
    with pytest.raises(SuiteError, match="is not a run: pass the path of its record"):
        folder.find(str(tmp_path / "nowhere"))


def test_answers_are_read_back_by_question(tmp_path: Path) -> None:
    folder.write_answers(tmp_path, ANSWERS)
    assert folder.answers_file(tmp_path).read_text().splitlines()[0].startswith('{"question_id": 1, "turns": ["ä1')
    assert list(folder.read_answers(tmp_path)) == [1, 2, 3]
    assert folder.whole_answers(tmp_path, QUESTIONS) == {answer.question_id: answer for answer in ANSWERS}


def test_what_has_no_answer_yet_is_named(tmp_path: Path) -> None:
    assert folder.missing(folder.read_answers(tmp_path), QUESTIONS) == [1, 2, 3]
    with pytest.raises(SuiteError, match=r"no answers in .*answers.jsonl: answer=RUN"):
        folder.whole_answers(tmp_path, QUESTIONS)
    folder.write_answers(tmp_path, ANSWERS[:1])
    with pytest.raises(SuiteError, match=r"lacks 2 of 3 questions \(1, 2\): answer=RUN"):
        folder.whole_answers(tmp_path, QUESTIONS)


@pytest.mark.parametrize(
    ("line", "fragment"),
    [
        ('{"question_id": 2}', "line 2 is not an answer"),
        ('{"question_id": 2, "turns": ["one"]}', "line 2 is not an answer"),
        ('{"question_id": 2, "tur', "line 2 is not an answer"),
        ('{"question_id": 1, "turns": ["a", "b"]}', "line 2 answers question 1 again"),
    ],
)
def test_a_line_that_is_not_an_answer_is_named(line: str, fragment: str, tmp_path: Path) -> None:
    folder.write_answers(tmp_path, ANSWERS[1:2])
    with folder.answers_file(tmp_path).open("a") as file:
        file.write(line + "\n")
    before = folder.answers_file(tmp_path).read_bytes()
    with pytest.raises(SuiteError, match=fragment):
        folder.read_answers(tmp_path)
    assert folder.answers_file(tmp_path).read_bytes() == before
