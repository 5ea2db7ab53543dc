"""Ask any OpenAI-compatible endpoint to judge a run's answers: cached, counted before, a limit at once."""

import hashlib
import json
import os
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import BaseModel, Field, ValidationError
from rich.console import Console
from rich.progress import track

from benchmarks import checks
from benchmarks.errors import SuiteError, first_line
from benchmarks.mt_bench import judgments, prompts
from benchmarks.mt_bench.folder import Answer
from benchmarks.mt_bench.judgments import Judgment
from benchmarks.mt_bench.prompts import Messages, Prompts
from benchmarks.mt_bench.questions import Question

_CHARACTERS_A_TOKEN = 4  # of English, about; the judge's own tokenizer is not at hand


@dataclass(frozen=True)
class Price:
    """What a judge's provider asks for a million tokens, in any currency."""

    input: float
    output: float

    def __post_init__(self) -> None:
        checks.number("judge.price.input", self.input, least=0)
        checks.number("judge.price.output", self.output, least=0)


@dataclass(frozen=True)
class Judge:
    """A judge and how it is asked; the fields are conf/mt_bench.yaml's ``judge``, and each is checked."""

    base_url: str
    model: str
    key_env: str | None
    repeats: int
    temperature: float
    max_tokens: int
    at_once: int
    retries: int
    timeout: float
    price: Price | None

    def __post_init__(self) -> None:
        if not str(self.base_url).startswith(("http://", "https://")):
            raise SuiteError(
                f"judge.base_url={self.base_url} is no address: https://HOST/v1, or http://127.0.0.1:8000/v1"
            )
        address = urlsplit(self.base_url)
        if address.username or address.password or address.query:  # it is printed, and kept with every judgment
            raise SuiteError("judge.base_url holds a name, a password or a query: leave the address alone in it")
        if not (self.key_env is None or isinstance(self.key_env, str)):
            raise SuiteError(f"judge.key_env={self.key_env} is no name of a variable in the environment")
        if not isinstance(self.model, str) or not self.model:
            raise SuiteError(f"judge.model={self.model} is no name: say how the endpoint calls the judge")
        for name, least in {"repeats": 1, "max_tokens": 1, "at_once": 1, "retries": 0}.items():
            checks.whole(f"judge.{name}", getattr(self, name), least)
        checks.number("judge.temperature", self.temperature, least=0)
        checks.number("judge.timeout", self.timeout, least=1e-3)


@dataclass(frozen=True)
class Request:
    """One judging of a question's turn: what is sent, and the key that its judgment is kept under."""

    question: Question
    turn: int
    repeat: int
    messages: Messages
    key: str


class _Failure(SuiteError):
    """A request that got no judgment; ``every`` says that no other would get one either."""

    def __init__(self, message: str, every: bool) -> None:
        super().__init__(message)
        self.every = every


class _Part(BaseModel):
    text: str = ""  # of one that is no text


class _Message(BaseModel):
    content: str | list[_Part] | None = None  # none of a refusal, or of thoughts that spent all tokens

    @property
    def text(self) -> str:
        if isinstance(self.content, list):
            return "".join(part.text for part in self.content)
        return self.content or ""


class _Choice(BaseModel):
    message: _Message
    finish_reason: str | None = None


class _Usage(BaseModel):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


class _Reply(BaseModel):
    """What is read of a chat completion."""

    model: str = "unnamed"
    choices: Annotated[list[_Choice], Field(min_length=1)]
    usage: _Usage | None = None


def requests(judge: Judge, texts: Prompts, questions: list[Question], answers: dict[int, Answer]) -> list[Request]:
    """Return all that is to be judged: each repeat, each question, both turns."""
    made = []
    for repeat in range(1, judge.repeats + 1):
        for question in questions:
            for turn in (1, 2):
                messages = prompts.messages(texts, question, answers[question.id], turn)
                made.append(Request(question, turn, repeat, messages, _key(judge, question.id, messages, repeat)))
    return made


def _key(judge: Judge, question: int, messages: Messages, repeat: int) -> str:
    """Hash all that decides a judgment; the answers stand in the messages."""
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


def budget(judge: Judge, asked: list[Request], left: list[Request]) -> str:
    """Return the lines that say what is going to be sent, and what that costs at most where there is a price."""
    read = sum(len(message["content"]) for request in left for message in request.messages) // _CHARACTERS_A_TOKEN
    written = len(left) * judge.max_tokens
    lines = [
        f"requests: {len(asked):,}, of which {len(asked) - len(left):,} are cached and {len(left):,} are left",
        f"tokens: about {read:,} to read ({_CHARACTERS_A_TOKEN} characters a token), at most {written:,} to write",
    ]
    if judge.price:
        cost = (read * judge.price.input + written * judge.price.output) / 1e6
        lines.append(f"cost: at most about {cost:.2f}, in the currency of judge.price")
    return "\n".join(lines)


