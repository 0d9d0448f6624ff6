from vsrpp_tui.widgets.plot import LEFT, Curve, Frame, Row, plot

RISING = Curve([(float(i), float(i)) for i in range(100)], "primary", "up")
FLAT = Curve([(0.0, 50.0), (99.0, 50.0)], "success", "flat")


def text(rows: list[Row]) -> list[str]:
    return ["".join(run.text for run in row) for row in rows]


def colours(rows: list[Row]) -> set[str]:
    return {run.colour for row in rows for run in row if run.text.strip()}


def test_a_plot_fills_its_place_and_no_more() -> None:
    for width, height in ((30, 6), (80, 20), (200, 50)):
        rows = text(plot([RISING, FLAT], Frame(), width, height))
        assert len(rows) == height and max(map(len, rows)) <= width
        assert rows[-1].split() == ["0", "50", "99"] or rows[-1].split() == ["0", "99"]


def test_a_rising_curve_rises() -> None:
    rows = text(plot([RISING], Frame(), 40, 11))
    drawn = [next(i for i, row in enumerate(rows[:-1]) if row[x] not in " │┤") for x in range(LEFT, 36)]
    assert drawn == sorted(drawn, reverse=True) and drawn[0] > drawn[-1]


def test_each_curve_has_its_word_at_its_end_and_none_hides_another() -> None:
    rows = text(plot([RISING, FLAT, Curve(FLAT.points, "warning", "same")], Frame(), 60, 12))
    ends = [row.split()[-1] for row in rows[:-1] if row.rstrip()[-1].isalpha()]
    assert sorted(ends) == ["flat", "same", "up"] and ends[0] == "up"


def test_a_logarithmic_axis_has_round_figures_and_leaves_out_what_it_cannot_show() -> None:
    curve = Curve([(1.0, 0.0), (2.0, 0.1), (3.0, 0.01), (4.0, 0.001)], "primary")
    rows = text(plot([curve], Frame(logarithmic=True), 50, 16))
    labels = [row[: LEFT - 1].strip() for row in rows[:-1] if row[: LEFT - 1].strip()]
    assert {"0.1", "0.01", "0.001"} & set(labels) and all(float(label) > 0 for label in labels)
    assert rows[-1].split()[0] == "2"


def test_labels_of_the_axis_tell_its_figures_apart() -> None:
    for low, high in ((25.1, 25.4), (0.0, 1.0), (1e-6, 2e-4), (28.0, 28.0), (-0.5, 0.5)):
        rows = text(plot([Curve([(0.0, low), (9.0, high)], "primary")], Frame(), 50, 16))
        labels = [row[: LEFT - 1].strip() for row in rows[:-1] if row[: LEFT - 1].strip()]
        assert len(labels) >= 2 and len(set(labels)) == len(labels), (low, high, labels)


def test_a_shaded_stretch_is_named_where_there_is_room() -> None:
    flat = Curve([(0.0, 0.2), (100.0, 0.2)], "primary")
    rows = plot([flat], Frame(low=0, high=1, shaded=((20, 80),), shade_word="aggressive"), 60, 10)
    assert "aggressive" in text(rows)[0] and any(run.shaded for run in rows[5])
    narrow = plot([flat], Frame(low=0, high=1, shaded=((20, 25),), shade_word="aggressive"), 60, 10)
    assert "aggressive" not in "".join(text(narrow)) and any(run.shaded for run in narrow[5])


def test_where_training_is_has_a_mark() -> None:
    rows = text(plot([RISING], Frame(mark=(99.0, 99.0)), 40, 10))
    assert sum(row.count("●") for row in rows) == 1


def test_there_is_no_plot_without_points_or_room() -> None:
    assert plot([], Frame(), 40, 10) == [] == plot([Curve([(1.0, 1.0)], "primary")], Frame(), 40, 10)
    assert plot([RISING], Frame(), 12, 10) == [] == plot([RISING], Frame(), 40, 2)


def test_what_is_drawn_last_has_the_colour() -> None:
    assert "warning" in colours(plot([FLAT, Curve(FLAT.points, "warning")], Frame(), 40, 10))
    assert colours(plot([Curve(FLAT.points, "warning"), FLAT], Frame(), 40, 10)).isdisjoint({"warning"})
