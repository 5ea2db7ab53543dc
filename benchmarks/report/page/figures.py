"""The page's figures as Vega-Lite, which a browser draws: what is in the data is text there, and never markup.

Each figure has the parameters of FILTERS, which the page's form sets; where one is empty, all is shown.
"""

from collections.abc import Sequence
from typing import Any

import altair as alt

from benchmarks.report import names

FILTERS = ("method", "targets", "seeds", "seed")
_SHOWN = " && ".join(
    [
        *(f"(filter_{name} === '' || datum.{name} === filter_{name})" for name in ("method", "targets")),
        "(filter_seeds === '' || datum.seeds >= +filter_seeds)",
        "(filter_seed === '' || !isValid(datum.seed) || datum.seed === +filter_seed)",
    ]
)
_GREY = "#8888"
_INK = {"labelColor": "currentColor", "titleColor": "currentColor"}
_CONFIG = {
    "background": "transparent",
    "font": "system-ui, sans-serif",
    "view": {"stroke": _GREY},
    "axis": _INK | {"gridColor": "#8883", "domainColor": _GREY, "tickColor": _GREY, "labelLimit": 150},
    "legend": _INK
    | {"orient": "bottom", "columns": 3, "labelLimit": 200, "symbolOpacity": 1}
    | {"symbolStrokeWidth": 2, "symbolBaseFillColor": "currentColor", "symbolBaseStrokeColor": "currentColor"},
    "title": {"color": "currentColor"},
    "text": {"color": "currentColor"},
}
_DASHES = ([1, 0], [6, 3], [2, 2], [8, 2, 2, 2])
_SHAPES = ("circle", "square", "triangle-up", "diamond", "cross", "triangle-down")

Facts = dict[str, Any]  # of a mark: method, title (the method's printed name), name (of the row), targets, seeds, ...


def pareto(marks: Sequence[Facts], score: str, words: str) -> dict[str, Any]:
    """Return the figure of bytes (log) against score.

    A mark has ``stored``, ``bytes``, ``score``, ``front`` ("yes" or "no"), ``chance`` where it is known, and where
    there are two seeds or more ``low`` and ``high`` of the interval and ``less`` and ``more`` of the deviation. What
    takes no bytes is a level.
    """
    x = alt.X(
        "bytes:Q",
        title="bytes of the adapter (log scale)",
        scale=alt.Scale(type="log", nice=False, padding=20),
        axis=alt.Axis(format=".3~s", tickCount=6),
    )
    y = alt.Y("score:Q", title=score, scale=alt.Scale(zero=False, padding=12))
    channels = {
        "color": _colour(marks),
        "tooltip": _tooltip("stored", "bytes", "score", "low", "high", "front", "chance"),
    }
    sized = [mark for mark in marks if mark["bytes"] > 0]  # zero has no place on a log axis
    levels = [mark for mark in marks if mark["bytes"] == 0]
    layers = []
    if on_front := [mark for mark in sized if mark["front"] == "yes"]:
        line = _chart(on_front).mark_line(
            interpolate="step-after", strokeDash=[4, 3], color="currentColor", opacity=0.6
        )
        layers.append(line.encode(x=x, y=y, order="bytes:Q"))
    if spread := [mark for mark in sized if "low" in mark]:
        bars = _filtered(spread)
        layers.append(bars.mark_rule(strokeWidth=1).encode(x=x, y=alt.Y("low:Q"), y2="high:Q", **channels))
        layers.append(
            bars.mark_rule(strokeWidth=4, opacity=0.5).encode(x=x, y=alt.Y("less:Q"), y2="more:Q", **channels)
        )
    if levels:
        drawn = _filtered(levels)
        layers.append(drawn.mark_rule(strokeDash=[6, 4], strokeWidth=2).encode(y=y, **channels))
        text = drawn.mark_text(align="left", dy=-7, color="currentColor")
        layers.append(text.encode(x=alt.value(6), y=y, text="name:N"))
    if sized:
        shape = _by("targets", sized, _SHAPES, alt.Shape)
        points = _filtered(sized).mark_point(filled=True, size=110, opacity=1)
        layers.append(points.encode(x=x, y=y, shape=shape, **channels))
    return _whole(alt.layer(*layers), words, height=360)


def _chart(marks: Sequence[Facts]) -> alt.Chart:
    return alt.Chart(alt.Data(values=[{name: _rounded(value) for name, value in mark.items()} for mark in marks]))


def _rounded(value: Any) -> Any:
    """Leave out the digits in which machines differ, so that the same records give the same page everywhere."""
    return round(value, 6) if isinstance(value, float) else value


