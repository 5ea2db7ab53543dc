"""Asks a judge, a few requests at a time, and keeps each judgment at once."""

import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from contextlib import closing, contextmanager
from pathlib import Path

import filelock
from rich.progress import track

from benchmarks import command
from benchmarks.errors import SuiteError
from benchmarks.mt_bench import judgments
from benchmarks.mt_bench.endpoint import Endpoint
from benchmarks.mt_bench.failures import Failure
from benchmarks.mt_bench.requests import Request
from benchmarks.mt_bench.settings import Judging


def ask_all(judge: Judging, wanted: list[Request], file: Path, say: Callable[[str], None]) -> None:
    """Ask for those of these judgments that the file lacks, ``at_once`` at a time, and add each to it as it comes.

    Of two commands that judge a run, the second waits for the first, and asks for what is then left. Raises SuiteError
    where some could not be had: immediately where the judge is down, slow or refuses the key, and after the others
    where single requests failed. The judgments that came are kept.
    """
    with closing(Endpoint(judge)) as endpoint, _alone(file.parent, say):
        _ask_all(judge, endpoint, wanted, file)


@contextmanager
def _alone(folder: Path, say: Callable[[str], None]) -> Iterator[None]:
    """Hold the lock that lies beside a run's folder of MT-Bench; what a killed command held is free again."""
    lock = filelock.FileLock(folder.with_name(f"{folder.name}.lock"))
    try:
        lock.acquire(blocking=False)
    except filelock.Timeout:
        say("another command is judging this run: waiting until it ends")
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _ask_all(judge: Judging, endpoint: Endpoint, wanted: list[Request], file: Path) -> None:
    kept = judgments.read(file)
    left = [request for request in wanted if request.key not in kept.judgments]
    writing, stopped = threading.Lock(), threading.Event()

    def ask(request: Request) -> Failure | None:
        if stopped.is_set():
            return None
        try:
            judgment = endpoint.ask(request)
        except Failure as failure:
            if failure.every:
                stopped.set()
            return failure
        with writing:
            judgments.append(file, judgment)
        return None

    with ThreadPoolExecutor(judge.at_once) as pool:
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
