"""The explorer's page: its numbers against `sk_twolayer.network`, in a headless browser.

Needs Selenium and Debian's chromium and chromium-driver; for accessibility also
axe-core's axe.min.js, whose path is in the environment as AXE_CORE. Skipped without.
"""

import itertools
import json
import os
import re
import shutil
from html import unescape
from html.parser import HTMLParser
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning

from sk_twolayer import TwoLayerSigmoidClassifier, inspection, network
from sk_twolayer.inspection._explorer import MOST_ENTRIES

X = np.array([[0, 0, 1, 1, 0.5, 0.2], [0, 1, 0, 1, 0.9, 0.1]])
Y = np.array([[0.0, 1, 1, 0, 1, 0]])
PARAMETERS = network.Parameters(
    np.array([[1, -1.5], [2, -1], [1.5, 2]]),
    np.array([[0], [-0.5], [0.3]]),
    np.array([[1, -1.2, 0.6]]),
    np.array([[0.1]]),
)
TEACHING = inspection.from_parameters(X, Y, *PARAMETERS)
PASS = ["Z1", "A1", "Z2", "A2", "dZ2", "dW2", "db2", "dA1", "S1", "dZ1", "dW1", "db1"]


def expected(X, Y, parameters, output="sigmoid"):
    """Every matrix on the page."""
    activations = network.forward(X, *parameters, output=output)
    gradients = network.backward(X, Y, parameters.W2, activations)
    return {
        "X": X,
        "Y": Y,
        **network.Parameters(*parameters)._asdict(),
        **activations._asdict(),
        **gradients._asdict(),
        "dA1": parameters.W2.T @ gradients.dZ2,
        "S1": network.sigmoid_derivative(activations.Z1),
    }


def step(X, Y, parameters, rate, n_steps, output="sigmoid"):
    for _ in range(n_steps):
        activations = network.forward(X, *parameters, output=output)
        gradients = network.backward(X, Y, parameters.W2, activations)
        parameters = network.gradient_descent_step(parameters, gradients, rate)
    return parameters


def softmax_problem(m=6, n=9, k=6, K=3):
    rng = np.random.default_rng(0)
    parameters = [rng.normal(size=s) for s in ((k, m), (k, 1), (K, k), (K, 1))]
    Y = np.eye(K)[rng.integers(0, K, n)].T
    return rng.normal(size=(m, n)), Y, network.Parameters(*parameters)