def _filtered(marks: Sequence[Facts]) -> alt.Chart:
    return _chart(marks).transform_filter(_SHOWN)


def curves(points: Sequence[Facts], score: str, words: str) -> dict[str, Any]:
    """Return the figure of scores by epoch: a line through each row's ``score``, a band from ``low`` to ``high``."""
    base = _filtered(points)
    x = alt.X("epoch:Q", title="epoch", axis=alt.Axis(tickMinStep=1, format="d"), scale=alt.Scale(nice=False))
    y = alt.Y("score:Q", title=score, scale=alt.Scale(zero=False))
    colour, detail = _colour(points), alt.Detail("name:N")
    dash = _by("targets", points, _DASHES, alt.StrokeDash)
    layers = [
        base.mark_area(opacity=0.1).encode(x=x, y=alt.Y("low:Q"), y2="high:Q", color=colour, detail=detail),
        base.mark_line(strokeWidth=2).encode(x=x, y=y, color=colour, strokeDash=dash, detail=detail),
        base.mark_point(filled=True, size=45, opacity=1).encode(
            x=x, y=y, color=colour, detail=detail, tooltip=_tooltip("epoch", "score", "low", "high", "seeds")
        ),
    ]
    return _whole(alt.layer(*layers), words, height=300)


def seeds(points: Sequence[Facts], score: str, words: str) -> dict[str, Any]:
    """Return the figure of each seed's ``score``: a line for each row, in it a level for each ``choice`` of epoch."""
    rows = list(dict.fromkeys(point["name"] for point in points))
    choices = list(dict.fromkeys(point["choice"] for point in points))
    shape = alt.Shape(
        "choice:N",
        title="epoch",
        scale=alt.Scale(domain=choices, range=["circle", "triangle-up", "diamond"][: len(choices)]),
    )
    chart = (
        _filtered(points)
        .mark_point(size=60, opacity=1, strokeWidth=1.8)
        .encode(
            x=alt.X("score:Q", title=score, scale=alt.Scale(zero=False), axis=alt.Axis(tickCount=8)),
            y=alt.Y("name:N", title=None, sort=rows, axis=alt.Axis(grid=True)),
            yOffset=alt.YOffset("choice:N", sort=choices),
            color=_colour(points, legend=None),
            shape=shape,
            tooltip=_tooltip("choice", "seed", "score"),
        )
    )
    return _whole(chart, words, height=alt.Step(12))


def _whole(chart: Any, words: str, height: Any) -> dict[str, Any]:
    parameters = [alt.param(name=f"filter_{name}", value="") for name in FILTERS]
    chart = chart.add_params(*parameters).properties(
        width="container",
        height=height,
        description=words,
        autosize=alt.AutoSizeParams(type="fit-x", contains="padding"),
    )
    spec = chart.configure(**_CONFIG).to_dict()
    del spec["$schema"]  # an address, which nothing here has use for
    return spec


def _colour(marks: Sequence[Facts], **options: Any) -> alt.Color:
    """Return the colour channel: a method has the same colour in every figure."""
    titles = {mark["method"]: mark["title"] for mark in marks}
    styles = names.styles(titles)
    colours = [styles[method].colour for method in titles]
    drawn = ["currentColor" if colour == names.INK else colour for colour in colours]
    return alt.Color("title:N", title="method", scale=alt.Scale(domain=list(titles.values()), range=drawn), **options)


def _by(field: str, marks: Sequence[Facts], looks: Sequence[Any], channel: Any) -> Any:
    values = sorted({mark[field] for mark in marks})
    return channel(
        f"{field}:N",
        title=field,
        scale=alt.Scale(domain=values, range=[looks[place % len(looks)] for place in range(len(values))]),
    )


_FORMATS = {"stored": ",", "bytes": ",", "epoch": "d", "seed": "d", "seeds": "d"}
_HEADINGS = {
    "bytes": "adapter bytes",
    "low": "from",
    "high": "to",
    "front": "on the front",
    "chance": "chance of it",
    "choice": "epoch",
}


def _tooltip(*fields: str) -> list[alt.Tooltip]:
    numbers = {"score", "low", "high", *_FORMATS}
    return [
        alt.Tooltip("name:N", title="row"),
        *(
            alt.Tooltip(f"{name}:Q", title=_HEADINGS.get(name, name), format=_FORMATS.get(name, ".4~g"))
            if name in numbers
            else alt.Tooltip(f"{name}:N", title=_HEADINGS.get(name, name))
            for name in fields
        ),
    ]
