"""Every setting of conf/mt_bench.yaml refuses what it cannot be, in one line, before anything is loaded or sent."""

import pytest
from omegaconf import OmegaConf

from benchmarks import conf
from benchmarks.errors import SuiteError
from benchmarks.mt_bench import settings
from benchmarks.mt_bench.settings import Command

BOTH = ["answer.run=RUN", "judge.run=RUN"]
NUMBER, WHOLE, TEXT = "must be a number, got ", "must be a whole number, got ", "must be text, got "
MAPPING, YES = "must be a mapping, or null, got ", "must be true or false, got "
AN_ADDRESS, ALONE = "must be an address such as", "must not hold a user name, a password, a query or a fragment"
A_VARIABLE = "must be a variable's name in capitals, such as OPENAI_API_KEY, and never the key itself"
# Settings, values that they cannot have, and how the line goes on after the setting.
WRONG = [
    ("format", ["html", "null", "3"], "must be 'text', 'markdown', 'json' or 'latex', got "),
    ("data", ["embedded", "null"], "must be a mapping, got "),
    ("data.root", ["5", "true", "[a]"], "must be text, or null, got "),
    ("answer", ["3"], MAPPING),
    ("answer.run", ["5", "true", "[a]"], TEXT),
    ("answer.max_new_tokens", ["0", "-1"], "must be at least 1, got "),
    ("answer.at_once", ["true", "many", "null", "1.5"], WHOLE),
    ("judge", ["3"], MAPPING),
    ("judge.run", ["5", "[a]"], TEXT),
    ("judge.base_url", ["api.openai.com", "'ftp://host/v1'", "'http://'", "'https:///v1'"], AN_ADDRESS),
    ("judge.base_url", ["'http://me:secret@host/v1'", "'ftp://me:secret@host'", "'https://host/v1?key=secret'"], ALONE),
    ("judge.base_url", ["'http://host:port/v1'"], "Port could not be cast"),
    ("judge.model", ["null", "4", "[gpt-4]"], TEXT),
    ("judge.key_env", ["5", "true"], "must be text, or null, got "),
    ("judge.key_env", ["sk-secret", "gsk_secret", "''"], A_VARIABLE),
    ("judge.prompts", ["5", "[a]"], "must be text, or null, got "),
    ("judge.repeats", ["0", "-3"], "must be at least 1, got "),
    ("judge.temperature", ["hot", "null", "true", "[1]"], NUMBER),
    ("judge.temperature", ["nan", "inf"], "must be a finite number, got "),
    ("judge.temperature", ["-0.1"], "must be at least 0"),
    ("judge.max_tokens", ["many", "1e3", "true"], WHOLE),
    ("judge.at_once", ["0"], "must be at least 1, got "),
    ("judge.retries", ["-1"], "must be at least 0, got "),
    ("judge.timeout", ["0", "-2.5"], "must be more than 0"),
    ("judge.timeout", ["inf"], "must be a finite number, got "),
    ("judge.price", ["30", "cheap"], MAPPING),
    ("judge.price.input", ["much", "true"], NUMBER),
    ("judge.insecure", ["1", "maybe", "null"], YES),
    ("judge.yes", ["1", "perhaps", "null"], YES),
    ("cache", ["null", "5", "[a]"], TEXT),
]
CASES = [(key, value, must) for key, values, must in WRONG for value in values]


def read(*overrides: str) -> Command:
    return settings.read(OmegaConf.to_container(conf.composed([*BOTH, *overrides], "mt_bench"), resolve=True))


@pytest.mark.parametrize(("key", "value", "must"), CASES)
def test_a_wrong_value_is_one_line(key: str, value: str, must: str) -> None:
    priced = ["judge.price={input:1,output:1}"] if key.startswith("judge.price.") else []
    replaced = "++" if key in ("answer", "judge") else ""
    with pytest.raises(SuiteError) as raised:
        read(*priced, f"{replaced}{key}={value}")
    line = str(raised.value)
    assert line.startswith(f"{key} {must}")
    assert "\n" not in line and "secret" not in line


def test_every_setting_has_a_case() -> None:
    elsewhere = {
        "questions"
    }  # which ids there are is known once they are read: tests/benchmarks/mt_bench/test_questions.py
    assert set(conf.settings("mt_bench")) - elsewhere == {key for key, _, _ in WRONG} - {"judge.price.input"}


@pytest.mark.parametrize(
    "url", ["http://host/v1", "http://10.0.0.5:8000/v1", "http://127.0.0.1.host.example/v1", "http://0.0.0.0/v1"]
)
def test_a_key_goes_unencrypted_to_this_machine_alone(url: str) -> None:
    with pytest.raises(SuiteError) as raised:
        read(f"judge.base_url='{url}'")
    line = str(raised.value)
    assert line.startswith(f"judge would send its key unencrypted to {url}: ")
    assert all(way in line for way in ("https", "judge.key_env=null", "judge.insecure=true"))
    assert read(f"judge.base_url='{url}'", "judge.key_env=null").judge.base_url == url
    assert read(f"judge.base_url='{url}'", "judge.insecure=true").judge.base_url == url


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8000/v1", "http://localhost/v1", "http://[::1]:8000/v1", "https://host/v1"]
)
def test_a_key_goes_to_this_machine_or_encrypted(url: str) -> None:
    assert read(f"judge.base_url='{url}'").judge.base_url == url


def test_a_home_folder_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    chosen = read("judge.prompts='~/prompts.jsonl'", "judge.run='~/run'", "cache='~/cache'")
    assert (chosen.judge.run, chosen.judge.prompts, chosen.cache) == (
        "/home/me/run",
        "/home/me/prompts.jsonl",
        "/home/me/cache",
    )


@pytest.mark.parametrize("gone", ["~judge", "~judge.run", "~answer"])
def test_what_is_taken_away_is_not_asked(gone: str) -> None:
    chosen = read(gone)
    assert (chosen.judge is None) == gone.startswith("~judge")
    assert (chosen.answer is None) == gone.startswith("~answer")
