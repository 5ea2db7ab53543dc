"""What a judge is to be asked, and what that will cost at most."""

import hashlib
import json
from dataclasses import dataclass

from benchmarks.mt_bench import prompts
from benchmarks.mt_bench.folder import Answer
from benchmarks.mt_bench.prompts import Messages, Prompts
from benchmarks.mt_bench.questions import Question
from benchmarks.mt_bench.settings import Judging

_CHARACTERS_PER_TOKEN = 4  # of English, about; the judge's own tokenizer is not at hand


@dataclass(frozen=True)
class Request:
    """One judging of a question's turn: what is sent, and the key that its judgment is kept under."""

    question: Question
    turn: int
    repeat: int
    messages: Messages
    key: str

    @property
    def name(self) -> str:
        """Return the question and the turn, for a message."""
        return f"question {self.question.id}, turn {self.turn}"


def every(judge: Judging, texts: Prompts, questions: list[Question], answers: dict[int, Answer]) -> list[Request]:
    """Return all that is to be judged: each repeat, each question, both turns."""
    requests = []
    for repeat in range(1, judge.repeats + 1):
        for question in questions:
            for turn in (1, 2):
                messages = prompts.messages(texts, question, answers[question.id], turn)
                requests.append(Request(question, turn, repeat, messages, _key(judge, question.id, messages, repeat)))
    return requests


def _key(judge: Judging, question: int, messages: Messages, repeat: int) -> str:
    """Hash everything that decides a judgment; the answers are in the messages."""
    decisive = [
        judge.base_url.rstrip("/"),
        judge.model,
        float(judge.temperature),
        judge.max_tokens,
        question,
        messages,
        repeat,
    ]
    return hashlib.sha256(json.dumps(decisive).encode()).hexdigest()


def budget(judge: Judging, requests: list[Request], left: list[Request]) -> str:
    """Return lines that say what would be sent, and what it costs at most if a price is given."""
    read = sum(len(message["content"]) for request in left for message in request.messages) // _CHARACTERS_PER_TOKEN
    written = len(left) * judge.max_tokens
    lines = [
        f"requests: {len(requests):,}, of which {len(requests) - len(left):,} are cached and {len(left):,} are left",
        f"tokens: about {read:,} to read ({_CHARACTERS_PER_TOKEN} characters per token), at most {written:,} to write",
    ]
    if judge.price:
        cost = (read * judge.price.input + written * judge.price.output) / 1e6
        lines.append(f"cost: at most about {cost:.2f}, in the currency of judge.price")
    return "\n".join(lines)
