"""Builds a task from the facts of its file in conf/task."""

from dataclasses import fields
from typing import Any

from benchmarks.errors import SuiteError
from benchmarks.tasks.base import Task
from benchmarks.tasks.classification import Classification
from benchmarks.tasks.generation import Generation
from benchmarks.tasks.instruction import Exam, Instruction
from benchmarks.tasks.text import Decoding


def build(facts: dict[str, Any]) -> Task:
    """Return the task that the facts of a file in conf/task describe: one that decodes is of text."""
    if "decode" not in facts:
        return _made(Classification, facts)
    if not isinstance(facts["decode"], dict):
        raise SuiteError(f"task.decode={facts['decode']} is no set of settings: give them one by one")
    facts = facts | {"decode": Decoding(**facts["decode"])}
    if "reference" in facts:
        return _made(Generation, facts)
    exams = {name: Exam(**exam) for name, exam in facts["exams"].items() if exam}
    return _made(Instruction, facts | {"exams": exams})


def _made(kind: type[Task], facts: dict[str, Any]) -> Task:
    known = {field.name for field in fields(kind)}
    if unknown := facts.keys() - known:
        raise SuiteError(f"task.{min(unknown)} is no setting of {facts['name']}: {', '.join(sorted(known))} are")
    return kind(**facts)
