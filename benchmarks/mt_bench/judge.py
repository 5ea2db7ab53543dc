"""Asks any OpenAI-compatible endpoint to judge answers, a few requests at a time, and keeps each judgment at once."""

import os
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, Field, ValidationError
from rich.progress import track

from benchmarks import command
from benchmarks.errors import SuiteError, first_line
from benchmarks.mt_bench import failures, judgments, prompts
from benchmarks.mt_bench.failures import Failure
from benchmarks.mt_bench.judgments import Judgment
from benchmarks.mt_bench.requests import Request
from benchmarks.mt_bench.settings import Judging


class _Part(BaseModel):
    text: str = ""  # a part that is not text has none


class _Message(BaseModel):
    content: str | list[_Part] | None = None  # None where the judge refused, or spent all tokens on thinking

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


def ask_all(judge: Judging, left: list[Request], file: Path) -> None:
    """Ask for all these judgments, ``at_once`` of them at a time, and add each to the file as it comes.

    Raises SuiteError where some could not be had: immediately where the judge is down, slow or refuses the key, and
    after the others where single requests failed. The judgments that came are kept.
    """
    kept = judgments.read(file)
    writing, stopped = threading.Lock(), threading.Event()

    def ask(request: Request) -> Failure | None:
        if stopped.is_set():
            return None
        try:
            judgment = _ask(client, judge, request)
        except Failure as failure:
            if failure.every:
                stopped.set()
            return failure
        with writing:
            judgments.append(file, judgment)
        return None

    with _client(judge) as client, ThreadPoolExecutor(judge.at_once) as pool:
        if kept.torn:  # a line added to half a line would be lost with it
            os.truncate(file, kept.size)
        futures = [pool.submit(ask, request) for request in left]
        try:
            results = [future.result() for future in _watched(futures)]
        finally:
            stopped.set()  # requests under way are paid for: they are waited for, and kept
    _check([failure for failure in results if failure], left, file)


def _check(failed: list[Failure], left: list[Request], file: Path) -> None:
    """Raise SuiteError with the failure that matters most, where there are any."""
    if failed:
        worst = max(failed, key=lambda failure: failure.every)
        keys = judgments.read(file).judgments
        raise SuiteError(
            f"{worst}; {len(failed)} of {len(left)} requests failed, {sum(request.key in keys for request in left)} "
            f"judgments came and are kept in {file}; the same command continues from there"
        )


def _watched(futures: list[Future]) -> Iterator[Future]:
    """Yield the futures as they end, with a progress bar on a terminal."""
    console = command.console()
    yield from track(as_completed(futures), "judging", len(futures), console=console, disable=not console.is_terminal)


def _client(judge: Judging) -> Any:
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
            "judge.key_env=NAME, or say judge.key_env=null for a server that needs no key"
        )
    if not (key.isascii() and key.isprintable()):
        raise SuiteError(f"the judge's key in {judge.key_env} holds characters that a key cannot have: set it again")
    return openai.OpenAI(base_url=judge.base_url, api_key=key, max_retries=judge.retries, timeout=judge.timeout)


def _ask(client: Any, judge: Judging, request: Request) -> Judgment:
    """Return one judgment, without a score where a content filter refused; raises Failure where there is none."""
    import openai

    try:
        response = client.chat.completions.with_raw_response.create(
            model=judge.model, messages=request.messages, temperature=judge.temperature, max_tokens=judge.max_tokens
        )
        reply = _Reply.model_validate_json(response.content)
    except openai.BadRequestError as error:
        if error.code != "content_filter":
            raise failures.of_error(judge, request, error) from error
        reply = _Reply(choices=[_Choice(message=_Message(content=first_line(error)), finish_reason=error.code)])
    except openai.APIError as error:
        raise failures.of_error(judge, request, error) from error
    except ValidationError as error:
        raise failures.unreadable(judge, request, response.text) from error
    return _judgment(judge, request, reply)


def _judgment(judge: Judging, request: Request, reply: _Reply) -> Judgment:
    choice, usage = reply.choices[0], reply.usage or _Usage()
    return Judgment(
        key=request.key,
        question_id=request.question.id,
        turn=request.turn,
        repeat=request.repeat,
        prompt=prompts.name_of(request.question, request.turn),
        judge=judge.model,
        base_url=judge.base_url,
        served_by=reply.model,
        text=choice.message.text,
        finish_reason=choice.finish_reason,
        prompt_tokens=usage.prompt_tokens,
        completion_tokens=usage.completion_tokens,
        judged_at=datetime.now(UTC).isoformat(timespec="seconds"),
    )
