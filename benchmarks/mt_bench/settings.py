"""The settings of conf/mt_bench.yaml, typed and checked."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from benchmarks import checks, markup
from benchmarks.errors import SuiteError, nearest


@dataclass(frozen=True)
class Answering:
    """Which run answers, with at most how many tokens, and how many questions it answers between two writes."""

    run: str
    max_new_tokens: int
    at_once: int

    def __post_init__(self) -> None:
        checks.whole("answer.at_once", self.at_once, 1)
        checks.whole("answer.max_new_tokens", self.max_new_tokens, 1)


@dataclass(frozen=True)
class Price:
    """What a judge's provider charges for a million tokens, in any currency."""

    input: float
    output: float

    def __post_init__(self) -> None:
        checks.number("judge.price.input", self.input, least=0)
        checks.number("judge.price.output", self.output, least=0)


@dataclass(frozen=True)
class Judge:
    """A judge and how it is asked. ``timeout`` is in seconds, ``max_tokens`` is of one judgment."""

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
                f"judge.base_url={self.base_url} is not an address: say https://HOST/v1, or http://127.0.0.1:8000/v1"
            )
        address = urlsplit(self.base_url)
        if address.username or address.password or address.query:  # it is printed, and kept with every judgment
            raise SuiteError("judge.base_url must not hold a user name, a password or a query: give the address alone")
        if not (self.key_env is None or isinstance(self.key_env, str)):
            raise SuiteError(f"judge.key_env={self.key_env} must be the name of an environment variable, or null")
        if not isinstance(self.model, str) or not self.model:
            raise SuiteError(f"judge.model={self.model} must be the judge's name at the endpoint")
        for name, least in {"repeats": 1, "max_tokens": 1, "at_once": 1, "retries": 0}.items():
            checks.whole(f"judge.{name}", getattr(self, name), least)
        checks.number("judge.temperature", self.temperature, least=0)
        checks.number("judge.timeout", self.timeout, least=1e-3)


@dataclass(frozen=True)
class Judging:
    """Which run's answers are judged, by whom and with which prompts; nothing is sent unless ``yes``.

    ``prompts`` is a file in the format of FastChat's judge_prompts.jsonl, or None for the suite's own prompts.
    """

    run: str
    judge: Judge
    prompts: Path | None
    yes: bool

    def __post_init__(self) -> None:
        if not isinstance(self.yes, bool):
            raise SuiteError(f"judge.yes={self.yes} must be true or false")


@dataclass(frozen=True)
class Settings:
    """What one command does: answer, judge or both. ``questions`` is how many, or their ids; None takes all."""

    questions: int | list[int] | None
    root: str | None
    cache: Path
    format: str
    answering: Answering | None
    judging: Judging | None

    def __post_init__(self) -> None:
        if self.format not in markup.FORMATS:
            raise SuiteError(
                f"format={self.format} is unknown; nearest: {nearest(str(self.format), markup.FORMATS)}; "
                f"there are: {', '.join(markup.FORMATS)}"
            )
        if self.answering is None and self.judging is None:
            raise SuiteError("nothing to do: say answer=RUN or judge=RUN, where RUN is a run's record or its folder")


def read(config: Mapping[str, Any]) -> Settings:
    """Return the settings that a config composed from conf/mt_bench.yaml holds. Raises SuiteError for bad ones."""
    answer, judge = config["answer"], config["judge"]
    return Settings(
        questions=config["questions"],
        root=config["data"]["root"],
        cache=Path(config["cache"]),
        format=config["format"],
        answering=Answering(**answer) if answer["run"] else None,
        judging=_judging(judge) if judge["run"] else None,
    )


def _judging(config: Mapping[str, Any]) -> Judging:
    chosen = dict(config)
    run, yes, prompts, price = (chosen.pop(key) for key in ("run", "yes", "prompts", "price"))
    judge = Judge(**chosen, price=_price(price))
    return Judging(run=run, judge=judge, prompts=None if prompts is None else Path(str(prompts)), yes=yes)


def _price(config: Any) -> Price | None:
    if config is None:
        return None
    if not isinstance(config, dict) or set(config) != {"input", "output"}:
        raise SuiteError(f"judge.price={config} must be {{input: A, output: B}}, for a million tokens, or null")
    return Price(**config)
