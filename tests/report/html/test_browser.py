"""Reports in a real browser, opened from a file with networking off; skipped where there is no Chromium."""

import base64
import shutil
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from ablate.report import composed, tables, write
from ablate.report.document import Code, Column, Heading, Notice, Table
from ablate.report.html import render
from ablate.report.index import Entry, index

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")
AXE = find_spec("axe_playwright_python")
SELENIUM = find_spec("selenium")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (CHROMIUM and DRIVER and AXE and SELENIUM), reason="no Chromium with its driver"),
]

HOSTILE = "<script>document.title='taken'</script> \"quoted\" 'so' & 日本語 עברית " + "x" * 200
CROSSED = {"model.downsample": ["strided", "spd"], "model.width": ["0.25", "0.5"]}
THEMES = ("light", "dark")
PHONE, DESK = 380, 1280


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """One headless Chromium for all tests, without a network."""
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = str(CHROMIUM)
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(str(DRIVER)))
    driver.execute_cdp_cmd("Network.enable", {})
    offline = {"offline": True, "latency": 0, "downloadThroughput": 0, "uploadThroughput": 0}
    driver.execute_cdp_cmd("Network.emulateNetworkConditions", offline)
    yield driver
    driver.quit()


def opened(browser: Any, path: Path, width: int = DESK, theme: str = "light") -> Any:
    size = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 500}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    features = {"prefers-color-scheme": theme, "prefers-reduced-motion": "reduce"}
    media = {"features": [{"name": name, "value": value} for name, value in features.items()]}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
    browser.get_log("browser")
    browser.get_log("performance")
    browser.get(path.as_uri())
    return browser


@pytest.fixture
def study(toy: Any, claim: Any, tmp_path: Path, key_of: Any) -> Path:
    """The report of the toy study, with everything that weakens it and a notice."""
    results = toy(folder=tmp_path, claims=[claim()], margin={"accuracy": 0.005})
    object.__setattr__(results, "trials", results.trials[results.trials["key"] != key_of("spd", 2)])
    write(results)
    return tmp_path / "report.html"


@pytest.fixture
def crossed(toy: Any, interaction: Any, tmp_path: Path) -> Path:
    write(toy(folder=tmp_path, factors=CROSSED, claims=[interaction()]))
    return tmp_path / "report.html"


@pytest.fixture
def hostile(toy: Any, claim: Any, tmp_path: Path) -> Path:
    levels = {HOSTILE: {"model.bias": False}, "other": {"model.bias": True}}
    said = claim(statement=HOSTILE, source=HOSTILE, better={"bias": HOSTILE}, than={"bias": "other"})
    write(toy(folder=tmp_path, question=HOSTILE, factors={"bias": levels}, claims=[said]))
    return tmp_path / "report.html"


@pytest.fixture
def listing(tmp_path: Path) -> Path:
    from pathlib import PurePosixPath

    entries = [
        Entry(PurePosixPath("reference") / name, kind, "Does it help?", "It is better. " * 8, 5)
        for name, kind in (("a_study_with_a_long_name", "trained"), ("second", "trained"), ("paper_vs_mini", "counted"))
    ]
    path = tmp_path / "index.html"
    path.write_text(render(index(entries, "html")))
    return path


@pytest.fixture(params=["study", "crossed", "hostile", "listing"])
def page(request: pytest.FixtureRequest) -> Path:
    """Each of the pages above."""
    path: Path = request.getfixturevalue(request.param)
    return path


def test_it_opens_without_an_error_and_asks_nobody(browser: Any, page: Path) -> None:
    opened(browser, page)
    assert browser.get_log("browser") == []
    messages = [entry["message"] for entry in browser.get_log("performance")]
    asked = [message for message in messages if "Network.requestWillBeSent" in message]
    assert [message for message in asked if page.as_uri() not in message] == []
    assert len(asked) == 1
    loaded = browser.execute_script("return performance.getEntriesByType('resource').map(each => each.name)")
    assert loaded == []


