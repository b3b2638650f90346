"""The page at / in a real browser, and its HTTP side (gateway.md 25.16)."""

import html
import os
import pathlib

import pytest
import requests
from localservers.processes import wait_until
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select

LIMIT_SECONDS = 60
# Where screenshots for docs/images go when they are to be renewed.
SCREENSHOTS = os.environ.get("ASYA_SCREENSHOTS")


@pytest.fixture(scope="module")
def browser():
    options = webdriver.ChromeOptions()
    options.binary_location = "/usr/bin/chromium"
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--window-size=1100,800"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options, webdriver.ChromeService("/usr/bin/chromedriver"))
    driver.set_page_load_timeout(LIMIT_SECONDS)
    yield driver
    driver.quit()


@pytest.fixture
def page(browser, gateway):
    """Opens paths of the gateway; afterwards the console must be without complaints."""
    browser.get_log("browser")

    class Page:
        driver = browser

        def open(self, path):
            browser.get(gateway.url + path)
            return self

        def find(self, selector):
            return browser.find_element(By.CSS_SELECTOR, selector)

        def text(self, selector="main"):
            return self.find(selector).text

        def wait(self, condition, what):
            return wait_until(condition, LIMIT_SECONDS, what)

        def shoot(self, name):
            if SCREENSHOTS:
                browser.save_screenshot(str(pathlib.Path(SCREENSHOTS) / name))

    yield Page()
    complaints = [entry["message"] for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]
    assert complaints == []


@pytest.fixture
def envelope(gateway):
    """The id of a fresh envelope of the tool with three actors."""
    return gateway.call("echo", {"text": "<b>bold</b> & more", "count": 3})


def test_the_list_shows_progress_as_it_happens(page, actors, envelope):
    page.open("/?tool=echo")
    row = f"tr:has(#e-{envelope})"
    assert "running" in page.text(row)
    actors.progress(envelope, 1, "processing")
    page.wait(lambda: "50 %" in page.text(row), "the progress in the list")
    assert page.find(f"{row} progress").get_attribute("value") == "50"


def test_new_envelopes_appear_by_themselves(page, gateway):
    page.open("/")
    identifier = gateway.call("tasky", {})
    page.wait(lambda: page.driver.find_elements(By.ID, f"e-{identifier}"), "the new row")


def test_filters_work_without_script(gateway, actors, envelope):
    actors.fail(envelope, "boom")
    other = gateway.call("tasky", {})
    text = requests.get(f"{gateway.url}/?status=failed&tool=echo", timeout=LIMIT_SECONDS).text
    assert envelope in text and other not in text
    text = requests.get(f"{gateway.url}/?actor=infer", timeout=LIMIT_SECONDS).text
    assert envelope in text and other not in text


def test_older_envelopes_are_on_the_next_page(gateway):
    for _ in range(55):
        gateway.call("must", {})
    first = requests.get(f"{gateway.url}/?tool=must", timeout=LIMIT_SECONDS).text
    path = first.partition('rel="next" href="')[2].partition('"')[0]
    second = requests.get(gateway.url + html.unescape(path), timeout=LIMIT_SECONDS).text
    ids = [set(part.split("id=\"e-")[index][:36] for index in range(1, part.count("id=\"e-") + 1)) for part in (first, second)]
    assert len(ids[0]) == 50 and len(ids[1]) >= 5 and not ids[0] & ids[1]


def test_an_envelope_is_followed_to_its_end(page, actors, envelope):
    page.open(f"/ui/envelopes/{envelope}")
    hops = page.driver.find_elements(By.CSS_SELECTOR, ".route li")
    assert [hop.find_element(By.CSS_SELECTOR, ".actor").text for hop in hops] == ["prep", "infer", "post"]
    actors.progress(envelope, 0, "received")
    actors.progress(envelope, 0, "completed")
    actors.progress(envelope, 1, "processing", "thinking hard")
    page.wait(lambda: "thinking hard" in page.text(), "the message")
    page.wait(lambda: "active" in page.find(".route li:nth-child(2)").get_attribute("class"), "the active actor")
    assert "done" in page.find(".route li:nth-child(1)").get_attribute("class")
    page.wait(lambda: page.text(".route li:nth-child(2) .time"), "the time in the actor")
    page.shoot("page-envelope.png")
    actors.succeed(envelope, {"answer": "<script>alert(1)</script>"})
    page.wait(lambda: "succeeded" in page.text(".summary"), "the end")
    page.wait(lambda: "<script>alert(1)</script>" in page.text("#result"), "the result, as text")
    assert "100 %" in page.text(".summary")
    assert page.text("#action") == "Send again"


def test_a_failure_is_shown(page, actors, envelope):
    actors.progress(envelope, 0, "processing")
    actors.fail(envelope, "Grüße: <boom>")
    page.open(f"/ui/envelopes/{envelope}")
    assert "Grüße: <boom>" in page.text(".error")
    assert "failed" in page.find(".route li:nth-child(1)").get_attribute("class")


def test_cancelling_and_sending_again(page, actors, envelope):
    page.open(f"/ui/envelopes/{envelope}")
    page.find("#action").click()
    page.wait(lambda: "cancelled" in page.text(".summary"), "the cancellation")
    assert actors.envelope(envelope)["error"] == "envelope cancelled"
    page.find("#action").click()
    page.wait(lambda: envelope not in page.driver.current_url, "the page of the new envelope")
    again = page.driver.current_url.rpartition("/")[2]
    assert actors.envelope(again)["payload"] == {"text": "<b>bold</b> & more", "count": 3}


