"""An endpoint with OpenAI's chat completions, asked for one judgment at a time."""

import json
import os
from datetime import UTC, datetime
from typing import Annotated, Any
from urllib.parse import quote

from pydantic import BaseModel, Field, ValidationError

from benchmarks.errors import SuiteError, first_line
from benchmarks.mt_bench import failures, prompts
from benchmarks.mt_bench.failures import Failure
from benchmarks.mt_bench.judgments import Judgment
from benchmarks.mt_bench.requests import Request
from benchmarks.mt_bench.settings import Judging

_NEWER_LIMIT = "max_completion_tokens"  # what OpenAI's reasoning models want in the place of max_tokens
_SHORTEST_KEY = 6  # a shorter one is what a server without keys is given, and may be a word of a judgment


class _Part(BaseModel):
    text: str | None = None  # a part that is not text has none


class _Message(BaseModel):
    content: str | list[_Part] | None = None  # None where the judge refused, or spent all tokens on thinking

    @property
    def text(self) -> str:
        if isinstance(self.content, list):
            return "".join(part.text or "" for part in self.content)
        return self.content or ""


class _Choice(BaseModel):
    message: _Message
    finish_reason: str | None = None


class _Usage(BaseModel):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


class _Reply(BaseModel):
    """What is read of a chat completion."""

    model: str | None = None
    choices: Annotated[list[_Choice], Field(min_length=1)]
    usage: _Usage | None = None


class Endpoint:
    """A judge's endpoint. Its key is in nothing that it returns or raises, whatever the server sends back.

    Raises SuiteError where the package ``openai`` or the key is missing.
    """

    def __init__(self, judge: Judging) -> None:
        try:
            import openai
        except ImportError as error:
            raise SuiteError(
                "judging needs the package openai: pip install --constraint constraints.txt --editable '.[judge]'"
            ) from error
        self._judge, self._key = judge, _key(judge)
        self._limit = "max_tokens"  # what the endpoint calls judge.max_tokens, until it asks for another name
        self._client = openai.OpenAI(
            base_url=judge.base_url, api_key=self._key or "none", max_retries=judge.retries, timeout=judge.timeout
        )

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def ask(self, request: Request) -> Judgment:
        """Return one judgment, without a score where a content filter refused; raises Failure where there is none."""
        try:
            judgment = self._judgment(request, self._reply(request))
        except Failure as failure:
            raise Failure(self._hidden(str(failure)), failure.every) from None
        if not judgment.ended:
            raise failures.broken_off(self._judge, request, judgment.finish_reason)
        return judgment

    def _reply(self, request: Request) -> _Reply:
        import openai

        try:
            response = self._completion(request)
            return _Reply.model_validate_json(response.content)
        except openai.BadRequestError as error:
            if error.code != "content_filter":
                raise failures.of_error(self._judge, request, error) from error
            return _Reply(choices=[_Choice(message=_Message(content=first_line(error)), finish_reason=error.code)])
        except openai.APIError as error:
            raise failures.of_error(self._judge, request, error) from error
        except ValidationError as error:  # only the beginning is shown, which must not end within the key
            raise failures.unreadable(self._judge, request, self._hidden(response.text)) from error

    def _completion(self, request: Request) -> Any:
        """Return the response, asked for a second time where it refused the name of the limit, which costs nothing."""
        import openai

        limit = self._limit
        try:
            return self._create(request, limit)
        except openai.BadRequestError as error:
            refused = error.param == limit and error.code == "unsupported_parameter"
            if limit == _NEWER_LIMIT or not (refused or _NEWER_LIMIT in str(error)):
                raise
        self._limit = _NEWER_LIMIT
        return self._create(request, _NEWER_LIMIT)

    def _create(self, request: Request, limit: str) -> Any:
        judge = self._judge
        return self._client.chat.completions.with_raw_response.create(
            model=judge.model, messages=request.messages, temperature=judge.temperature, **{limit: judge.max_tokens}
        )

    def _judgment(self, request: Request, reply: _Reply) -> Judgment:
        choice, usage = reply.choices[0], reply.usage or _Usage()
        return Judgment(
            key=request.key,
            question_id=request.question.id,
            turn=request.turn,
            repeat=request.repeat,
            prompt=prompts.name_of(request.question, request.turn),
            judge=self._judge.model,
            base_url=self._judge.base_url,
            served_by=self._hidden(reply.model or "unnamed"),
            text=self._hidden(choice.message.text),
            finish_reason=choice.finish_reason and self._hidden(choice.finish_reason),
            prompt_tokens=usage.prompt_tokens,
            completion_tokens=usage.completion_tokens,
            judged_at=datetime.now(UTC).isoformat(timespec="seconds"),
        )

    def _hidden(self, text: str) -> str:
        """Return text with *** in the place of the key, also where it is escaped."""
        if self._key and len(self._key) >= _SHORTEST_KEY:
            for form in (self._key, json.dumps(self._key)[1:-1], quote(self._key, safe="")):
                text = text.replace(form, "***")
        return text


def _key(judge: Judging) -> str | None:
    """Return the judge's key, or None for a server without keys."""
    if judge.key_env is None:
        return None
    key = os.environ.get(judge.key_env, "").strip()
    if not key:
        raise SuiteError(
            f"the judge's key is missing: set {judge.key_env} in the environment, name another variable with "
            "judge.key_env=NAME, or say judge.key_env=null for a server that needs no key"
        )
    if not (key.isascii() and key.isprintable()):
        raise SuiteError(f"the judge's key in {judge.key_env} holds characters that a key cannot have: set it again")
    return key