@pytest.mark.parametrize("width", [PHONE, DESK])
def test_the_page_never_scrolls_sideways(browser: Any, page: Path, width: int) -> None:
    opened(browser, page, width)
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    assert browser.execute_script("return document.body.scrollWidth") <= width


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("width", [PHONE, DESK])
def test_axe_finds_nothing_serious(browser: Any, page: Path, theme: str, width: int) -> None:
    """WCAG 2.2 A and AA and axe's best practices; nothing that axe calls serious or critical."""
    opened(browser, page, width, theme)
    grave = [each for each in violations(browser) if each["impact"] in ("serious", "critical")]
    assert [(each["id"], each["nodes"][0]["html"], each["nodes"][0]["failureSummary"]) for each in grave] == []


def violations(browser: Any) -> list[dict[str, Any]]:
    """What axe-core has to say against the open page."""
    assert AXE is not None
    assert AXE.origin is not None
    browser.execute_script((Path(AXE.origin).parent / "axe.min.js").read_text())
    found = browser.execute_async_script("axe.run(document).then(arguments[arguments.length - 1])")
    assert found["passes"]
    listed: list[dict[str, Any]] = found["violations"]
    return listed


def test_axe_sees_what_is_wrong(browser: Any, tmp_path: Path) -> None:
    bad = '<p style="color:#999;background:#aaa">hardly to be seen</p><img src="">'
    (tmp_path / "bad.html").write_text(f"<html><body>{bad}</body></html>")
    found = violations(opened(browser, tmp_path / "bad.html"))
    assert {"color-contrast", "image-alt"} <= {each["id"] for each in found}


def column(browser: Any, header: str) -> list[str]:
    """The cells of the table of results under `header`, from top to bottom."""
    script = """
        const table = document.querySelector("table.findings");
        const headers = [...table.tHead.rows[0].cells];
        const at = headers.findIndex(cell => cell.textContent.trim() === arguments[0]);
        return [...table.tBodies[0].rows].map(row => row.cells[at].textContent.trim());
    """
    found: list[str] = browser.execute_script(script, header)
    return found


def button(browser: Any, header: str) -> Any:
    buttons = browser.find_elements("css selector", "table.findings th button")
    return next(each for each in buttons if each.text.strip() == header)


def order_of(browser: Any, header: str) -> str | None:
    found: str | None = button(browser, header).find_element("xpath", "..").get_attribute("aria-sort")
    return found


def test_a_click_sorts_by_the_numbers_and_back(browser: Any, study: Path) -> None:
    opened(browser, study)
    first = column(browser, "variant")
    assert first == ["strided (baseline)", "spd", "maxpool"]
    button(browser, "parameters").click()
    assert order_of(browser, "parameters") == "ascending"
    assert column(browser, "parameters") == ["1,000", "1,000", "4,000 (4.00x)"]
    button(browser, "parameters").click()
    assert order_of(browser, "parameters") == "descending"
    assert column(browser, "variant") == ["spd", "strided (baseline)", "maxpool"]
    assert browser.find_element("id", "said").get_attribute("textContent") == "Sorted by parameters, descending"
    button(browser, "variant").click()
    assert (order_of(browser, "parameters"), order_of(browser, "variant")) == (None, "ascending")
    assert column(browser, "variant") == sorted(first)
    button(browser, "variant").click()
    button(browser, "variant").click()
    assert column(browser, "variant") == first


def test_the_keyboard_sorts_too(browser: Any, study: Path) -> None:
    from selenium.webdriver.common.keys import Keys

    opened(browser, study)
    # By Tab alone, from the top of the page.
    for _ in range(60):
        browser.switch_to.active_element.send_keys(Keys.TAB)
        if browser.switch_to.active_element == button(browser, "parameters"):
            break
    assert browser.switch_to.active_element == button(browser, "parameters")
    browser.switch_to.active_element.send_keys(Keys.ENTER)
    assert order_of(browser, "parameters") == "ascending"
    browser.switch_to.active_element.send_keys(Keys.SPACE)
    assert order_of(browser, "parameters") == "descending"
    assert column(browser, "variant")[0] == "spd"


def test_numbers_sort_as_numbers_and_what_is_absent_comes_last(browser: Any, tmp_path: Path) -> None:
    from ablate.report.document import Cell

    values = {"9": 9.0, "10": 10.0, "1.2 M": 1.2e6, "–": float("nan"), "-3": -3.0}
    rows = tuple((str(number), Cell(text, value)) for number, (text, value) in enumerate(values.items()))
    (tmp_path / "t.html").write_text(render([Heading("T"), Table((Column("a", "left"), Column("b")), rows, "c")]))
    opened(browser, tmp_path / "t.html")
    button(browser, "b").click()
    assert column(browser, "b") == ["-3", "9", "10", "1.2 M", "–"]
    button(browser, "b").click()
    assert column(browser, "b") == ["1.2 M", "10", "9", "-3", "–"]


