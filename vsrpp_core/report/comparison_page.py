"""Compared runs as one page of HTML that needs no network: curves to look closer at, figures, settings, pictures.

The chart is plotly's (the ``html`` extra), with its script in the page.
"""

import base64
import html
import io
import json
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from PIL import Image

from vsrpp_core.errors import VsrppError
from vsrpp_core.report.comparison import Comparison, Course, names_of
from vsrpp_core.run.pictures.pillow_errors import UNREADABLE

FIGURES = (("gain", "dB over bicubic"), ("psnr", "PSNR, dB"), ("ssim", "SSIM"))
AXES = (("step", "steps"), ("hours", "hours of work"))

QUALITY = 90
"""Of the pictures, which are lossy: a run keeps up to a hundred of 400 kB."""

STYLE = """
body { margin: 2rem auto; max-width: 75rem; padding: 0 1rem; font: 16px/1.5 system-ui, sans-serif; color: #1c232b; }
table { border-collapse: collapse; margin: 1rem 0 2rem; }
th, td { padding: .3rem 1rem .3rem 0; text-align: left; vertical-align: top; border-bottom: 1px solid #d8dee6; }
td { font-variant-numeric: tabular-nums; }
figure { margin: 0 0 1.5rem; }
figure img { width: 100%; image-rendering: pixelated; }
input[type=range] { width: 20rem; vertical-align: middle; }
"""

SCRIPT = """
for (const slider of document.querySelectorAll("input[type=range]")) {
  const show = () => {
    const step = steps[slider.value];
    slider.nextElementSibling.textContent = "step " + step.toLocaleString("en");
    for (const image of slider.closest("section").querySelectorAll("img")) {
      const shown = Object.keys(pictures[image.dataset.key]).map(Number).filter((known) => known <= step);
      const newest = Math.max(...shown);
      image.hidden = !shown.length;
      if (shown.length) image.src = pictures[image.dataset.key][newest];
      image.nextElementSibling.textContent =
        image.dataset.run + (shown.length ? ", step " + newest.toLocaleString("en") : ": no picture so early");
    }
  };
  slider.addEventListener("input", show);
  show();
}
"""

Rows = Sequence[Sequence[str]]
Pictures = dict[tuple[str, int], dict[int, str]]
"""By sample and place of the run: the picture of each step, as ``embedded`` has it."""


def refuse_without_packages() -> None:
    if not find_spec("plotly"):
        raise VsrppError("the page needs plotly; install it with: pip install 'vsrpp[html]'")


def page(comparison: Comparison, figures: Rows, settings: Rows, pictures: Pictures) -> str:
    """``figures`` and ``settings`` are tables, each with its headings first."""
    names = names_of([course.path for course in comparison.courses])
    title = "Runs compared: " + ", ".join(names)
    parts = [
        f"<h1>{html.escape(title)}</h1>",
        _chart(comparison.courses, names),
        _table(figures),
        "<h2>Settings that differ</h2>",
        _table(settings) if len(settings) > 1 else "<p>None.</p>",
        _gallery(pictures, names),
    ]
    body = "\n".join(parts)
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{html.escape(title)}</title>'
        f"<style>{STYLE}</style></head><body>\n{body}\n</body></html>\n"
    )


def _chart(courses: Sequence[Course], names: Sequence[str]) -> str:
    import plotly.graph_objects as go

    figure = go.Figure(layout={"template": "plotly_white", "hovermode": "x unified", "height": 520})
    for course, name in zip(courses, names, strict=True):
        steps, gains = ([getattr(point, part) for point in course.points] for part in ("step", "gain"))
        figure.add_scatter(x=steps, y=gains, name=name, mode="lines")
    figure.update_xaxes(title=AXES[0][1])
    figure.update_yaxes(title=FIGURES[0][1])
    menus = [
        {"buttons": _buttons(courses, "y", FIGURES), "x": 0.0, "xanchor": "left", "y": 1.12},
        {"buttons": _buttons(courses, "x", AXES), "x": 0.25, "xanchor": "left", "y": 1.12},
    ]
    figure.update_layout(updatemenus=menus)
    chart: str = figure.to_html(include_plotlyjs=True, full_html=False, config={"displaylogo": False})
    return chart


def _buttons(courses: Sequence[Course], axis: str, choices: Sequence[tuple[str, str]]) -> list[dict[str, object]]:
    """One for each choice of what ``axis`` shows."""
    values = {name: [[getattr(point, name) for point in course.points] for course in courses] for name, _ in choices}
    return [
        {"label": title, "method": "update", "args": [{axis: values[name]}, {f"{axis}axis.title.text": title}]}
        for name, title in choices
    ]


def _table(rows: Rows) -> str:
    first, *others = rows
    lines = ["<tr>" + "".join(f"<th>{html.escape(cell)}</th>" for cell in first) + "</tr>"]
    lines += ["<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>" for row in others]
    return "<table>" + "\n".join(lines) + "</table>"


def _gallery(pictures: Pictures, names: Sequence[str]) -> str:
    """Each sample with a picture of every run, and a slider over the steps of all."""
    if not pictures:
        return ""
    steps = sorted({step for files in pictures.values() for step in files})
    named = {f"{sample}/{place}": files for (sample, place), files in pictures.items()}
    sections = []
    for sample in dict.fromkeys(sample for sample, _ in pictures):
        figures = "".join(
            f'<figure><img data-key="{html.escape(f"{sample}/{place}")}" data-run="{html.escape(names[place])}" '
            'alt=""><figcaption></figcaption></figure>'
            for known, place in pictures
            if known == sample
        )
        slider = f'<input type="range" min="0" max="{len(steps) - 1}" value="{len(steps) - 1}"> <span></span>'
        sections.append(f"<section><h3>{html.escape(sample)}</h3><p>{slider}</p>{figures}</section>")
    data = f"const steps = {json.dumps(steps)}, pictures = {_script_safe(json.dumps(named))};"
    return f"<h2>Pictures: LR, KI, GT</h2>{''.join(sections)}<script>{data}{SCRIPT}</script>"


def embedded(path: Path) -> str:
    """A tenth of the file's size, and nothing that an eye would miss; empty where it is damaged, or gone: a run that
    trains meanwhile lets old ones go."""
    content = io.BytesIO()
    try:
        with Image.open(path) as picture:
            picture.save(content, "WEBP", quality=QUALITY)
    except UNREADABLE:
        return ""
    return f"data:image/webp;base64,{base64.b64encode(content.getvalue()).decode()}"


def _script_safe(text: str) -> str:
    """JSON that cannot end the script it stands in."""
    return text.replace("<", "\\u003c")
