"""The settings of conf/mt_bench.yaml, typed and checked."""

import ipaddress
import os
import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, field_validator, model_validator

from benchmarks import typed
from benchmarks.errors import SuiteError
from benchmarks.typed import Settings

Count = Annotated[int, Field(ge=1)]
Place = Annotated[str, AfterValidator(os.path.expanduser)]


class Answering(Settings):
    """Which run answers, with at most how many tokens, and how many questions it answers between two writes."""

    run: Place
    max_new_tokens: Count
    at_once: Count


class Price(Settings):
    """What a judge's provider charges for a million tokens, in any currency."""

    input: float = Field(ge=0)
    output: float = Field(ge=0)


class Judging(Settings):
    """Which run's answers are judged, by whom and with which prompts; nothing is sent unless ``yes``.

    ``prompts`` is a file in the format of FastChat's judge_prompts.jsonl, or None for the suite's own prompts.
    ``key_env`` is the environment variable that holds the judge's key, which goes to another machine by http:// only if
    ``insecure``. ``max_tokens`` is of one judgment, ``timeout`` is in seconds.
    """

    run: Place
    base_url: str
    model: str = Field(min_length=1)
    key_env: str | None
    prompts: Place | None
    repeats: Count
    temperature: float = Field(ge=0)
    max_tokens: Count
    at_once: Count
    retries: int = Field(ge=0)
    timeout: float = Field(gt=0)
    price: Price | None
    insecure: bool
    yes: bool

    @field_validator("base_url")
    @classmethod
    def _is_an_address_alone(cls, value: str) -> str:
        address = urlsplit(value)
        if (
            address.username or address.password or address.query or address.fragment
        ):  # it is printed, and kept with every judgment
            raise ValueError("must not hold a user name, a password, a query or a fragment: give the address alone")
        if address.scheme not in ("http", "https") or not address.hostname or address.port == 0:
            raise ValueError(f"must be an address such as https://HOST/v1 or http://127.0.0.1:8000/v1, got {value}")
        return value

    @field_validator("key_env")
    @classmethod
    def _is_not_the_key(cls, value: str | None) -> str | None:
        if value is not None and not re.fullmatch(r"[A-Z_][A-Z0-9_]*", value):
            raise ValueError("must be a variable's name in capitals, such as OPENAI_API_KEY, and never the key itself")
        return value

    @model_validator(mode="after")
    def _sends_no_key_in_the_open(self) -> Self:
        address = urlsplit(self.base_url)
        if self.key_env and address.scheme == "http" and not (_is_here(address.hostname) or self.insecure):
            raise ValueError(
                f"would send its key unencrypted to {self.base_url}: take https, or judge.key_env=null for a server "
                "that needs no key, or say judge.insecure=true"
            )
        return self


def _is_here(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


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
    cache: Place


def read(config: Mapping[str, Any]) -> Command:
    """Return what a config composed from conf/mt_bench.yaml asks for. Raises SuiteError for what it cannot hold."""
    asked = {name: _asked(config.get(name)) for name in ("answer", "judge")}
    if not any(asked.values()):
        raise SuiteError("nothing to do: say answer=RUN or judge=RUN, where RUN is a run's record or its folder")
    return typed.read(Command, {**config, **asked}, "")


def _asked(part: Any) -> Any:
    """Return a part of the config, or None where it names no run."""
    return part if not isinstance(part, Mapping) or part.get("run") else None
