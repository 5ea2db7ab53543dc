"""Why a judge gave no judgment, and what a person can do about it."""

from benchmarks.errors import SuiteError, first_line
from benchmarks.mt_bench.requests import Request
from benchmarks.mt_bench.settings import Judging

_EXCERPT = 80  # characters of a reply that is shown


class Failure(SuiteError):
    """A request that got no judgment; ``every`` says that no other request would get one either."""

    def __init__(self, message: str, every: bool) -> None:
        super().__init__(message)
        self.every = every


def unreadable(judge: Judging, request: Request, reply: str) -> Failure:
    """Return the failure of a request whose reply is not a chat completion."""
    excerpt = first_line(ValueError(reply))[:_EXCERPT]
    return Failure(
        f"the reply of the judge at {judge.base_url} to {request.name} is not a chat completion: {excerpt}", every=False
    )


def broken_off(judge: Judging, request: Request, reason: str | None) -> Failure:
    """Return the failure of a request whose reply ended before its end, for a reason that the server names."""
    return Failure(
        f"the judge at {judge.base_url} broke off its reply to {request.name} (finish_reason {reason})", every=False
    )


def of_error(judge: Judging, request: Request, error: Exception) -> Failure:
    """Return the failure that an error of ``openai`` stands for, after its retries."""
    import openai

    said, tries = first_line(error), judge.retries + 1
    match error:
        case openai.APITimeoutError():
            what = f"was silent for judge.timeout={judge.timeout} seconds, {tries} times"
        case openai.APIConnectionError():
            what = f"cannot be reached ({first_line(error.__cause__ or error)}): start it, or correct judge.base_url"
        case openai.AuthenticationError() | openai.PermissionDeniedError():
            what = f"refuses the key of judge.key_env={judge.key_env} ({said})"
        case openai.NotFoundError():
            what = f"does not have judge.model={judge.model}, or judge.base_url is wrong ({said})"
        case openai.RateLimitError():
            what = f"limits its requests ({said}): lower judge.at_once, or run the same command again later"
        case openai.BadRequestError(code="unsupported_parameter" | "unsupported_value"):
            what = f"cannot be asked with judge.temperature={judge.temperature} and these prompts ({said})"
        case openai.InternalServerError():
            what = f"failed {tries} times ({said})"
        case _:
            return Failure(f"the judge at {judge.base_url} refuses {request.name} ({said})", every=False)
    return Failure(f"the judge at {judge.base_url} {what}", every=True)