class Browser:
    """A page in Chromium, its numbers and what a reader does with them."""

    def __init__(self, driver, folder):
        self.driver, self.folder, self.count = driver, folder, 0

    def size(self, width, height, scheme="light"):
        self.driver.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False},
        )
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.driver.execute_cdp_cmd(
            "Emulation.setEmulatedMedia", {"features": features}
        )

    def open(self, trace, moment="", language="en"):
        self.count += 1
        path = self.folder / f"{self.count}.html"
        if isinstance(trace, str):
            path.write_text(trace, encoding="utf-8")
        else:
            trace.save(path, language=language)
        self.driver.get(f"{path.as_uri()}{moment}")

    def run(self, script, *arguments):
        return self.driver.execute_script(script, *arguments)

    def click(self, name):
        self.run("document.getElementById(arguments[0]).click()", name)

    def focus(self, name, i, j):
        self.run(
            "document.querySelectorAll(`#m-${arguments[0]} tr`)[arguments[1]]"
            ".cells[arguments[2]].focus()",
            *(name, i, j),
        )

    def set(self, name, value):
        self.run(
            "const e = document.getElementById(arguments[0]); e.value = arguments[1];"
            "for (const kind of ['input', 'change'])"
            " e.dispatchEvent(new Event(kind, {bubbles: true}))",
            *(name, str(value)),
        )

    def press(self, *keys):
        from selenium.webdriver import ActionChains

        for key in keys:
            ActionChains(self.driver).send_keys(key).perform()

    def text(self, name):
        return self.run(
            "return document.getElementById(arguments[0]).textContent", name
        )

    def values(self):
        """Name to what each cell holds, and what it shows."""
        return self.run(
            "return Object.fromEntries([...document.querySelectorAll('.matrix')].map("
            "m => [m.id.slice(2), [...m.querySelectorAll('tr')].map(row =>"
            " [...row.cells].map(c => [c.dataset.v ?? null, c.textContent]))]))"
        )

    def check(self, wanted, cost=None):
        """All of the page's numbers are those wanted, to 1e-9, and as shown."""
        found = self.values()
        for name, value in wanted.items():
            cells = np.array(found[name], dtype=object)
            assert cells.shape == (*value.shape, 2), name
            held = cells[..., 0].astype(float)
            np.testing.assert_allclose(held, value, rtol=1e-9, atol=1e-9, err_msg=name)
            for shown, v in zip(cells[..., 1].ravel(), held.ravel(), strict=True):
                number = shown.replace("−", "-")
                # Half a unit of the last digit that is shown.
                digits, _, power = number.partition("e")
                unit = 10.0 ** (int(power or 0) - len(digits.partition(".")[2]))
                assert abs(float(number) - v) <= 0.5001 * unit, (name, shown, v)
        if cost is not None:
            held = self.run("return document.querySelector('#cost b').dataset.v")
            assert abs(float(held) - cost) <= 1e-9
        return found

    def quiet(self):
        """Nothing was fetched and nothing complained."""
        assert self.driver.get_log("browser") == []
        assert self.run("return performance.getEntriesByType('resource').length") == 0


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    webdriver = pytest.importorskip("selenium.webdriver", reason="needs selenium")
    chromium, chromedriver = shutil.which("chromium"), shutil.which("chromedriver")
    if not (chromium and chromedriver):
        pytest.skip("needs Debian's chromium and chromium-driver")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for flag in (
        *("headless", "no-sandbox", "disable-gpu", "disable-quic", "no-first-run"),
        *("disable-background-networking", "disable-component-update"),
        *("disable-sync", f"user-data-dir={tmp_path_factory.mktemp('profile')}"),
    ):
        options.add_argument(f"--{flag}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options, webdriver.ChromeService(chromedriver))
    driver.set_script_timeout(60)
    page = Browser(driver, tmp_path_factory.mktemp("pages"))
    page.size(1280, 800)
    yield page
    driver.quit()


@pytest.fixture
def page(browser):
    browser.size(1280, 800)
    yield browser
    browser.quiet()


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_number_is_the_librarys(page, language, width):
    page.size(width, 800)
    page.open(TEACHING, language=language)
    page.check(expected(X, Y, PARAMETERS), TEACHING.cost)
    assert page.run("return document.documentElement.lang") == (
        "zh-CN" if language == "zh" else "en"
    )
    page.click("one")
    page.check(expected(X, Y, step(X, Y, PARAMETERS, 1.0, 1)))
    page.click("language")
    assert page.run("return document.documentElement.lang") == (
        "en" if language == "zh" else "zh-CN"
    )
    page.check(expected(X, Y, step(X, Y, PARAMETERS, 1.0, 1)))


@pytest.mark.parametrize("output", ["sigmoid", "softmax"])
def test_several_outputs(page, output):
    X, Y, parameters = softmax_problem()
    trace = inspection.from_parameters(X, Y, *parameters, output=output)
    page.open(trace)
    page.check(expected(X, Y, parameters, output), trace.cost)
    page.click("one")
    page.check(expected(X, Y, step(X, Y, parameters, 1.0, 1, output), output))


@pytest.mark.parametrize("kind", ["teaching", "softmax"])
def test_each_entrys_sum_as_numpy_is_the_entry(page, kind):
    trace, output = TEACHING, "sigmoid"
    if kind == "softmax":
        X, Y, parameters = softmax_problem(3, 4, 2)
        output = "softmax"
        trace = inspection.from_parameters(X, Y, *parameters, output=output)
    page.open(trace)
    # Chosen one after another as a reader would; numbers stay as they are.
    codes = page.run(
        "return [...document.querySelectorAll('.matrix td')].map(td => { td.focus();"
        " return [document.getElementById('copy')?.dataset.code ?? null, td.dataset.v,"
        " document.querySelectorAll('#frames .here').length,"
        " document.querySelectorAll('#frames .frame, #frames .reach').length] })"
    )
    computed = 0
    for code, value, here, frames in codes:
        assert here == 1
        if code is not None:
            computed += 1
            assert abs(eval(code, {"np": np}) - float(value)) <= 1e-9, code
            assert frames > 0
    made = [m for m in trace if m.name not in ("X", "Y", "W1", "b1", "W2", "b2")]
    wanted = sum(m.values.size for m in made) + 2 * trace["Z1"].values.size
    assert computed == wanted
    if kind == "teaching":
        page.check(expected(*problem()))


def problem():
    return X, Y, PARAMETERS


def test_the_sum_is_written_out_with_its_names(page):
    trace = inspection.from_parameters(
        X, Y, *PARAMETERS, feature_names=["hours studied", "hours slept"]
    )
    page.open(trace)
    page.focus("Z1", 1, 3)
    text = page.text("read")
    assert "Z1[2, 4] = row 2 of W1 · column 4 of X + b1[2, 1]" in text
    assert "= 2×1 + (−1)×1 + (−0.5) = 0.5" in text
    assert "Neuron 2 on sample 4" in text and "(k, m)(m, n) → (k, n)" in text
    page.focus("W1", 2, 1)
    text = page.text("read")
    assert "feature 2, “hours slept” in neuron 3" in text
    assert "It reaches row 3 of Z1" in text and "− η dW1[3, 2]" in text
    page.click("language")
    assert "第 3 个神经元" in page.text("read") and "hours slept" in page.text("read")
    # A header lights its column everywhere: ten matrices and a band in each strip.
    page.run("document.querySelector('.top .head').click()")
    frames = page.run("return document.querySelectorAll('#frames .frame').length")
    assert frames == len(["X", "Z1", "A1", "Z2", "A2", "Y", "dZ2", "dA1", "S1", "dZ1"])
    assert "第 1 个样本" in page.text("read")


def test_keys_move_from_number_to_number_and_edit(page):
    from selenium.webdriver.common.keys import Keys

    page.open(TEACHING)
    page.focus("W1", 1, 0)
    page.press(Keys.ARROW_RIGHT)
    assert "W1[2, 2]" in page.text("read")
    page.press(Keys.ARROW_RIGHT)
    assert "b1[2, 1]" in page.text("read")
    page.press(Keys.ARROW_RIGHT, Keys.ARROW_UP, Keys.ARROW_UP)
    assert "X[2, 1]" in page.text("read")
    page.press(Keys.ENTER, "0.25", Keys.ENTER)
    edited = X.copy()
    edited[1, 0] = 0.25
    page.check(expected(edited, Y, PARAMETERS))
    assert page.run("return document.activeElement.tagName") == "TD"
    page.press(Keys.ESCAPE)
    assert page.run("return document.querySelectorAll('#frames div').length") == 0


def test_edits_and_twenty_steps(page):
    page.open(TEACHING)
    page.set("eta", 2.5)
    page.focus("W2", 0, 1)
    page.set("value", -0.75)
    page.focus("Y", 0, 3)
    page.set("value", 1)
    W2, edited = PARAMETERS.W2.copy(), Y.copy()
    W2[0, 1], edited[0, 3] = -0.75, 1
    parameters = PARAMETERS._replace(W2=W2)
    page.check(expected(X, edited, parameters))
    page.focus("W2", 0, 1)
    page.set("value", "")
    page.check(expected(X, edited, parameters))
    for _ in range(20):
        page.click("one")
    later = step(X, edited, parameters, 2.5, 20)
    page.check(expected(X, edited, later))
    # The address holds all of it.
    address = page.driver.current_url
    page.driver.get("about:blank")
    page.driver.get(address)
    page.check(expected(X, edited, later))
    page.click("start")
    page.check(expected(X, edited, parameters))


def test_recorded_descent(page):
    trace = inspection.descent(X, Y, PARAMETERS, 3.0, 200)
    last = step(X, Y, PARAMETERS, 3.0, 200)
    for name in last._fields:
        np.testing.assert_array_equal(trace[name].values, getattr(last, name))
    page.open(trace)
    page.check(expected(X, Y, PARAMETERS))
    page.set("slider", 200)
    page.check(expected(X, Y, last), trace.cost)
    page.set("slider", 20)
    page.check(expected(X, Y, step(X, Y, PARAMETERS, 3.0, 20)))
    # Colours are on one scale at every iteration.
    low = page.text("low")
    page.click("play")
    page.run("document.getElementById('play').click()")
    assert page.text("low") == low and int(page.text("now").split()[1]) >= 20


def test_a_long_recording_is_thinned_and_says_so(page, monkeypatch):
    monkeypatch.setattr("sk_twolayer.inspection._explorer.MOST_RECORDED", 13 * 30)
    page.open(inspection.descent(X, Y, PARAMETERS, 0.5, 100))
    page.set("slider", 99)
    assert re.search(r"100 / 100", page.text("now"))
    page.check(expected(X, Y, step(X, Y, PARAMETERS, 0.5, 100)))
    page.set("slider", 3)
    shown = int(page.text("now").split()[1])
    assert 3 < shown < 20
    page.check(expected(X, Y, step(X, Y, PARAMETERS, 0.5, shown)))


def test_iterations_of_a_fit_recorded_by_a_callback(page):
    pytest.importorskip("sklearn.callback", reason="needs scikit-learn >= 1.9")
    recorder = inspection.Recorder()
    with pytest.raises(ValueError, match="Nothing was recorded"):
        recorder.trace(None, X.T, Y[0])
    model = TwoLayerSigmoidClassifier(3, alpha=0.1, max_iter=9, tol=0, random_state=0)
    with pytest.warns(ConvergenceWarning):
        model.set_callbacks(recorder).fit(X.T, Y[0].astype(int))
    trace = recorder.trace(model, X.T, Y[0].astype(int))
    assert len(trace.frames) == model.n_iter_ + 1 == 10
    page.open(trace)
    for i in (0, 4, 9):
        page.set("slider", i)
        page.check(expected(X, Y, trace.frames[i]))
    page.check({"W1": model.W1_, "W2": model.W2_}, trace.cost)
    # These are not steps of descent, and nothing says that they were.
    page.focus("W1", 0, 0)
    assert "− η" not in page.text("read")
    assert page.run("return document.getElementById('eta')") is None
    page.set("value", 0.5)
    assert "− η" in page.text("read")


def test_step_by_step_with_questions(page):
    page.open(TEACHING)
    page.click("steps")
    page.run("const a = document.getElementById('ask'); a.click()")
    for done, name in enumerate(PASS):
        found = page.values()
        for other in PASS:
            empty = all(v is None for row in found[other] for v, _ in row)
            assert empty == (other not in PASS[:done])
        assert f"Which shape will {name.replace('dA1', 'W2ᵀ dZ2')}" in page.text(
            "read"
        ) or name in ("S1",)
        page.click("answer0")
        assert re.search(r"Yes, \(|Not \(", page.text("read"))
    page.check(expected(X, Y, PARAMETERS))
    page.click("next")
    new = step(X, Y, PARAMETERS, 1.0, 1)
    page.check(new._asdict())
    page.click("next")
    assert page.text("now").split()[1] == "1"
    page.check(new._asdict())


def test_breaking_it_shows_the_librarys_own_words(page):
    page.open(TEACHING)
    W1, b1, W2, b2 = PARAMETERS
    page.set("break", "t")
    with pytest.raises(ValueError) as error:
        network.forward(X, W1.T, b1, W2, b2)
    assert page.text("message") == f"ValueError: {error.value}"
    assert all(v is None for row in page.values()["Z1"] for v, _ in row)
    right = expected(X, Y, PARAMETERS)
    page.set("break", "k")
    gradients = {name: right[name] for name in ("dW1", "db1", "dW2", "db2")}
    dropped = gradients | {"db1": right["dZ1"].mean(axis=1)}
    with pytest.raises(ValueError) as error:
        inspection.gradient_check(PARAMETERS, X, Y, gradients=dropped)
    assert page.text("message") == f"ValueError: {error.value}"
    n = X.shape[1]
    for mistake, factor in (("n", n), ("r", -1)):
        page.set("break", mistake)
        wrong = {name: factor * value for name, value in gradients.items()}
        page.check(wrong)
        check = inspection.gradient_check(PARAMETERS, X, Y, gradients=wrong)
        message = page.text("message")
        # Which of equally wrong entries is the worst is a matter of rounding.
        shown = re.fullmatch(
            r"(\w+): the worst entry is (\w+)\[(\d), (\d)\] \((.*)\): gradient (.*), "
            r"finite difference (.*), error (.*) \(tol 1e-05\)",
            message,
        )
        verdict, name, i, j, _, gradient, difference, error = shown.groups()
        where = name, (int(i), int(j))
        assert verdict == "FAILED" and not check.passed
        assert float(error) == pytest.approx(check.worst_error, rel=1e-2)
        for value, found in (
            (gradient, check.gradients),
            (difference, check.differences),
        ):
            assert float(value) == pytest.approx(found[where[0]][where[1]], rel=1e-5)
    page.set("break", "")
    assert page.text("message") == ""
    page.check(right)


def test_sizes_follow_and_come_back(page):
    page.open(TEACHING)
    for axis, size in (("m", 5), ("n", 9), ("k", 6), ("n", 1), ("k", 1), ("m", 1)):
        page.set(f"size-{axis}", size)
        held = {
            name: np.array([[float(v) for v, _ in row] for row in rows])
            for name, rows in page.values().items()
        }
        parameters = network.Parameters(*(held[n] for n in ("W1", "b1", "W2", "b2")))
        assert held["X"].shape[axis == "n"] == size or axis == "k"
        page.check(expected(held["X"], held["Y"], parameters))
    for axis, size in (("m", 2), ("n", 6), ("k", 3)):
        page.set(f"size-{axis}", size)
    page.check(expected(X, Y, PARAMETERS))
    page.click("turn")
    found = np.array([[float(v) for v, _ in row] for row in page.values()["X"]])
    np.testing.assert_array_equal(found, X.T)


def test_moderation_is_one_more_step_and_only_of_the_fitted_weights(page):
    X, Y, parameters = softmax_problem(3, 4, 2)
    for output in ("softmax", "sigmoid"):
        trace = inspection.from_parameters(X, Y, *parameters, output=output)
        trace.moderation = np.linspace(0.3, 0.9, 12).reshape(3, 4)
        page.open(trace)
        moderated = trace["Z2"].values * trace.moderation
        P = network.softmax(moderated) if output == "softmax" else None
        P = network.sigmoid(moderated) if P is None else P
        wanted = expected(X, Y, parameters, output)
        page.check(wanted | {"G": trace.moderation, "P": P})
        page.focus("P", 1, 2)
        code = page.run("return document.getElementById('copy').dataset.code")
        assert eval(code, {"np": np}) == pytest.approx(P[1, 2], abs=1e-9)
        page.click("one")
        assert all(v is None for row in page.values()["P"] for v, _ in row)


def test_larger_data_is_shown_in_part(page):
    rng = np.random.default_rng(1)
    X, Y = rng.normal(size=(12, 40)), (rng.random((1, 40)) < 0.1).astype(float)
    parameters = [rng.normal(size=s) for s in ((8, 12), (8, 1), (1, 8), (1, 1))]
    parameters = network.Parameters(*parameters)
    page.open(inspection.from_parameters(X, Y, *parameters))
    wanted = expected(X, Y, parameters)
    numbers = {
        axis: [int(i) - 1 for i in page.run(f"return {field}.value").split()]
        for axis, field in (
            (a, f"document.getElementById('choice-{a}')") for a in "mnk"
        )
    }
    # Both classes, however rare one is.
    assert set(Y[0, numbers["n"]]) == {0, 1}
    page.check({"dW1": wanted["dW1"][np.ix_(numbers["k"], numbers["m"])]})
    page.focus("dW1", 0, 0)
    assert "(the other 31: " in page.text("read")
    page.set("choice-n", "2, 3 40")
    page.check({"X": X[np.ix_(numbers["m"], [1, 2, 39])]})
    page.set("choice-n", "41")
    assert "1 … 40" in page.text("message")
    page.click("tiny")
    found = np.array(page.values()["X"], dtype=object)
    np.testing.assert_array_equal(found[..., 0].astype(float), X)


def test_large_data_is_of_a_pass_in_python(page):
    rng = np.random.default_rng(1)
    n = MOST_ENTRIES // 40 + 1
    X, Y = rng.normal(size=(40, n)), (rng.random((1, n)) < 0.5).astype(float)
    parameters = [rng.normal(size=s) for s in ((35, 40), (35, 1), (1, 35), (1, 1))]
    trace = inspection.from_parameters(X, Y, *parameters)
    page.open(trace)
    index = {
        axis: [int(i) - 1 for i in page.run(f"return {field}.value").split()]
        for axis, field in (
            (a, f"document.getElementById('choice-{a}')") for a in "mnk"
        )
    }
    for name, rows, columns in (("X", "m", "n"), ("Z1", "k", "n"), ("dW1", "k", "m")):
        page.check({name: trace[name].values[np.ix_(index[rows], index[columns])]})
    page.focus("Z1", 0, 0)
    assert f"[{index['k'][0] + 1}, {index['n'][0] + 1}]" in page.text("read")


@pytest.mark.parametrize("language", ["en", "zh"])
def test_fits_without_scrolling_and_is_legible(page, language):
    script = """
const root = document.documentElement, luminance = text => {
  const [r, g, b] = text.match(/[\\d.e-]+/g).map(Number).map(v =>
    text.startsWith("color") ? v : v / 255).map(v =>
    v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const cells = [...document.querySelectorAll("td")].map(td => {
  const s = getComputedStyle(td), a = luminance(s.color), b = luminance(s.backgroundColor);
  const range = document.createRange();
  range.selectNodeContents(td);
  return [parseFloat(s.fontSize), (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05),
    td.getBoundingClientRect().width - range.getBoundingClientRect().width];
});
return [root.scrollWidth, root.scrollHeight, ...[0, 1, 2].map(i =>
  Math.min(...cells.map(c => c[i])))];
"""
    for scheme, (width, height) in itertools.product(
        ("light", "dark"), ((1280, 800), (390, 844))
    ):
        page.size(width, height, scheme)
        for moment in ("", "#i=150&at=dW1.1.0", "#s=6&q=1", "#b=n&at=Z1.0.0"):
            page.open(TEACHING, moment, language)
            wide, high, font, contrast, spare = page.run(script)
            assert wide <= width and font >= 10.5 and contrast >= 4.5
            assert spare >= 0, "a number is wider than its cell"
            if width == 1280:
                assert high <= 800
    page.size(390, 844)
    X, Y, parameters = softmax_problem()
    page.open(inspection.from_parameters(X, Y, *parameters), language=language)
    assert page.run("return document.documentElement.scrollWidth") <= 390


@pytest.mark.parametrize("width", [1280, 390])
def test_numbers_of_neurons_stand_whole_in_the_margin(page, width):
    X, Y, parameters = softmax_problem(m=3, n=5, k=40)
    many = inspection.from_parameters(X, Y, *parameters, output="softmax")
    page.size(width, 800)
    page.open(many)
    # The text's own box, of which nothing is hidden, between the page's edge and W1.
    boxes = page.run(
        "return [...document.querySelectorAll('.num .head')].map(head => {"
        " const range = new Range(); range.selectNodeContents(head);"
        " return [head.textContent, getComputedStyle(head).overflow,"
        "  range.getBoundingClientRect().left]})"
    )
    assert any(len(text) == 2 for text, _, _ in boxes)
    assert all(overflow == "visible" and left >= 0 for _, overflow, left in boxes)


def test_printed_from_a_wide_window_nothing_lies_on_anything(page):
    # Paper is another width, of which a script is not told.
    source = {"source": "window.ResizeObserver = class { observe() {} }"}
    added = page.driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", source)
    page.size(1280, 800)
    page.open(TEACHING)
    page.driver.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", added)
    page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    # A4 across, less its margins.
    metrics = {"width": 1062, "height": 733, "deviceScaleFactor": 1, "mobile": False}
    page.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    boxes = page.run(
        "return [...document.querySelectorAll('.matrix table')].map(each => {"
        " const b = each.getBoundingClientRect(); return [b.left, b.top, b.right, b.bottom]})"
    )
    page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
    assert max(box[2] for box in boxes) <= 1062 and max(box[3] for box in boxes) <= 733
    for a, b in itertools.combinations(boxes, 2):
        apart = a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1]
        assert apart, (a, b)