def test_the_first_stop_of_the_keyboard_leads_to_the_answer(browser: Any, study: Path) -> None:
    from selenium.webdriver.common.keys import Keys

    opened(browser, study)
    browser.switch_to.active_element.send_keys(Keys.TAB)
    skip = browser.switch_to.active_element
    assert skip.text == "Skip to the answer"
    assert skip.rect["x"] >= 0
    assert browser.execute_script("return getComputedStyle(arguments[0]).outlineStyle", skip) == "solid"
    skip.send_keys(Keys.ENTER)
    assert browser.switch_to.active_element.get_attribute("id") == "main"


def test_what_is_wide_scrolls_by_itself_and_can_be_reached(browser: Any, study: Path) -> None:
    opened(browser, study, PHONE)
    boxes = "[...document.querySelectorAll('.scroll, pre')]"
    wide = browser.execute_script(f"return {boxes}.filter(each => each.scrollWidth > each.clientWidth).length")
    assert wide > 3
    unreached = f"return {boxes}.filter(each => each.scrollWidth > each.clientWidth && each.tabIndex !== 0).length"
    assert browser.execute_script(unreached) == 0
    needless = f"return {boxes}.filter(each => each.scrollWidth <= each.clientWidth && each.tabIndex === 0).length"
    opened(browser, study, DESK)
    assert browser.execute_script(needless) == 0


def test_figures_take_the_colours_of_the_theme(browser: Any, study: Path) -> None:
    script = "return getComputedStyle(document.querySelector('figure svg text')).fill"
    light, dark = (opened(browser, study, DESK, theme).execute_script(script) for theme in THEMES)
    assert light == "rgb(27, 27, 31)"
    assert dark == "rgb(232, 232, 236)"


def test_names_are_shown_as_text_and_never_run(browser: Any, hostile: Path) -> None:
    opened(browser, hostile)
    assert browser.title == "toy"
    shown = browser.find_element("tag name", "main").get_attribute("textContent")
    assert shown.count(HOSTILE) >= 4
    assert len(browser.find_elements("css selector", "main script")) == 0


def test_it_prints_in_full(browser: Any, study: Path) -> None:
    """Nothing to scroll is left on paper, and nothing that leads elsewhere on the page."""
    opened(browser, study)
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    styles = "return [...document.querySelectorAll('.scroll, pre')].map(each => getComputedStyle(each).overflowX)"
    assert set(browser.execute_script(styles)) == {"visible"}
    assert not browser.find_element("tag name", "nav").is_displayed()
    printed = base64.b64decode(browser.execute_cdp_cmd("Page.printToPDF", {"preferCSSPageSize": True})["data"])
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
    assert printed.startswith(b"%PDF")


def test_without_its_script_everything_can_be_read(browser: Any, study: Path) -> None:
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        opened(browser, study)
        tables_shown = browser.find_elements("css selector", "table.findings th")
        assert tables_shown
        assert not browser.find_elements("css selector", "table button")
    finally:
        browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


def test_a_code_block_and_a_notice_stay_within_a_phone(browser: Any, tmp_path: Path) -> None:
    (tmp_path / "c.html").write_text(render([Notice("y" * 300), Heading("T"), Code("ablate run " + "z" * 300)]))
    opened(browser, tmp_path / "c.html", PHONE)
    assert browser.execute_script("return document.documentElement.scrollWidth") <= PHONE


def test_every_chart_of_the_crossed_study_is_there(browser: Any, toy: Any, crossed: Path) -> None:
    opened(browser, crossed)
    results = toy(factors=CROSSED)
    charts = [block for block in composed(results, tables(results)) if type(block).__name__.endswith("Chart")]
    shown = browser.find_elements("css selector", "figure svg")
    assert len(shown) == len(charts) == 3
    assert all(each.rect["width"] > 300 and each.rect["height"] > 100 for each in shown)
