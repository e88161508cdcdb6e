"""Plots of counts and curves, drawn in the browser; the same figures always stand in a table beside them."""

from collections.abc import Iterable, Mapping, Sequence

import gradio as gr
import pandas as pd

HEIGHT_PX = 280
_NAME, _COUNT = "name", "count"
_COLORS = ("#047857", "#d97706", "#2563eb", "#b91c1c", "#7c3aed", "#0e7490")


def bar_plot(elem_id: str) -> gr.BarPlot:
    """An empty plot of counts."""
    return gr.BarPlot(
        _frame([]),
        x=_NAME,
        y=_COUNT,
        sort="-y",
        height=HEIGHT_PX,
        show_label=False,
        x_label_angle=40,
        min_width=300,
        visible=False,
        elem_id=elem_id,
    )


def bars(counts: Mapping[str, int], x_title: str, y_title: str, *, in_order: bool = False) -> gr.BarPlot:
    """The update that shows counts in such a plot, the highest first or in their own order; none hide it."""
    return gr.BarPlot(
        value=_frame([(name, count) for name, count in counts.items()]),
        x_title=x_title,
        y_title=y_title,
        sort=list(counts) if in_order else "-y",
        y_lim=[0, max([1, *counts.values()])],
        visible=bool(counts),
    )


def _frame(rows: Sequence[tuple[str, int]]) -> pd.DataFrame:
    return pd.DataFrame(list(rows), columns=[_NAME, _COUNT])


def curve_plot(elem_id: str) -> gr.LinePlot:
    """An empty plot of curves."""
    return gr.LinePlot(
        _points([]),
        x="x",
        y="y",
        color="curve",
        height=HEIGHT_PX,
        show_label=False,
        min_width=300,
        visible=False,
        elem_id=elem_id,
    )


def curves(points: Iterable[tuple[float, float, str]], x_title: str, y_title: str) -> gr.LinePlot:
    """The update that shows points (x, y, name of their curve); none hide the plot."""
    frame = _points(points)
    names = sorted(set(frame["curve"]))
    return gr.LinePlot(
        value=frame,
        x_title=x_title,
        y_title=y_title,
        color_title=" ",
        color_map=dict(zip(names, _COLORS, strict=False)),
        visible=bool(names),
    )


def _points(points: Iterable[tuple[float, float, str]]) -> pd.DataFrame:
    return pd.DataFrame(list(points), columns=["x", "y", "curve"])


def time_plot(elem_id: str) -> gr.LinePlot:
    """An empty plot of counts over days."""
    return gr.LinePlot(
        _days([]),
        x="day",
        y=_COUNT,
        color=_NAME,
        height=HEIGHT_PX,
        show_label=False,
        min_width=300,
        visible=False,
        elem_id=elem_id,
    )


def over_time(points: Iterable[tuple[str, int, str]], x_title: str, y_title: str) -> gr.LinePlot:
    """The update that shows points (day, count, name of their line); none hide the plot."""
    frame = _days(points)
    names = list(dict.fromkeys(frame[_NAME]))
    return gr.LinePlot(
        value=frame,
        x_title=x_title,
        y_title=y_title,
        color_title=" ",
        color_map=dict(zip(names, _COLORS, strict=False)),
        y_lim=[0, max([1, *frame[_COUNT]])],
        visible=bool(names),
    )


def _days(points: Iterable[tuple[str, int, str]]) -> pd.DataFrame:
    """Days at noon: they are the same day wherever the browser is."""
    frame = pd.DataFrame(list(points), columns=["day", _COUNT, _NAME])
    frame["day"] = pd.to_datetime(frame["day"]) + pd.Timedelta(hours=12)
    return frame