def test_an_address_with_y_plays(page):
    page.size(1280, 800)
    page.open(TEACHING, "#y=1")
    from selenium.webdriver.support.ui import WebDriverWait

    at = "return +document.getElementById('slider').value"
    WebDriverWait(page.driver, 20).until(lambda driver: driver.execute_script(at) > 2)


def test_axe_finds_no_violation(page):
    path = os.environ.get("AXE_CORE")
    if not path:
        pytest.skip("needs AXE_CORE, the path of axe-core's axe.min.js")
    axe = Path(path).read_text(encoding="utf-8")
    for scheme, language, moment in (
        ("light", "en", "#at=Z1.1.2"),
        ("dark", "zh", "#s=4&q=1&at=n.2"),
        ("light", "zh", "#b=n"),
    ):
        page.size(1280, 800, scheme)
        page.open(TEACHING, moment, language)
        page.run(axe)
        found = page.driver.execute_async_script(
            "const done = arguments[0]; axe.run().then(r => done(r.violations.map(v =>"
            " [v.id, v.nodes.map(n => n.target.join(' ')).slice(0, 3)])))"
        )
        assert found == []


def test_in_a_page_it_is_sandboxed_and_takes_the_pages_theme(page):
    from selenium.webdriver.support.ui import WebDriverWait

    frame = TEACHING._repr_html_()
    style = "<style>td{background:red!important;font-size:40px!important}</style>"
    page.open(
        f"<!DOCTYPE html><html data-theme=dark><body>{style}{frame}</body></html>"
    )
    driver = page.driver
    wanted = {"light": "rgb(255, 255, 255)", "dark": "rgb(20, 23, 28)"}
    for theme in ("dark", "light"):
        page.run("document.documentElement.dataset.theme = arguments[0]", theme)
        driver.switch_to.frame(0)
        # The frame is laid out, and told the theme, a moment after the page has loaded.
        WebDriverWait(driver, 20).until(
            lambda _: (
                page.run("return getComputedStyle(document.body).backgroundColor")
                == wanted[theme]  # noqa: B023
                and len(page.values()["X"][0]) == X.shape[1]
            )
        )
        font = "return getComputedStyle(document.querySelector('td')).fontSize"
        assert page.run(font) != "40px"
        page.check(expected(X, Y, PARAMETERS))
        page.click("one")
        driver.switch_to.default_content()
        driver.refresh()
    assert "allow-same-origin" not in frame


