from pathlib import Path
from xml.etree import ElementTree

import pytest
from matplotlib.axes import Axes

from analysis.drawing.panels import INK, Panel, Tips, styles
from analysis.drawing.render import panel_svg, panels_figure, panels_png
from analysis.report.figures import figures
from analysis.report.result import Result
from pipelines.compare import compare
from tests.analysis.synthetic import draw_nothing, write_experiment


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> Result:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("project"))
        draw_nothing(patch)
        return compare(write_experiment(["lstm", "bilstm"], [1, 2], documents=120))


def drawn(result: Result) -> dict[str, list[Panel]]:
    return figures(result.experiment, result.comparison, result.slices)


def draw_point(axes: Axes) -> Tips:
    axes.plot([1], [2], "o", color=INK, gid="point")
    axes.set_xlabel("a <b> & $c$")
    return {"point": "1 & 2 <i>"}


def test_a_mark_of_the_svg_tells_its_tip_and_takes_its_colour_from_the_page() -> None:
    root = ElementTree.fromstring(panel_svg(Panel("a panel", 200, draw_point)))

    tips = [element for element in root.iter() if element.get("class") == "tip"]
    assert [tip[0].text for tip in tips] == ["1 & 2 <i>"]
    assert "var(--ink)" in ElementTree.tostring(tips[0], encoding="unicode")
    assert root.get("aria-label") == "a panel"


def test_text_with_special_characters_is_shown_as_it_is() -> None:
    root = ElementTree.fromstring(panel_svg(Panel("a panel", 200, draw_point)))

    assert "a <b> & $c$" in [element.text for element in root.iter()]


def test_ids_of_different_panels_do_not_clash() -> None:
    def ids(title: str) -> set[str | None]:
        root = ElementTree.fromstring(panel_svg(Panel(title, 200, draw_point)))
        return {element.get("id") for element in root.iter()} - {None}

    assert ids("one")
    assert not ids("one") & ids("two")


def test_every_figure_has_marks_with_tips(result: Result) -> None:
    for panels in drawn(result).values():
        for panel in panels:
            assert panel_svg(panel).count('class="tip"') >= 1, panel.title


def test_pictures_are_the_same_bytes_every_time(result: Result) -> None:
    panels = drawn(result)["scores"]

    assert panels_png(panels, ["lstm", "bilstm"]) == panels_png(drawn(result)["scores"], ["lstm", "bilstm"])
    assert [panel_svg(panel) for panel in panels] == [panel_svg(panel) for panel in drawn(result)["scores"]]


def test_the_legend_names_what_is_drawn(result: Result) -> None:
    panels = drawn(result)
    difference = panels["scores"][1]
    for shown, names in [(panels["scores"], ["lstm", "bilstm"]), ([difference], ["bilstm"]), (panels["confusion"], [])]:
        legends = panels_figure(shown, ["lstm", "bilstm"]).legends
        assert [text.get_text() for legend in legends for text in legend.get_texts()] == names


def test_a_png_bears_no_version_or_time(result: Result, tmp_path: Path) -> None:
    png = panels_png(drawn(result)["scores"], ["lstm", "bilstm"])

    assert png.startswith(b"\x89PNG")
    assert b"tEXt" not in png
    assert b"tIME" not in png


def test_variants_differ_in_colour_marker_and_dash() -> None:
    looks = list(styles(["a", "b", "c", "d"]).values())

    for property_ in ("color", "marker", "linestyle"):
        assert len({str(getattr(look, property_)) for look in looks}) == 4
