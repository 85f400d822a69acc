"""Charts: a Plotly figure as a block of JSON that the page's own script draws, offline."""

from __future__ import annotations

from typing import Any

from markupsafe import Markup

# Distinct in light and dark, three to one against both, and to colour-blind eyes (after Okabe and Ito).
BLUE, ORANGE, GREEN, RED, PURPLE, GREY = "#3b8fd9", "#c98500", "#16a37f", "#e0512f", "#b878c9", "#8a949e"
BROWN = "#a9745b"


def figure(chart: Any, label: str, *, height: int = 320) -> Markup:
    """The element that `figures.js` draws `chart` (a plotly Figure) into; `label` is read out in its place."""
    # Inside a script block only "<" could end it early.
    content = Markup(chart.to_json().replace("<", "\\u003c"))  # noqa: S704
    return Markup(
        '<div class="figure" role="img" aria-label="{}" data-height="{}">'
        '<script type="application/json">{}</script></div>'
    ).format(label, height, content)