def test_a_samples_trace_opens_with_its_column_lit(page):
    X, Y, parameters = softmax_problem(3, 40, 2)
    trace = inspection.from_parameters(X, Y, *parameters, output="softmax")
    for i in (3, -1):
        fragment = trace.sample(i)._repr_html_()
        page.open(unescape(fragment.split('srcdoc="')[1].split('"')[0]))
        lit = page.run(
            "return document.querySelector('.head[aria-pressed=true]').textContent"
        )
        assert int(lit) == i % 40 + 1


def test_a_gradient_check_shows_its_verdict():
    check = inspection.gradient_check(PARAMETERS, X, Y)
    text = unescape(re.sub("<.*?>", " ", check._repr_html_()))
    assert text.split() == str(check).split() and "passed" in text


class Cells(HTMLParser):
    """Texts of the static table's cells, and every tag."""

    def __init__(self):
        super().__init__()
        self.cells, self.tags, self.inside = [], set(), False

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        self.inside = tag == "td"

    def handle_endtag(self, tag):
        self.inside = False

    def handle_data(self, data):
        if self.inside:
            self.cells.append(data)


def test_without_scripts_there_are_tables_of_numbers(tmp_path):
    path = tmp_path / "trace.html"
    TEACHING.save(str(path), language="zh")
    text = path.read_text(encoding="utf-8")
    page = Cells()
    page.feed(text.split("<script")[0])
    wanted = [f"{v:.4g}" for matrix in TEACHING for v in matrix.values.ravel()]
    assert page.cells == wanted
    assert '<html lang="zh-CN">' in text


