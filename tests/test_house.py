"""The house as docs/ARCHITECTURE.md draws it: no circles, methods that know torch alone, rooms that name no method."""

import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter

import grimp
import pytest

import methods

ROOMS = ("analysis", "models", "mt_bench", "papers", "records", "report", "tasks", "training")


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    return grimp.build_graph(
        "benchmarks",
        "methods",
        include_external_packages=True,
        exclude_type_checking_imports=True,
        cache_dir=None,
    )


def _imports(graph: grimp.ImportGraph, package: str) -> Iterator[tuple[str, set[str]]]:
    for module in sorted(graph.find_descendants(package) | {package}):
        yield module, graph.find_modules_directly_imported_by(module)


def test_the_graph_holds_every_room(graph: grimp.ImportGraph) -> None:
    for room in ROOMS:
        assert graph.find_children(f"benchmarks.{room}"), room


def test_no_module_imports_itself_by_way_of_others(graph: grimp.ImportGraph) -> None:
    order = TopologicalSorter(dict(_imports(graph, "benchmarks"))).static_order()  # raises CycleError, which names it
    assert len(list(order)) > len(graph.find_descendants("benchmarks"))


def test_methods_import_torch_alone(graph: grimp.ImportGraph) -> None:
    imported = {name.partition(".")[0] for _, names in _imports(graph, "methods") for name in names}
    assert imported - sys.stdlib_module_names == {"methods", "torch"}


def test_only_pefts_formats_import_a_method(graph: grimp.ImportGraph) -> None:
    files = {f"methods.{name}" for name in methods.find()}
    importers = {module for module, names in _imports(graph, "benchmarks") if names & files}
    assert importers
    assert all(module.startswith("benchmarks.models.peft.formats.") for module in importers), importers
