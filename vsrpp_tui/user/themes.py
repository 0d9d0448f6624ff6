"""The themes. Each colour has one meaning in all of them: KI and success, LR, ground truth, warnings, faults."""

from textual.theme import Theme

RUNS = ("run-1", "run-2", "run-3", "run-4", "run-5", "run-6")
"""Names of the colours of runs that are compared."""


def _runs(colours: str) -> dict[str, str]:
    return dict(zip(RUNS, colours.split(), strict=True))


THEME = Theme(
    name="vsrpp",
    primary="#7aa7d6",
    secondary="#8a93a3",
    accent="#79b8c2",
    success="#8fc48a",
    warning="#dcb067",
    error="#e07a76",
    background="#12151a",
    surface="#171b21",
    panel="#20262e",
    foreground="#d6dbe3",
    dark=True,
    variables={
        "chart-faint": "#596778",
        "chart-lr": "#8a93a3",
        "chart-l1": "#7aa7d6",
        "chart-ms": "#a593d6",
        "chart-grad": "#cf93b5",
        "footer-background": "#12151a",
        "footer-key-foreground": "#7aa7d6",
        "footer-description-foreground": "#8a93a3",
        "border": "#39424e",
        "border-blurred": "#2b323c",
        **_runs("#7aa7d6 #e6b36a #8fc48a #d98a84 #c5a5e0 #3fd0bd"),
    },
)
"""KI and success green, LR grey, ground truth cyan, warnings amber, faults red."""

LIGHT = Theme(
    name="vsrpp-light",
    primary="#22609f",
    secondary="#586373",
    accent="#0b6f7d",
    success="#2a6f2d",
    warning="#8a5600",
    error="#a8231c",
    background="#f7f8fa",
    surface="#ffffff",
    panel="#e8ecf1",
    foreground="#1d242d",
    dark=False,
    variables={
        "chart-faint": "#8290a3",
        "chart-lr": "#586373",
        "chart-l1": "#22609f",
        "chart-ms": "#6a4fb0",
        "chart-grad": "#9c3f74",
        "footer-background": "#f7f8fa",
        "footer-key-foreground": "#22609f",
        "footer-description-foreground": "#586373",
        "border": "#a9b3c0",
        "border-blurred": "#cdd4dd",
        **_runs("#22609f #914c14 #6d3e8b #982640 #545519 #1e5b5a"),
    },
)
"""The same meanings on white."""

CONTRAST = Theme(
    name="vsrpp-contrast",
    primary="#8cc2ff",
    secondary="#c3c9d2",
    accent="#ffffff",
    success="#4fa8ff",
    warning="#ffb84d",
    error="#ff7f11",
    background="#000000",
    surface="#0b0d10",
    panel="#1a1f26",
    foreground="#ffffff",
    dark=True,
    variables={
        "chart-faint": "#626d7a",
        "chart-lr": "#c3c9d2",
        "chart-l1": "#8cc2ff",
        "chart-ms": "#fff38a",
        "chart-grad": "#ff8c2a",
        "footer-background": "#000000",
        "footer-key-foreground": "#ffb84d",
        "footer-description-foreground": "#e4e8ee",
        "border": "#8a939f",
        "border-blurred": "#6b747f",
        **_runs("#8cc2ff #c48311 #e8e965 #b6eee2 #a787a2 #8ea484"),
    },
)
"""Blue and orange on black, told apart by every kind of colour vision; warnings and faults also by their signs."""

OKABE_ITO = Theme(
    name="vsrpp-cvd",
    primary="#b4d4f0",
    secondary="#98a1ae",
    accent="#f0e442",
    success="#56b4e9",
    warning="#e69f00",
    error="#e8702a",
    background="#12151a",
    surface="#171b21",
    panel="#20262e",
    foreground="#e2e6ec",
    dark=True,
    variables={
        "chart-faint": "#596778",
        "chart-lr": "#98a1ae",
        "chart-l1": "#56b4e9",
        "chart-ms": "#f0e442",
        "chart-grad": "#e8702a",
        "footer-background": "#12151a",
        "footer-key-foreground": "#b4d4f0",
        "footer-description-foreground": "#98a1ae",
        "border": "#39424e",
        "border-blurred": "#2b323c",
        **_runs("#b4d4f0 #e8e965 #8e81f4 #929704 #c7ebcf #919191"),
    },
)
"""The dark theme in hues of Okabe and Ito (Color Universal Design, 2008): KI and success sky blue, warnings orange,
faults vermilion (lighter than theirs, to be read on dark), ground truth yellow. Nothing rests on red and green."""

THEMES = {theme.name: theme for theme in (THEME, LIGHT, CONTRAST, OKABE_ITO)}
TITLES = {
    THEME.name: "dark",
    LIGHT.name: "light",
    CONTRAST.name: "high contrast, blue and orange",
    OKABE_ITO.name: "dark, for every colour vision",
}