def test_names_are_text_whatever_they_hold(page):
    hostile = ["</script><script>document.title='hacked'</script>", "<img src=x>"]
    trace = inspection.from_parameters(X, Y, *PARAMETERS, feature_names=hostile)
    page.open(trace)
    page.check(expected(X, Y, PARAMETERS))
    assert page.run("return document.title") != "hacked"
    assert page.run("return document.querySelectorAll('img').length") == 0
    assert hostile[1] in page.text("stage")
    # Nor does an address do more than say what is shown.
    for moment in ("#p=[[1]]", "#at=__proto__.1.2&i=1e9&s=x&eta=-1&b=z&l=xx", "#p={"):
        page.open(TEACHING, moment)
        found = page.values()
        np.testing.assert_array_equal(
            [[float(v) for v, _ in row] for row in found["X"]], X
        )


def test_languages_and_descent_say_what_they_take(tmp_path, monkeypatch):
    for act in (
        lambda: TEACHING.save(tmp_path / "x.html", language="fr"),
        lambda: TEACHING.show(language="fr"),
    ):
        with pytest.raises(ValueError, match="language='fr'; it must be 'en' or 'zh'"):
            act()
    assert list(tmp_path.iterdir()) == []
    for rate, steps, message in (
        (0, 5, "learning_rate=0; it must be"),
        (np.inf, 5, "learning_rate=inf"),
        (1.0, 0, "n_steps=0; it must be"),
        (1.0, 2.5, "n_steps=2.5"),
    ):
        with pytest.raises(ValueError, match=message):
            inspection.descent(X, Y, PARAMETERS, rate, steps)
    try:
        TEACHING.language = "zh"
        TEACHING.save(tmp_path / "x.html")
        assert "zh-CN" in (tmp_path / "x.html").read_text(encoding="utf-8")[:60]
        assert "zh-CN" in TEACHING._repr_html_()[:400]
    finally:
        TEACHING.language = "en"
    opened = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    TEACHING.show(language="zh")
    assert opened[0].startswith("file:") and opened[0].endswith(".html")


def test_the_dictionary_has_both_languages_and_all_is_small():
    package = files("sk_twolayer.inspection")
    names = ("explorer.js", "explorer.css", "explorer.json")
    assert sum(len(package.joinpath(n).read_bytes()) for n in names) <= 50_000
    strings = json.loads(package.joinpath(names[2]).read_text(encoding="utf-8"))
    for key, (english, chinese) in strings.items():
        assert set(re.findall(r"{\w}", english)) == set(re.findall(r"{\w}", chinese)), (
            key
        )
        assert not re.search(r"[\u4e00-\u9fff，。：] +[\u4e00-\u9fff]", chinese), key
        assert "特征值" not in chinese
    script = package.joinpath(names[0]).read_text(encoding="utf-8")
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)|innerHTML|eval\(", script)
