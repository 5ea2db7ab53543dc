"""The settings of conf/mt_bench.yaml, typed and checked."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import Field, field_validator

from benchmarks import typed
from benchmarks.errors import SuiteError
from benchmarks.typed import Settings

Count = Annotated[int, Field(ge=1)]


class Answering(Settings):
    """Which run answers, with at most how many tokens, and how many questions it answers between two writes."""

    run: str
    max_new_tokens: Count
    at_once: Count


class Price(Settings):
    """What a judge's provider charges for a million tokens, in any currency."""

    input: float = Field(ge=0)
    output: float = Field(ge=0)


class Judging(Settings):
    """Which run's answers are judged, by whom and with which prompts; nothing is sent unless ``yes``.

    ``prompts`` is a file in the format of FastChat's judge_prompts.jsonl, or None for the suite's own prompts.
    ``key_env`` is the environment variable that holds the judge's key. ``max_tokens`` is of one judgment, ``timeout``
    is in seconds.
    """

    run: str
    base_url: str
    model: str = Field(min_length=1)
    key_env: str | None
    prompts: str | None
    repeats: Count
    temperature: float = Field(ge=0)
    max_tokens: Count
    at_once: Count
    retries: int = Field(ge=0)
    timeout: float = Field(gt=0)
    price: Price | None
    yes: bool

    @field_validator("base_url")
    @classmethod
    def _is_an_address_alone(cls, value: str) -> str:
        if not value.startswith(("http://", "https://")):
            raise ValueError(f"must be an address such as https://HOST/v1 or http://127.0.0.1:8000/v1, got {value}")
        address = urlsplit(value)
        if address.username or address.password or address.query:  # it is printed, and kept with every judgment
            raise ValueError("must not hold a user name, a password or a query: give the address alone")
        return value


class Data(Settings):
    """Where the questions come from: None for the hub, ``embedded``, or a directory in the hub's layout."""

    root: str | None


class Command(Settings):
    """What one command does: answer, judge or both. ``questions`` is checked where they are loaded."""

    questions: Any
    format: Literal["text", "markdown", "json", "latex"]
    data: Data
    answer: Answering | None
    judge: Judging | None
    cache: str


def read(config: Mapping[str, Any]) -> Command:
    """Return what a config composed from conf/mt_bench.yaml asks for. Raises SuiteError for what it cannot hold."""
    asked = {name: config[name] if config[name]["run"] else None for name in ("answer", "judge")}
    if not any(asked.values()):
        raise SuiteError("nothing to do: say answer=RUN or judge=RUN, where RUN is a run's record or its folder")
    return typed.read(Command, {**config, **asked}, "")
