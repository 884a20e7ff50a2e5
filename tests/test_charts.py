"""The charts say what they were given, in shapes as in colours, and nothing in them becomes markup."""

import re
from collections.abc import Sequence
from xml.etree import ElementTree

import pytest

from rag.charts import Move, Panel, Row, css, curve, flow, interval, links, waterfall
from rag.records import StageTime

HOSTILE = "<script>alert(1)</script> & \"quoted\" 'too' </style>"
STAGES = (StageTime("embed", 0.02, 1, 12), StageTime("score", 0.06, 30, 5412, 12, cold=True))


def moves(order: Sequence[int], grades: dict[int, int] | None = None) -> list[Move]:
    """Candidates by their retrieved ranks, in reranked order."""
    graded = grades or {}
    return [Move(str(r), f"{r}.txt", r, now, graded.get(r)) for now, r in enumerate(order, start=1)]


def parsed(svg: str) -> ElementTree.Element:
    return ElementTree.fromstring(f"<body>{svg}</body>")


def lines(svg: str) -> list[ElementTree.Element]:
    return [group for group in parsed(svg).iter("g") if group.get("data-c")]


def y_of(line: ElementTree.Element) -> tuple[float, float]:
    stroke = next(each for each in line if each.get("class") == "rl-stroke")
    return float(stroke.attrib["y1"]), float(stroke.attrib["y2"])


def test_each_line_goes_from_its_retrieved_to_its_reranked_rank() -> None:
    drawn = [y_of(line) for line in lines(flow(moves((3, 1, 2)), top_k=2))]
    heights = sorted(left for left, _ in drawn)
    assert [(heights.index(left) + 1, heights.index(right) + 1) for left, right in drawn] == [
        (1, 2),
        (2, 3),
        (3, 1),
    ]


@pytest.mark.parametrize(
    ("retrieved", "reranked", "grade", "kind"),
    [
        (5, 2, 3, "rl-good rl-goes-up"),
        (2, 5, 1, "rl-good rl-goes-down"),
        (5, 2, 0, "rl-bad rl-goes-up"),
        (2, 5, 0, "rl-bad rl-goes-down"),
        (5, 2, None, "rl-plain rl-goes-up"),
        (4, 4, None, "rl-plain rl-goes-same"),
    ],
)
def test_a_line_is_of_the_kind_that_judgment_and_movement_make_it(
    retrieved: int, reranked: int, grade: int | None, kind: str
) -> None:
    (line,) = lines(flow([Move("1", "a.txt", retrieved, reranked, grade)], top_k=3))
    assert line.get("class") == f"rl-way {kind}"
    said = str(line.get("aria-label"))
    assert said == line.findtext("title")
    assert ("not judged" if grade is None else f"grade {grade}") in said


def test_no_two_kinds_look_alike_without_their_colours() -> None:
    ways = [flow([Move("1", "", 2, now)], top_k=3) for now in (1, 2, 3)]
    assert len({match[1] for way in ways if (match := re.search(r'<path d="([^"]*)"', way))}) == 3
    # A judged line is wider than one that is not, and one to what is bad is dashed, its marker hollow.
    assert ".rl-good, .rl-bad { --rl-width: 3; }" in css()
    assert ".rl-bad .rl-stroke { stroke-dasharray" in css()
    assert ".rl-bad .rl-end { fill: var(--rl-ground)" in css()


def test_candidates_below_the_top_are_in_the_chart_and_the_top_is_set_off() -> None:
    html = flow(moves(range(100, 0, -1)), top_k=10)
    assert len(lines(html)) == 100
    assert ">top 10<" in html
    assert "rl-top" not in flow(moves((2, 1)), top_k=10)


def test_a_hundred_candidates_fit_a_screen_and_a_few_stand_apart() -> None:
    def height(n: int) -> float:
        return float(next(parsed(flow(moves(range(1, n + 1)), top_k=10)).iter("svg")).attrib["height"])

    assert height(100) < 800
    assert height(10) > 180


def test_what_is_not_shown_is_faint_and_cannot_be_reached() -> None:
    html = flow(moves((3, 1, 2)), top_k=2, shown={"2"}, roving=True)
    assert [line.get("data-c") for line in lines(html)] == ["2"]
    assert lines(html)[0].get("tabindex") == "0"
    assert html.count("rl-faint") == 2


def test_with_a_roving_focus_one_line_is_a_stop_of_the_keyboard() -> None:
    assert [line.get("tabindex") for line in lines(flow(moves((2, 1, 3)), top_k=3, roving=True))] == [
        "0",
        "-1",
        "-1",
    ]
    assert {line.get("tabindex") for line in lines(flow(moves((2, 1, 3)), top_k=3))} == {"0"}


def test_the_legend_counts_the_kinds_that_occur() -> None:
    legend = flow(moves((2, 1, 3), {2: 3}), top_k=3).partition("rl-legend")[2]
    assert re.findall(r"</svg>([^<]*)<b>(\d+)</b>", legend) == [
        ("good, up ", "1"),
        ("down ", "1"),
        ("stays ", "1"),
    ]