def ask_all(judge: Judge, left: list[Request], file: Path) -> None:
    """Ask for all these judgments, ``at_once`` of them at a time, and add each to the file as it comes.

    Raises SuiteError where some could not be had: at once where the judge is down, slow or refuses the key, and after
    the others where single requests failed. What came is kept.
    """
    kept = judgments.read(file)
    writing, stopped = threading.Lock(), threading.Event()

    def ask(request: Request) -> _Failure | None:
        if stopped.is_set():
            return None
        try:
            judgment = _ask(client, judge, request)
        except _Failure as failure:
            if failure.every:
                stopped.set()
            return failure
        with writing:
            judgments.append(file, judgment)
        return None

    with _client(judge) as client, ThreadPoolExecutor(judge.at_once) as pool:
        if kept.torn:  # a line that is added to half a line would be lost with it
            os.truncate(file, kept.size)
        futures = [pool.submit(ask, request) for request in left]
        try:
            ended = [future.result() for future in _watched(futures)]
        finally:
            stopped.set()  # what is under way is paid for: it is waited for, and kept
    if failures := [failure for failure in ended if failure]:
        worst = max(failures, key=lambda failure: failure.every)
        there = judgments.read(file).judgments
        raise SuiteError(
            f"{worst}; {len(failures)} of {len(left)} requests failed, {sum(request.key in there for request in left)} "
            f"judgments came and are kept in {file}, and the same command goes on"
        )


def _watched(futures: list[Future]) -> Iterator[Future]:
    """Yield the futures as they end, with a bar on a terminal."""
    console = Console()
    yield from track(as_completed(futures), "judging", len(futures), console=console, disable=not console.is_terminal)


def _client(judge: Judge) -> Any:
    """Return the ``openai`` client; raises SuiteError where the package or the key is missing."""
    try:
        import openai
    except ImportError as error:
        raise SuiteError(
            "judging needs the package openai: pip install --constraint constraints.txt --editable '.[judge]'"
        ) from error
    key = "none" if judge.key_env is None else os.environ.get(judge.key_env, "").strip()
    if not key:
        raise SuiteError(
            f"the judge's key is missing: set {judge.key_env} in the environment, name another variable with "
            "judge.key_env=NAME, or say judge.key_env=null for a server that needs none"
        )
    if not (key.isascii() and key.isprintable()):
        raise SuiteError(f"the judge's key in {judge.key_env} holds characters that no key has: set it again")
    return openai.OpenAI(base_url=judge.base_url, api_key=key, max_retries=judge.retries, timeout=judge.timeout)


def _ask(client: Any, judge: Judge, request: Request) -> Judgment:
    import openai

    try:
        reply = client.chat.completions.with_raw_response.create(
            model=judge.model, messages=request.messages, temperature=judge.temperature, max_tokens=judge.max_tokens
        )
        read = _Reply.model_validate_json(reply.content)
    except openai.BadRequestError as error:
        if error.code != "content_filter":
            raise _failure(judge, request, error) from error
        read = _Reply(choices=[_Choice(message=_Message(content=first_line(error)), finish_reason=error.code)])
    except openai.APIError as error:
        raise _failure(judge, request, error) from error
    except ValidationError as error:
        raise _Failure(
            f"the judge at {judge.base_url} answered {_name(request)} with what is no chat completion: "
            f"{first_line(ValueError(reply.text))[:80]}",
            every=False,
        ) from error
    return Judgment(
        key=request.key,
        question_id=request.question.id,
        turn=request.turn,
        repeat=request.repeat,
        prompt=prompts.name_of(request.question, request.turn),
        judge=judge.model,
        base_url=judge.base_url,
        served_by=read.model,
        text=read.choices[0].message.text,
        finish_reason=read.choices[0].finish_reason,
        prompt_tokens=read.usage.prompt_tokens if read.usage else None,
        completion_tokens=read.usage.completion_tokens if read.usage else None,
        judged_at=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def _failure(judge: Judge, request: Request, error: Exception) -> _Failure:
    """Say what ``openai`` gave up on, after its retries, and what a person can do about it."""
    import openai

    said, tries = first_line(error), judge.retries + 1
    match error:
        case openai.APITimeoutError():
            what = f"was silent for judge.timeout={judge.timeout} seconds, {tries} times"
        case openai.APIConnectionError():
            what = f"cannot be reached ({first_line(error.__cause__ or error)}): start it, or mend judge.base_url"
        case openai.AuthenticationError() | openai.PermissionDeniedError():
            what = f"refuses the key of judge.key_env={judge.key_env} ({said})"
        case openai.NotFoundError():
            what = f"has no judge.model={judge.model}, or is no such judge.base_url ({said})"
        case openai.RateLimitError():
            what = f"limits its requests ({said}): lower judge.at_once, or say the same command again later"
        case openai.InternalServerError():
            what = f"failed {tries} times ({said})"
        case _:
            return _Failure(f"the judge at {judge.base_url} refuses {_name(request)} ({said})", every=False)
    return _Failure(f"the judge at {judge.base_url} {what}", every=True)


def _name(request: Request) -> str:
    return f"question {request.question.id}, turn {request.turn}"