def test_a_form_is_made_from_the_parameters(page, actors):
    page.open("/ui/tools")
    page.find("a[href='/ui/tools/echo']").click()
    assert page.text("h1") == "echo"
    page.find("[name=text]").send_keys("hello")
    page.find("[name=count]").send_keys("7")
    Select(page.find("[name=style]")).select_by_visible_text("loud")
    page.find("[name='place/zip']").send_keys("12345")
    page.find("[name=tags]").send_keys("a" + Keys.ENTER + "b")
    page.driver.execute_script("scrollTo(0, 0)")
    page.shoot("page-tool.png")
    page.find("button.primary").click()
    page.wait(lambda: "/ui/envelopes/" in page.driver.current_url, "the page of the envelope")
    payload = actors.envelope(page.driver.current_url.rpartition("/")[2])["payload"]
    assert payload == {"text": "hello", "count": 7, "style": "loud", "place": {"zip": 12345}, "tags": ["a", "b"]}


def test_what_does_not_fit_comes_back_with_the_values(gateway):
    body = {"text": "kept", "count": "five"}
    answer = requests.post(f"{gateway.url}/ui/tools/echo", data=body, timeout=LIMIT_SECONDS)
    assert answer.status_code == 422
    assert 'role="alert"' in answer.text and "count: is not a integer" in answer.text and "kept" in answer.text


def test_everything_can_be_reached_with_the_keyboard(page, envelope):
    page.open(f"/ui/envelopes/{envelope}")
    reached = []
    for _ in range(12):
        page.driver.switch_to.active_element.send_keys(Keys.TAB)
        element = page.driver.switch_to.active_element
        reached.append(element.get_attribute("id") or element.text or element.tag_name)
    assert reached[0] == "Skip to content"
    assert {"Envelopes", "Tools", "action"} <= set(reached)


def test_the_page_has_names_for_screen_readers(page, envelope):
    page.open(f"/ui/envelopes/{envelope}")
    assert page.find("html").get_attribute("lang") == "en"
    assert page.find("progress").get_attribute("aria-label") == "Progress"
    assert page.find(".route").get_attribute("aria-label") == "Route"
    assert page.find("[role=status]").text == "◐ running"
    page.open("/ui/tools/echo")
    for field in page.driver.find_elements(By.CSS_SELECTOR, "main input, main select, main textarea"):
        assert field.accessible_name, field.get_attribute("name")


def test_dark_mode_follows_the_system(page):
    def ground(scheme):
        page.driver.execute_cdp_cmd(
            "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
        )
        page.open("/")
        return page.driver.execute_script("return getComputedStyle(document.body).backgroundColor")

    try:
        light, dark = ground("light"), ground("dark")
        page.shoot("page-envelopes-dark.png")
        assert light == "rgb(247, 247, 249)" and dark == "rgb(18, 20, 28)"
    finally:
        ground("light")
    page.shoot("page-envelopes.png")


def test_headers_allow_nothing_from_elsewhere(gateway):
    answer = requests.get(f"{gateway.url}/", timeout=LIMIT_SECONDS)
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy and "frame-ancestors 'none'" in policy
    assert "style=" not in answer.text and "<script>" not in answer.text and "http" not in answer.text.replace(gateway.url, "")
    for path in ("/ui/page.css", "/ui/page.js"):
        asset = requests.get(gateway.url + path, timeout=LIMIT_SECONDS)
        assert asset.status_code == 200 and asset.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("origin, status", [("http://evil.example.com", 403), ("http://localhost:1", 303), (None, 303)])
def test_forms_of_other_sites_are_refused(gateway, envelope, origin, status):
    headers = {"Origin": origin} if origin else {}
    answer = requests.post(
        f"{gateway.url}/ui/envelopes/{envelope}/cancel", headers=headers, allow_redirects=False, timeout=LIMIT_SECONDS
    )
    assert answer.status_code == status


@pytest.mark.parametrize("path", ["/ui/envelopes/nope", "/ui/tools/nope"])
def test_what_does_not_exist(gateway, path):
    assert requests.get(gateway.url + path, timeout=LIMIT_SECONDS).status_code == 404


def test_with_tokens_a_browser_signs_in(run_gateway, tmp_path):
    (tmp_path / "tokens").write_text("alice:s3cret\n")
    gateway = run_gateway(ASYA_GATEWAY_TOKENS_FILE=str(tmp_path / "tokens"))
    with requests.Session() as session:
        session.trust_env = False
        assert session.get(f"{gateway.url}/", timeout=LIMIT_SECONDS).url == f"{gateway.url}/ui/login"
        refused = session.post(f"{gateway.url}/ui/login", data={"token": "wrong"}, timeout=LIMIT_SECONDS)
        assert refused.status_code == 401 and "not accepted" in refused.text
        session.post(f"{gateway.url}/ui/login", data={"token": "s3cret"}, timeout=LIMIT_SECONDS)
        (cookie,) = session.cookies
        assert cookie.has_nonstandard_attr("HttpOnly") and cookie.get_nonstandard_attr("SameSite") == "Strict"
        assert "<h1>Envelopes</h1>" in session.get(f"{gateway.url}/", timeout=LIMIT_SECONDS).text
        assert "s3cret" not in session.get(f"{gateway.url}/", timeout=LIMIT_SECONDS).text
        session.post(f"{gateway.url}/ui/logout", timeout=LIMIT_SECONDS)
        assert session.get(f"{gateway.url}/", timeout=LIMIT_SECONDS).url == f"{gateway.url}/ui/login"