def test_links_name_any_key_without_leaving_the_style_sheet() -> None:
    lights_up = '.rl-linked:has([data-c="7"]:is(:hover,:focus-within)) [data-c="7"]{--rl-on:1}'
    assert links(["7"]) == f"<style>{lights_up}</style>"
    assert links([HOSTILE]).count("</style>") == 1
    assert '"quoted' not in links([HOSTILE])


def test_no_chart_lets_a_text_become_markup() -> None:
    charts = (
        flow([Move(HOSTILE, HOSTILE, 1, 2)], top_k=1),
        waterfall([StageTime(HOSTILE, 0.1)], 0.1),
        curve([Panel(HOSTILE, [(1, 1.0), (2, 2.0)], lambda _: HOSTILE)], knee=1, knee_label=HOSTILE),
        interval([Row(HOSTILE, 0, 1, 2, HOSTILE)], label=HOSTILE),
    )
    for chart in charts:
        assert chart
        assert parsed(chart) is not None
        assert "<script" not in chart


def test_every_chart_says_what_it_shows_and_asks_for_nothing() -> None:
    charts = (
        flow(moves((2, 1)), top_k=1),
        waterfall(STAGES, 0.1),
        curve([Panel("ms", [(1, 1.0), (2, 2.0)], str)]),
        interval([Row("nDCG@10", 0, 1, 2, "1")], label="Differences"),
    )
    for chart in charts:
        assert next(parsed(chart).iter("svg")).get("aria-label")
        assert not re.search(r"https?:|href|url\(|src=", chart)
    assert not re.search(r"https?:|url\(|@import", css())


def test_a_stage_begins_where_the_one_before_ended() -> None:
    bars = [bar for bar in parsed(waterfall(STAGES, 0.1)).iter("rect") if "rl-bar-" in str(bar.get("class"))]
    assert [(bar.get("x"), bar.get("width")) for bar in bars] == [("0%", "20%"), ("20%", "60%")]


def test_the_waterfall_marks_what_was_cold_and_what_was_cached() -> None:
    words = " ".join(parsed(waterfall(STAGES, 0.1)).itertext())
    assert "30 items · 5,412 tokens · cold · 12 cached" in words
    assert "total 100 ms" in words
    assert waterfall(STAGES, 0.1).count("rl-hatch") == 1


def test_a_question_that_took_no_time_can_be_drawn() -> None:
    assert "0.00 ms" in waterfall([StageTime("embed", 0.0)], 0.0)


def test_a_curve_bridges_no_gap_and_marks_its_knee_in_each_panel() -> None:
    gap = Panel("ms", [(1, 1.0), (2, 2.0), (3, None), (4, 4.0), (5, 5.0)], "{:.0f} ms".format)
    steady = Panel("nDCG@10", [(1, 0.5), (5, 0.5)], "{:.3f}".format, top=1.0)
    html = curve([gap, steady], knee=2, knee_label="knee")
    strokes = [line.attrib["points"] for line in parsed(html).iter("polyline")]
    assert strokes == ["0.00,80.00 25.00,60.00", "75.00,20.00 100.00,0.00", "0.00,50.00 100.00,50.00"]
    assert html.count("rl-knee-dot") == 2
    assert "knee at 2" in html


def test_a_curve_without_values_is_nothing() -> None:
    assert curve([Panel("ms", [(1, None), (2, None)], str)]) == ""
    assert interval([], label="Differences") == ""


@pytest.mark.parametrize(
    ("low", "high", "kind"), [(0.1, 0.3, "gain"), (-0.3, -0.1, "loss"), (-0.1, 0.2, "open"), (0, 0.2, "open")]
)
def test_a_difference_is_a_gain_or_a_loss_only_where_its_whole_interval_is(
    low: float, high: float, kind: str
) -> None:
    assert f"rl-is-{kind}" in interval([Row("nDCG@10", low, (low + high) / 2, high, "")], label="")
    assert "rl-is-plain" in interval([Row("ms", low, low, high, "")], label="", is_difference=False)


def colours(name: str) -> list[str]:
    """The colour `name` on paper and at night."""
    found = re.search(rf"--rl-{name}: light-dark\((#\w+), (#\w+)\);", css())
    assert found, name
    return list(found.groups())


def contrast(one: str, other: str) -> float:
    def light(colour: str) -> float:
        channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    brighter, darker = sorted((light(one), light(other)), reverse=True)
    return (brighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize(
    "name", ["ink", "quiet", "up", "down", "same", "new", "good", "lost", "bad-up", "bad-down"]
)
def test_colours_that_texts_have_are_legible_on_both_grounds(name: str) -> None:
    for ground in ("ground", "soft"):
        for colour, under in zip(colours(name), colours(ground), strict=True):
            assert contrast(colour, under) >= 4.5, (name, ground)


@pytest.mark.parametrize(
    "stage", ["queue", "load", "embed", "search", "tokenize", "score", "sort", "network"]
)
def test_bars_stand_out_from_their_ground(stage: str) -> None:
    for colour, under in zip(colours(stage), colours("soft"), strict=True):
        assert contrast(colour, under) >= 3
