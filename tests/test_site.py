"""README and the site: what the pages say, and the built pages in a headless browser.

The second part visits docs/_build/html, where it has been built, at two widths; it needs
Selenium and Debian's chromium and chromium-driver, and is skipped without.
"""

import contextlib
import functools
import http.server
import importlib.util
import io
import re
import shutil
import threading
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag, urljoin

import pytest

ROOT = Path(__file__).parent.parent
DOCS, HTML = ROOT / "docs", ROOT / "docs" / "_build" / "html"
FIRST = ["README.md", "README.zh.md", "docs/index.md", "docs/index_zh.md"]
CHINESE = ["README.zh.md", *(f"docs/{path.name}" for path in DOCS.glob("*_zh.md"))]


def text_of(name):
    return (ROOT / name).read_text(encoding="utf-8")


def script(name):
    path = DOCS / name
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", FIRST)
def test_the_eight_lines_print_what_stands_below_them(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(
        r"```python\n(.*?)```\n\n```text\n(.*?)```", text_of(name), re.DOTALL
    )
    assert len(blocks) == 1
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(blocks[0][0], {})  # noqa: S102
    assert out.getvalue() == blocks[0][1]
    assert (tmp_path / "wine.html").exists()


def test_the_first_pages_have_the_same_code_and_readme_its_two_commands():
    code = [
        re.sub(r"#.*|print.*|save.*", "", text.split("```python")[1].split("```")[0])
        for text in map(text_of, FIRST)
    ]
    assert len(set(code)) == 1
    commands = re.findall(r"```bash\n(.*?)```", text_of("README.md"), re.DOTALL)
    assert len(commands) == 2 and commands[0] in text_of("README.zh.md")


def test_readme_has_the_figures_of_the_benchmark():
    pytest.importorskip("pydata_sphinx_theme", reason="needs the extra docs")
    for path, text in script("site_tools.py").readme():
        assert path.read_text(encoding="utf-8") == text, (
            f"{path.name} is old: python docs/site_tools.py"
        )


def test_the_animations_are_what_the_script_draws():
    flow = script("images/flow.py")
    for end, says in flow.SAYS.items():
        drawn = (DOCS / "images" / f"flow{end}.svg").read_bytes()
        assert drawn.decode() == flow.picture(says)
        assert len(drawn) < 300_000


@pytest.mark.parametrize("name", CHINESE)
def test_the_chinese_is_written_as_chinese(name):
    text = text_of(name)
    # No break and no space within a sentence, no italics, and 特征值 is an eigenvalue.
    assert not re.search(r"[\u4e00-\u9fff，。：；][ \n](?=[\u4e00-\u9fff])", text)
    assert not re.search(r"(?<!\*)\*[^*\n]*[\u4e00-\u9fff][^*\n]*\*(?!\*)", text)
    allowed = {"docs/lesson_zh.md": 4, "docs/matrices_zh.md": 2}
    assert text.count("特征值") == allowed.get(name, 0)


def test_every_file_that_readme_links_to_is_there():
    for name in ("README.md", "README.zh.md"):
        for link in re.findall(r"\]\(([^)\s]+)\)", text_of(name)):
            assert link.startswith("https://") or (ROOT / link).exists(), link


# ---- The built pages.


class Page(HTMLParser):
    """A page's links and anchors."""

    def __init__(self, path):
        super().__init__()
        self.links, self.anchors = [], set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        self.anchors.update(found[key] for key in ("id", "name") if found.get(key))
        self.links += [found[key] for key in ("href", "src") if found.get(key)]


@pytest.fixture(scope="module")
def pages():
    """Name to links and anchors."""
    if not (HTML / "index.html").exists():
        pytest.skip("the docs have not been built into docs/_build/html")
    paths = sorted(HTML.rglob("*.html"))
    # The theme leaves a template of its own there.
    found = {
        str(p.relative_to(HTML)): Page(p) for p in paths if "webpack" not in p.name
    }
    assert len(found) > 50
    return found


@pytest.fixture(scope="module")
def site(pages):
    """The pages' address, on this machine."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *arguments):
            pass

    handler = functools.partial(Quiet, directory=str(HTML))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.fixture(scope="module")
def driver():
    selenium = pytest.importorskip("selenium", reason="needs the extra browser")
    from selenium import webdriver

    chromium, chromedriver = map(shutil.which, ("chromium", "chromedriver"))
    if chromium is None or chromedriver is None:
        pytest.skip("needs Debian's chromium and chromium-driver")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for argument in ("headless=new", "no-sandbox", "disable-gpu", "hide-scrollbars"):
        options.add_argument(f"--{argument}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    service = selenium.webdriver.ChromeService(chromedriver)
    driver = webdriver.Chrome(options=options, service=service)
    yield driver
    driver.quit()


def visited(pages):
    """All but listings of source and of names."""
    return [
        name
        for name in pages
        if not re.match(r"_modules|_static|genindex|py-mod", name)
    ]


def resize(driver, width):
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)


def test_no_link_of_the_site_is_dead(pages):
    dead = []
    for name, page in pages.items():
        for link in page.links:
            target, anchor = urldefrag(urljoin(f"http://site/{name}", link))
            if not target.startswith("http://site/"):
                continue
            path = unquote(target.removeprefix("http://site/").split("?")[0])
            if not (HTML / path).exists() or (
                anchor
                and path in pages
                and not path.startswith("_static")
                and unquote(anchor) not in pages[path].anchors
            ):
                dead.append((name, link))
    assert not dead


# What is wrong with a page, as lines.
LOOK = """
const found = [], width = document.documentElement.clientWidth;
const over = document.documentElement.scrollWidth;
if (over > width) found.push(`scrolls sideways: ${over} in ${width}`);
for (const image of document.images)
  if (image.complete && !image.naturalWidth) found.push("no picture: " + image.src);
for (const image of document.querySelectorAll("article img:not([alt])"))
  found.push("no alt: " + image.src);
for (const {name} of performance.getEntriesByType("resource"))
  if (!name.startsWith(location.origin) && !/^(data|blob|about):/.test(name))
    found.push("request: " + name);
for (const node of document.querySelectorAll("article h1, article p, article li, article dt")) {
  const box = node.getBoundingClientRect();
  if (box.width && box.right > width + 1 && !node.closest("div.highlight, [class*=scroll], nav"))
    found.push("cut: " + node.textContent.slice(0, 40));
}
for (const out of document.querySelectorAll(".sphx-glr-script-out"))
  if (/Warning: /.test(out.textContent)) found.push("a warning in: " + out.textContent);
if (width >= 1280)
  for (const code of document.querySelectorAll("div.highlight-Python pre, div.highlight-python pre"))
    if (code.scrollWidth > code.clientWidth + 1) found.push("code cut: " + code.textContent.slice(0, 60));
return found;
"""


@pytest.mark.parametrize("width", [1280, 390])
def test_every_page_fits_fetches_nothing_and_has_no_error(width, pages, site, driver):
    resize(driver, width)
    driver.get_log("browser")
    wrong = {}
    for name in visited(pages):
        driver.get(site + name)
        found = driver.execute_script(LOOK)
        found += [
            entry["message"]
            for entry in driver.get_log("browser")
            if entry["level"] in ("SEVERE", "WARNING")
        ]
        language = driver.execute_script("return document.documentElement.lang")
        if language != ("zh-CN" if name.endswith("_zh.html") else "en"):
            found.append(f"lang={language}")
        if found:
            wrong[name] = found
    assert not wrong


def wait(driver, script, test):
    """Until what the script returns is as it should be."""
    from selenium.webdriver.support.ui import WebDriverWait

    WebDriverWait(driver, 20).until(lambda d: test(d.execute_script(script)))


def test_each_language_leads_to_the_other_and_chinese_is_found(site, driver):
    resize(driver, 1280)
    twins = {"lesson.html": "lesson_zh.html", "lesson_zh.html": "lesson.html"}
    for page, link in (("lesson.html", "中文"), ("lesson_zh.html", "English")):
        driver.get(site + page)
        found = driver.execute_script(
            "const a = document.querySelector('a.language'); return [a.text, a.href]"
        )
        assert found == [link, site + twins[page]]
    results = "return [...document.querySelectorAll('#search-results a')].map(a => a.href) + ''"
    for query, page in (("矩阵", "matrices_zh.html"), ("penalty", "evidence.html")):
        driver.get(f"{site}search.html?q={query}")
        wait(driver, results, lambda found, page=page: page in found)


def test_explorers_take_the_pages_theme_and_play(site, driver):
    resize(driver, 1280)
    paper = "return getComputedStyle(document.body).backgroundColor"
    for page in ("index.html", "index_zh.html"):
        driver.get(site + page)
        frame = driver.find_element("css selector", "iframe.explorer")
        assert frame.get_attribute("sandbox") == "allow-scripts"
        for theme, colour in (
            ("dark", "rgb(20, 23, 28)"),
            ("light", "rgb(255, 255, 255)"),
        ):
            driver.execute_script(
                "document.documentElement.dataset.theme = arguments[0]", theme
            )
            driver.switch_to.frame(frame)
            wait(driver, paper, colour.__eq__)
            driver.switch_to.default_content()
        driver.switch_to.frame(frame)
        at = "return +document.getElementById('slider').value"
        wait(driver, at, lambda value: value > 3)
        driver.switch_to.default_content()
