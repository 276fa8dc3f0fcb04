"""The page at /moto-api/jitp/ in a real Chromium: what a user sees and does."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.resources import files
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from support.patience import HANG
from support.servers import (
    COMMON_NAME,
    COUNTRY,
    TEMPLATE,
    Api,
    ServerProcess,
    client,
    provisioning_ca,
    serving,
)

from moto_jitp import CertificateAuthority

pytestmark = pytest.mark.slow

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

#: Playwright counts in milliseconds.
PATIENCE = HANG * 1000
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
WIDE, NARROW = {"width": 1280, "height": 860}, {"width": 360, "height": 740}
MARKUP = "<img src=x onerror=alert(1)>"

FLEET_TEMPLATE = {
    "Parameters": {"Serial": {"Type": "String"}},
    "Resources": {
        "thing": {"Type": "AWS::IoT::Thing", "Properties": {"ThingName": {"Ref": "Serial"}}},
        "certificate": TEMPLATE["Resources"]["certificate"],
    },
}

Opener = Callable[..., "Page"]


# These end with this file: while playwright runs, so does an event loop in this thread, and other
# files have tests that are coroutines.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    sync_api = pytest.importorskip("playwright.sync_api", reason="needs the package playwright")
    found = [shutil.which(name) for name in ("chromium", "chromium-browser", "google-chrome")]
    chromium = next(filter(None, found), None)
    if chromium is None:
        pytest.skip("needs Chromium: no chromium on the PATH (on Debian, the package chromium)")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium, args=ARGUMENTS, timeout=PATIENCE
        )
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def process() -> Iterator[ServerProcess]:
    with serving() as process:
        yield process


@pytest.fixture
def url(process: ServerProcess) -> str:
    Api(process.endpoint_url).request("POST", "/../reset")
    return process.endpoint_url


@pytest.fixture
def api(url: str) -> Api:
    return Api(url)


@pytest.fixture
def ca(url: str) -> CertificateAuthority:
    return provisioning_ca(url)


@contextmanager
def opening(browser: Browser) -> Iterator[tuple[Opener, list[str], list[str]]]:
    """Yield a function that opens the page, the requests it made, and its errors."""
    requests: list[str] = []
    complaints: list[str] = []
    contexts = []

    def open_page(url: str, **options: Any) -> Page:
        context = browser.new_context(**{"viewport": WIDE, **options})
        contexts.append(context)
        context.set_default_timeout(PATIENCE)
        page = context.new_page()
        page.on("request", lambda request: requests.append(request.url))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on(
            "console",
            lambda message: (
                complaints.append(message.text) if message.type in ("error", "warning") else None
            ),
        )
        page.goto(f"{url}/moto-api/jitp/")
        page.get_by_text("● live").wait_for()
        return page

    yield open_page, requests, complaints
    for context in contexts:
        context.close()


@pytest.fixture
def opened(browser: Browser, url: str) -> Iterator[Opener]:
    """Opens the page; at the end nothing came from other origins, and there were no errors."""
    with opening(browser) as (open_page, requests, complaints):

        def opened(**options: Any) -> Page:
            return open_page(url, **options)

        yield opened
    assert {urlsplit(request).netloc for request in requests} <= {urlsplit(url).netloc}
    assert complaints == []


def row(page: Page, name: str) -> Any:
    """The device's row in the list."""
    return page.locator("#devices a.row").filter(has_text=name)


def timeline_of(page: Page) -> list[str]:
    return page.locator(".opened .timeline >> nth=0").locator(".title").all_inner_texts()


def is_wider_than_the_window(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth > innerWidth"))


# --------------------------------------------------------------------------------- what one sees


def test_a_device_appears_as_it_connects(
    opened: Opener, api: Api, ca: CertificateAuthority
) -> None:
    page = opened()
    page.get_by_text("No device has connected yet.").wait_for()
    api.connect(ca.issue(common_name="bulb-1", country="KR"))
    row(page, "bulb-1").filter(has_text="Accepted").wait_for()
    api.connect(ca.issue(common_name="bulb-2"))
    refused = row(page, "bulb-2").filter(has_text="Refused")
    refused.wait_for()
    assert "PROVISIONING_FAILED" in refused.inner_text()
    assert "{Ref=AWS::IoT::Certificate::Country}" in refused.inner_text()
    # The newest is on top, and a screen reader is told of it.
    assert "bulb-2" in page.locator("#devices a.row").first.inner_text()
    page.get_by_role("status").filter(has_text="bulb-2: Refused, PROVISIONING_FAILED.").wait_for()
    assert page.title() == "(1 refused) moto_jitp"


def test_an_open_device_is_updated_while_it_is_looked_at(
    opened: Opener, api: Api, ca: CertificateAuthority
) -> None:
    bulb = ca.issue(common_name="bulb-1", country="KR")
    api.connect(bulb, reconnect=False)
    page = opened()
    row(page, "bulb-1").filter(has_text="To reconnect").click()
    page.locator(".opened").get_by_text("dropped; the device must reconnect").wait_for()
    api.connect(bulb)
    page.locator(".opened h2").filter(has_text="Accepted").wait_for()
    page.locator(".opened").get_by_text("The device has connected again.").wait_for()
    assert page.locator(".opened .connections > li").count() == 2
    assert "To reconnect" not in page.locator(".opened").inner_text()


def test_the_timeline_of_a_provisioned_device_has_every_step(
    opened: Opener, api: Api, ca: CertificateAuthority
) -> None:
    outcome = api.connect(ca.issue(common_name="bulb-1", country="KR"))
    page = opened()
    row(page, "bulb-1").click()
    page.locator(".opened .connections > li").nth(1).locator(".timeline").wait_for()
    text = page.locator(".opened .timeline").nth(1).inner_text()
    steps = outcome["provisioning"]["steps"]
    places = [text.index(step["action"]) for step in steps]
    assert len(places) > 3
    assert places == sorted(places)
    assert outcome["provisioning"]["parameters"][COUNTRY] in text


def test_a_refused_device_is_opened_with_the_place_in_the_template(
    opened: Opener, api: Api, url: str
) -> None:
    # So long that the place is not in its first lines.
    more = {f"Setting{number}": {"Type": "String", "Default": "on"} for number in range(40)}
    ca = provisioning_ca(url, {**TEMPLATE, "Parameters": {**TEMPLATE["Parameters"], **more}})
    outcome = api.connect(ca.issue(common_name="no thing name", country="KR"))
    place = outcome["provisioning"]["place"]
    assert place == "Resources.thing.Properties.ThingName"
    page = opened()
    row(page, "no thing name").click()
    decision = page.locator(".opened .decision")
    decision.wait_for()
    shown = decision.inner_text()
    happened, _, to_do = shown.partition("What to do: ")
    assert happened.startswith("What happened: Provisioning failed")
    assert to_do.startswith(outcome["advice"])
    assert outcome["message"] in shown
    assert place in shown
    mark = page.locator("pre.template mark")
    assert mark.inner_text() == f'"ThingName": {{"Ref": "{COMMON_NAME}"}}'
    # It is in sight, without the page being scrolled.
    box, around = mark.bounding_box(), page.locator("pre.template").bounding_box()
    assert around["y"] <= box["y"] <= around["y"] + around["height"] - box["height"]
    assert box["y"] < WIDE["height"]


def test_fleet_provisioning_is_in_the_timeline_of_its_connection(
    opened: Opener, api: Api, url: str
) -> None:
    iot = client(url)
    iot.create_provisioning_template(
        templateName="fleet",
        templateBody=json.dumps(FLEET_TEMPLATE),
        provisioningRoleArn="arn:aws:iam::123456789012:role/JITPRole",
        enabled=True,
    )
    claim = iot.create_keys_and_certificate(setAsActive=True)["certificatePem"]
    session = f"/connections/{api.connect(claim, clientId='claim')['connectionId']}"
    create = "$aws/certificates/create/json"

    def ask(topic: str, **request: Any) -> None:
        api.post(f"{session}/publish", {"topic": topic, "payloadText": json.dumps(request)})

    def register(serial: str) -> Any:
        provision = "$aws/provisioning-templates/fleet/provision/json"
        ask(provision, certificateOwnershipToken=token, parameters={"Serial": serial})
        return api.get(session)["runs"][-1]

    api.post(f"{session}/subscribe", {"topicFilter": f"{create}/accepted"})
    ask(create)
    message = api.post(f"{session}/receive", {})["message"]
    token = json.loads(message["payloadText"])["certificateOwnershipToken"]
    refused = register("no thing name")
    page = opened()
    # It is found among the refused, with its name and its reason, and opens by itself.
    assert "1 device refused" in page.locator("#counts").inner_text()
    page.get_by_label("Refused only (1)").check()
    assert "Provisioning rejected" in row(page, "claim").inner_text()
    assert refused["message"] in row(page, "claim").inner_text()
    page.get_by_text("RegisterThing is rejected").wait_for()
    page.get_by_label("Refused only (1)").uncheck()
    # A newer connection, so that it would be folded.
    api.connect(claim, clientId="claim-2")
    row(page, "claim-2").click()
    page.get_by_text("RegisterThing is rejected").wait_for()
    decision = page.locator(".opened .decision.bad")
    shown = decision.inner_text()
    assert shown.startswith(f"What happened: {refused['message']}")
    assert f"What to do: {refused['advice']}" in shown
    assert refused["place"] == "Resources.thing.Properties.ThingName"
    assert refused["place"] in shown
    assert register("bulb-1")["status"] == "SUCCEEDED"
    page.get_by_text("RegisterThing is accepted").wait_for(state="attached")
    assert decision.count() == 0
    titles = page.locator(".opened .timeline >> nth=1").locator(".title").all_text_contents()
    assert any(title.startswith("CreateThing thing/bulb-1") for title in titles)


def test_a_registration_by_the_api_is_shown_with_its_steps(
    opened: Opener, api: Api, url: str
) -> None:
    iot = client(url)
    parameters = {"Serial": "bulb-1", "AWS::IoT::Certificate::Id": "none"}
    with pytest.raises(iot.exceptions.ResourceRegistrationFailureException):
        iot.register_thing(templateBody=json.dumps(FLEET_TEMPLATE), parameters=parameters)
    (run,) = api.get("/runs")["runs"]
    page = opened()
    shown = page.locator("#registrations")
    shown.locator("summary").click()
    decision = shown.locator(".decision.bad").inner_text()
    assert decision.startswith(f"What happened: {run['message']}")
    assert f"What to do: {run['advice']}" in decision
    titles = shown.locator(".timeline .title").all_text_contents()
    assert titles[0].startswith("Provisioning with the call's template")
    assert titles[-1].startswith("RegisterThing is rejected")


def test_a_parameter_without_a_value_is_highlighted_where_it_is_declared(
    opened: Opener, api: Api, ca: CertificateAuthority
) -> None:
    api.connect(ca.issue(common_name="bulb-2"))
    page = opened()
    row(page, "bulb-2").click()
    page.locator("mark").wait_for()
    assert page.locator("mark").inner_text() == f'"{COUNTRY}": {{"Type": "String"}}'
    assert page.locator("td.missing").inner_text() == "missing"
    assert timeline_of(page)[-1].startswith("The connection is refused")


def test_a_place_that_the_template_lacks_shows_where_it_belongs(
    opened: Opener, api: Api, url: str
) -> None:
    ca = CertificateAuthority(common_name="Acme Root")
    iot = client(url)
    ca_id = ca.register(iot, template_body=TEMPLATE)
    api.connect(ca.issue(common_name="bulb-2"))
    mended = json.loads(json.dumps(TEMPLATE))
    del mended["Parameters"][COUNTRY]
    del mended["Resources"]["thing"]["Properties"]["AttributePayload"]
    config = {"templateBody": json.dumps(mended), "roleArn": "arn:aws:iam::123456789012:role/r"}
    iot.update_ca_certificate(certificateId=ca_id, registrationConfig=config)
    page = opened()
    row(page, "bulb-2").click()
    page.get_by_text(f"The template has no Parameters.{COUNTRY};").wait_for()
    assert page.locator("mark").inner_text().startswith('"Parameters": {')


def test_a_device_of_an_unknown_ca_is_shown_though_it_is_not_registered(
    opened: Opener, api: Api
) -> None:
    api.connect(CertificateAuthority().issue(common_name="stranger"))
    page = opened()
    stranger = row(page, "stranger")
    stranger.wait_for()
    assert "DEVICE_CERTIFICATE_NOT_REGISTERED" in stranger.inner_text()
    assert "not registered" in stranger.inner_text()


def test_a_ca_is_opened_with_its_template_and_what_is_wrong_with_it(
    opened: Opener, url: str
) -> None:
    ca = CertificateAuthority(common_name="Acme Root")
    ca_id = ca.register(client(url), template_body=TEMPLATE)
    page = opened()
    acme = page.locator("#cas a.row").filter(has_text="Acme Root")
    acme.click()
    page.locator(".opened pre.template").wait_for()
    assert json.loads(page.locator(".opened pre.template").inner_text()) == TEMPLATE
    client(url).update_ca_certificate(certificateId=ca_id, newAutoRegistrationStatus="DISABLE")
    page.locator(".opened .decision").filter(has_text="Auto-registration is off").wait_for()
    assert "Auto-registration is off" in acme.inner_text()


def test_markup_in_names_and_subjects_is_shown_as_text(opened: Opener, api: Api, url: str) -> None:
    ca = CertificateAuthority(common_name="<b>Root</b>")
    ca.register(client(url), template_body={**TEMPLATE, "Description": MARKUP})
    api.connect(ca.issue(common_name=MARKUP, country="KR"), clientId=f"{MARKUP}<i>")
    page = opened()
    row(page, MARKUP).click()
    page.locator(".opened .decision").wait_for()
    page.locator(".opened h2").filter(has_text=f"{MARKUP}<i>").wait_for()
    assert f"CN={MARKUP}" in page.locator(".opened").inner_text()
    assert "CN=<b>Root</b>" in page.locator("#cas").inner_text()
    assert page.locator("img, b, i").count() == 0


def test_scripts_and_styles_from_anywhere_else_are_forbidden(api: Api, url: str) -> None:
    answer = api.request("GET", "/")
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert not re.search(rb"<script(?![^>]* src=)|<style| style=| on[a-z]+=", answer.data)


def test_every_file_of_the_page_is_served(api: Api) -> None:
    names = {file.name for file in files("moto_jitp.server.page").iterdir() if file.is_file()}
    assets = {name for name in names if not name.endswith(".py")}
    assert {"index.html", "page.css", "main.js", "icon.svg"} <= assets
    for name in assets:
        answer = api.request("GET", f"/{name}")
        assert answer.status == 200
        for wanted in re.findall(rb'(?:from |src=|href=)"(?:\./)?([a-z_]+\.[a-z]+)"', answer.data):
            assert wanted.decode() in assets | {"openapi.json"}


# --------------------------------------------------------------------------------- what one does


def test_the_keyboard_is_enough(opened: Opener, api: Api, ca: CertificateAuthority) -> None:
    for name in ("bulb-1", "bulb-2", "bulb-3"):
        api.connect(ca.issue(common_name=name, country="KR"))
    page = opened()
    row(page, "bulb-3").wait_for()

    def focused() -> str:
        return str(page.evaluate("document.activeElement.innerText ?? ''"))

    page.keyboard.press("Tab")
    assert focused() == "Skip to the devices"
    page.keyboard.press("Enter")
    for _ in range(3):  # the filter, the check box, the first device
        page.keyboard.press("Tab")
    assert focused().startswith("bulb-3")
    outline = "getComputedStyle(document.activeElement).outlineStyle"
    assert page.evaluate(outline) != "none"
    page.keyboard.press("ArrowDown")
    assert focused().startswith("bulb-2")
    page.keyboard.press("Enter")
    page.locator(".opened h2:focus").filter(has_text="bulb-2").wait_for()
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")  # past the link to the CA
    assert focused().startswith("Connection")
    second = page.locator(".opened details").first
    is_open = second.evaluate("(details) => details.open")
    page.keyboard.press("Enter")
    assert second.evaluate("(details) => details.open") is not is_open
    page.keyboard.press("Escape")
    page.locator(".opened h2").wait_for(state="detached")
    assert focused().startswith("bulb-2")
    page.keyboard.press("/")
    page.keyboard.type("bulb-1")
    page.get_by_text("1 device found.").wait_for()
    page.keyboard.press("ArrowDown")
    assert focused().startswith("bulb-1")
    page.keyboard.press("/")
    page.keyboard.press("Enter")
    page.locator(".opened h2:focus").filter(has_text="bulb-1").wait_for()
    page.keyboard.press("/")
    page.keyboard.press("Escape")
    row(page, "bulb-3").wait_for()
    assert page.locator("#search").input_value() == ""


def test_the_newest_refused_device_is_open_where_there_is_room(
    opened: Opener, api: Api, ca: CertificateAuthority
) -> None:
    for name in ("lamp-1", "lamp-2"):
        api.connect(ca.issue(common_name=name))
    api.connect(ca.issue(common_name="bulb", country="KR"))
    page = opened()
    page.locator(".opened h2").filter(has_text="lamp-2").wait_for()
    assert page.evaluate("document.activeElement === document.body")
    assert page.locator(".opened .number").all_inner_texts() == ["Connection 1"]
    narrow = opened(viewport=NARROW)
    row(narrow, "lamp-2").wait_for()
    assert narrow.locator(".opened h2").count() == 0
    row(page, "bulb").click()
    page.get_by_text("Connection 2").wait_for()
    assert page.locator(".opened .number").all_inner_texts() == ["Connection 2", "Connection 1"]


def test_a_device_whose_certificate_aws_issued_has_a_name_that_tells(
    opened: Opener, api: Api, url: str
) -> None:
    made = client(url).create_keys_and_certificate(setAsActive=True)
    api.connect(made["certificatePem"])
    page = opened()
    row(page, f"certificate {made['certificateId'][:12]}").wait_for()


def test_what_has_the_focus_keeps_it_while_devices_connect(
    opened: Opener, api: Api, ca: CertificateAuthority
) -> None:
    bulb = ca.issue(common_name="bulb-1", country="KR")
    api.connect(bulb, reconnect=False)
    page = opened()
    row(page, "bulb-1").focus()
    api.connect(ca.issue(common_name="bulb-2", country="KR"))
    row(page, "bulb-2").wait_for()
    assert row(page, "bulb-1").evaluate("(link) => link === document.activeElement")
    api.connect(bulb)  # which is rebuilt, and moves to the top
    row(page, "bulb-1").filter(has_text="Accepted").wait_for()
    assert row(page, "bulb-1").evaluate("(link) => link === document.activeElement")


def test_an_opened_device_can_be_linked_to(
    opened: Opener, api: Api, ca: CertificateAuthority
) -> None:
    api.connect(ca.issue(common_name="bulb-1", country="KR"))
    page = opened()
    row(page, "bulb-1").click()
    page.locator(".opened h2").wait_for()
    page.reload()
    page.locator(".opened h2").filter(has_text="bulb-1").wait_for()


def test_the_first_command_can_be_copied(opened: Opener, url: str) -> None:
    page = opened(permissions=["clipboard-read", "clipboard-write"])
    start = page.get_by_role("region", name="Connect the first device")
    start.get_by_role("button", name="Copy").first.click()
    start.get_by_role("button", name="Copied").wait_for()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied.startswith("moto-jitp fleet ")
    assert copied.endswith(f"--endpoint-url {url}")


def test_a_narrow_window_needs_no_scrolling_sideways(
    opened: Opener, api: Api, ca: CertificateAuthority
) -> None:
    page = opened(viewport=NARROW)
    assert not is_wider_than_the_window(page)
    long = {"organization": "O" * 64, "organizational_unit": "U" * 64}
    api.connect(ca.issue(common_name="x" * 64, country="KR", **long))
    api.connect(ca.issue(common_name="<" * 64, **long))
    row(page, "x" * 64).wait_for()
    assert not is_wider_than_the_window(page)
    for name in ("x" * 64, "<" * 64):
        row(page, name).click()
        page.locator(".opened .timeline").first.wait_for()
        assert not is_wider_than_the_window(page)
        assert not page.locator("#devices").is_visible()
        page.get_by_role("link", name="Back to the lists").click()
        row(page, name).wait_for()


def test_dark_mode_is_followed_and_can_be_read(
    opened: Opener, api: Api, ca: CertificateAuthority
) -> None:
    api.connect(ca.issue(common_name="bulb-2"))

    def brightness(page: Page, property_: str, selector: str) -> float:
        color = page.locator(selector).first.evaluate(
            "(element, name) => getComputedStyle(element)[name]", property_
        )
        return sum(int(part) for part in re.findall(r"\d+", color)[:3]) / 3

    for scheme in ("light", "dark"):
        page = opened(color_scheme=scheme)
        row(page, "bulb-2").click()
        page.locator("mark").wait_for()
        ground = brightness(page, "backgroundColor", "body")
        assert (ground < 60) == (scheme == "dark")
        for selector in ("body", ".opened h2", ".meta", ".why strong", ".live"):
            assert abs(brightness(page, "color", selector) - ground) > 70, (scheme, selector)


# ----------------------------------------------------------------------------------- many devices


def test_of_many_devices_some_are_listed_and_the_others_found(
    opened: Opener, api: Api, ca: CertificateAuthority
) -> None:
    for number in range(120):
        country = {} if number == 3 else {"country": "KR"}
        api.connect(ca.issue(common_name=f"bulb-{number:03}", **country))
    page = opened()
    rows = page.locator("#devices a.row")
    row(page, "bulb-119").wait_for()
    assert rows.count() == 50
    page.get_by_text("The 50 devices with the newest connections").wait_for()
    page.get_by_role("button", name="Show more devices").click()
    row(page, "bulb-020").wait_for()
    assert rows.count() == 100
    page.get_by_label("Filter by name").fill("BULB-00")
    page.get_by_text("10 devices found.").wait_for()
    assert rows.count() == 10
    page.get_by_label("Filter by name").fill("")
    page.get_by_label("Refused only (1)").check()
    page.get_by_text("1 device found.").wait_for()
    assert rows.all_inner_texts()[0].startswith("bulb-003")
    page.get_by_label("Filter by name").fill("no such device")
    page.get_by_text("No device matches the filter.").wait_for()


# ------------------------------------------------------------------------------- the state behind


def test_a_search_finds_the_device_with_all_its_connections(
    api: Api, ca: CertificateAuthority
) -> None:
    bulb = ca.issue(common_name="bulb-1", country="KR")
    api.connect(bulb)
    api.connect(ca.issue(common_name="bulb-2", country="SE"))
    for text in ("BULB-1", "c=kr", bulb.certificate_id):
        state = api.get(f"/state?search={text}")
        assert [device["certificateId"] for device in state["devices"]] == [bulb.certificate_id]
        assert [connection["accepted"] for connection in state["connections"]] == [False, True]
    assert api.get("/state?search=RECONNECT_REQUIRED")["connections"] == []
    assert api.get("/state")["totals"]["devices"] == 2


def test_a_device_that_was_fixed_is_not_among_the_refused(api: Api, url: str) -> None:
    ca = CertificateAuthority(common_name="Acme Root")
    bulb = ca.issue(common_name="bulb-1", country="KR")
    api.connect(bulb)
    state = api.get("/state?refused=true&search=not_registered")
    assert [connection["certificateId"] for connection in state["connections"]] == [
        bulb.certificate_id
    ]
    assert state["totals"]["refusedDevices"] == 1
    ca.register(client(url), template_body=TEMPLATE)
    api.connect(bulb)
    state = api.get("/state?refused=true")
    assert (state["devices"], state["connections"]) == ([], [])
    assert state["totals"]["refusedDevices"] == 0
    assert api.get("/state?search=not_registered")["connections"] == []


def test_a_registered_device_that_never_connected_is_listed_and_found(
    opened: Opener, api: Api, ca: CertificateAuthority, url: str
) -> None:
    bulb = ca.issue(common_name="bulb-1", country="KR")
    client(url).register_certificate(certificatePem=bulb.certificate_pem, status="ACTIVE")
    page = opened()
    row(page, "CN=bulb-1").filter(has_text="Never connected").click()
    page.locator(".opened h3").filter(has_text="It has not connected yet.").wait_for()
    assert api.get("/state?refused=true")["devices"] == []
    assert len(api.get(f"/state?search={bulb.certificate_id}")["devices"]) == 1


def test_a_wrong_filter_is_refused(api: Api) -> None:
    answer = api.request("GET", "/state?refused=yes")
    assert answer.status == 400
    assert "'refused'" in json.loads(answer.data)["message"]


# --------------------------------------------------------------------------- the server goes away


def test_a_reset_empties_the_page(opened: Opener, api: Api, ca: CertificateAuthority) -> None:
    api.connect(ca.issue(common_name="bulb-1", country="KR"))
    page = opened()
    row(page, "bulb-1").click()
    page.locator(".opened .timeline").first.wait_for()
    api.request("POST", "/../reset")
    page.get_by_role("heading", name="It no longer exists").wait_for()
    page.keyboard.press("Escape")
    page.get_by_role("heading", name="Connect the first device").wait_for()
    assert page.locator("a.row").count() == 0


def test_a_server_that_goes_away_is_missed_and_found_again(browser: Browser) -> None:
    with opening(browser) as (open_page, _, _):
        with serving() as first:
            ca = provisioning_ca(first.endpoint_url)
            Api(first.endpoint_url).connect(ca.issue(common_name="bulb-1", country="KR"))
            page = open_page(first.endpoint_url)
            row(page, "bulb-1").wait_for()
        notice = page.locator("#notice")
        notice.filter(has_text=f"{first.endpoint_url} does not answer").wait_for()
        # The known state stays visible.
        assert row(page, "bulb-1").is_visible()
        assert "no server" in page.locator("#live").inner_text()
        with serving("--port", str(urlsplit(first.endpoint_url).port)):
            page.get_by_role("status").filter(has_text="The server answers again.").wait_for()
            page.get_by_text("● live").wait_for()
            assert not notice.is_visible()
            assert page.locator("#devices a.row").count() == 0


def test_what_topic_rules_did_is_shown_with_its_reason(opened: Opener, url: str) -> None:
    client(url).create_topic_rule(
        ruleName="hot",
        topicRulePayload={
            "sql": "SELECT * FROM 'plant/+' WHERE t > 50",
            "actions": [{"s3": {"bucketName": "none", "key": "k", "roleArn": "arn"}}],
        },
    )
    data = client(url, "iot-data")
    data.publish(topic="plant/a", payload=b'{"t": 40}')
    data.publish(topic="plant/b", payload=json.dumps({"t": 60, "x": MARKUP}).encode())

    page = opened()
    runs = page.locator("#rule-runs > li")
    assert runs.count() == 2
    assert "Failed" in runs.nth(0).inner_text()
    assert "Dropped by WHERE" in runs.nth(1).inner_text()
    runs.nth(1).locator("summary").click()
    assert "t > 50 is false: t is 40." in runs.nth(1).locator("pre").inner_text()
    runs.nth(0).locator("summary").click()
    assert "NoSuchBucket" in runs.nth(0).locator("pre").inner_text()
    assert MARKUP in runs.nth(0).locator("pre").inner_text().replace('\\"', '"')


def test_messages_have_their_place_the_newest_first(
    opened: Opener, api: Api, ca: CertificateAuthority, url: str
) -> None:
    outcome = api.connect(ca.issue(common_name="bulb", country="KR"))
    session = f"/connections/{outcome['connectionId']}"
    api.post(f"{session}/publish", {"topic": "lights/a", "payloadText": f"on {MARKUP}"})
    data = client(url, "iot-data")
    data.publish(topic="lights/b", payload=b"\xff\x00")
    long = "ä" * 5000
    data.publish(topic="lights/c", payload=long.encode())

    page = opened()
    messages = page.locator("#published > li")
    messages.filter(has_text="lights/c").wait_for()
    topics = page.locator("#published .topic").all_inner_texts()
    assert topics[:3] == ["lights/c", "lights/b", "lights/a"]
    assert any(topic.startswith("$aws/events/certificates/registered/") for topic in topics)
    first = messages.filter(has_text="lights/a")
    assert "bulb" in first.locator("summary").inner_text()
    assert first.locator("time").get_attribute("datetime")
    assert "AWS IoT" in messages.filter(has_text="certificates/registered").first.inner_text()
    first.locator("summary").click()
    assert first.locator("pre").inner_text() == f"on {MARKUP}"
    binary = messages.filter(has_text="lights/b")
    binary.locator("summary").click()
    assert "2 bytes, not text" in binary.inner_text()
    assert binary.locator("pre").count() == 0
    cut = messages.filter(has_text="lights/c")
    cut.locator("summary").click()
    assert cut.locator("pre").inner_text() == long[:2000]
    assert "the beginning of 10,000 bytes" in cut.inner_text()
    # It appears as it is published, and what is unfolded stays so.
    data.publish(topic="lights/d", payload=b"off")
    messages.filter(has_text="lights/d").wait_for()
    assert first.locator("pre").is_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_few_messages_are_listed_and_the_others_by_the_keyboard(
    opened: Opener, api: Api, url: str, scheme: str
) -> None:
    data = client(url, "iot-data")
    for number in range(60):
        data.publish(topic=f"a/{number}" + "-long" * 20, payload=b"x" * 300)
    assert len(api.get("/state")["messages"]) == 50
    page = opened(viewport=NARROW, color_scheme=scheme)
    messages = page.locator("#published > li")
    assert messages.count() == 10
    page.get_by_role("button", name="Show more messages").press("Enter")
    assert messages.count() == 50
    summary = messages.nth(10).locator("summary")
    assert summary.evaluate("one => one === document.activeElement")
    assert "a/49-" in summary.inner_text()
    summary.press("Enter")
    messages.nth(10).locator("pre").wait_for()
    assert not is_wider_than_the_window(page)
    contrast = """one => {
      const light = (colour) => {
        const [r, g, b] = colour.match(/[\\d.]+/g).slice(0, 3).map((part) => {
          const share = Number(part) / 255;
          return share <= 0.03928 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
        });
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
      };
      const found = [getComputedStyle(one).color, getComputedStyle(document.body).backgroundColor];
      const [dark, bright] = found.map(light).sort((a, b) => a - b);
      return (bright + 0.05) / (dark + 0.05);
    }"""
    for selector in (".topic", "time", ".reason", "pre", ".hint"):
        assert messages.nth(10).locator(selector).first.evaluate(contrast) >= 4.5, selector


def test_the_server_words_how_a_connection_ended_and_what_is_wrong_with_a_ca(
    api: Api, ca: CertificateAuthority, url: str
) -> None:
    api.connect(ca.issue(common_name="bulb", country="KR"))
    api.connect(ca.issue(common_name="lamp"))
    CertificateAuthority(common_name="Plain").register(client(url))
    CertificateAuthority(common_name="Off").register(client(url), active=False)
    state = api.get("/state")
    assert {connection["ending"] for connection in state["connections"]} == {
        "The connection is dropped; the device must reconnect",
        "The connection is accepted",
        "The connection is refused",
    }
    troubles = {ca["subject"]: ca["trouble"] for ca in state["cas"]}
    assert troubles["CN=Acme Root"] is None
    assert "no template" in troubles["CN=Plain"]
    assert troubles["CN=Off"].startswith("The CA is INACTIVE")


def test_a_cause_counts_the_devices_that_are_searched_for(
    opened: Opener, api: Api, ca: CertificateAuthority
) -> None:
    for name in ("lamp-1", "lamp-2", "pump-1"):
        api.connect(ca.issue(common_name=name))
    page = opened()
    causes = page.locator("#causes button")
    causes.filter(has_text="3 × PROVISIONING_FAILED").wait_for()
    page.locator("#search").fill("lamp")
    causes.filter(has_text="2 × PROVISIONING_FAILED").click()
    page.get_by_text("2 devices found.").wait_for()
    # A selected one stays, so that it can be deselected.
    page.locator("#search").fill("no such device")
    causes.filter(has_text="0 × PROVISIONING_FAILED").wait_for()
    assert [cause["devices"] for cause in api.get("/state?search=pump")["causes"]] == [1]
    assert api.get("/state?search=no-such")["causes"] == []


def test_refusals_of_one_cause_are_one_line_with_their_number(
    opened: Opener, api: Api, ca: CertificateAuthority
) -> None:
    for number in range(3):
        api.connect(ca.issue(common_name=f"lamp-{number}"))
    api.connect(ca.issue(common_name="bulb", country="KR"))
    api.connect(CertificateAuthority(common_name="Nobody").issue(common_name="stray"))
    page = opened()
    first = page.locator("#causes button").first
    first.filter(has_text="3 × PROVISIONING_FAILED").wait_for()
    assert page.locator("#causes button").count() == 2
    first.click()
    page.get_by_text("3 devices found.").wait_for()
    assert row(page, "stray").count() == 0


def test_a_cause_filters_by_its_place_too_until_it_is_chosen_again(
    opened: Opener, api: Api, ca: CertificateAuthority, url: str
) -> None:
    body = json.loads(json.dumps(TEMPLATE).replace(COUNTRY, f"{COUNTRY}Code"))
    other = provisioning_ca(url, body)
    for number in range(2):
        api.connect(ca.issue(common_name=f"lamp-{number}"))
        api.connect(other.issue(common_name=f"pump-{number}"))
    page = opened()
    causes = page.locator("#causes button")
    causes.nth(1).wait_for()
    code = causes.filter(has_text="CountryCode")
    code.click()
    page.get_by_text("2 devices found.").wait_for()
    assert row(page, "pump").count() == 2
    assert code.get_attribute("aria-pressed") == "true"
    code.press("Enter")
    row(page, "lamp-0").wait_for()
    assert not page.locator("#refused").is_checked()


def test_a_filter_that_finds_nothing_closes_the_device_that_is_open(
    opened: Opener, api: Api, ca: CertificateAuthority
) -> None:
    api.connect(ca.issue(common_name="bulb", country="KR"))
    page = opened()
    row(page, "bulb").click()
    page.locator(".opened h2").filter(has_text="bulb").wait_for()
    page.locator("#search").fill("no such device")
    page.get_by_text("Open a device to see the timeline").wait_for()
    assert page.locator(".opened h2").count() == 0
    assert page.evaluate("document.activeElement.id") == "search"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_picture_of_a_device_has_the_colours_of_the_page(
    opened: Opener, api: Api, ca: CertificateAuthority, scheme: str
) -> None:
    api.connect(ca.issue(common_name="bulb", country="KR"))
    page = opened(color_scheme=scheme)
    row(page, "bulb").click()
    page.locator(".opened .picture").wait_for()
    colours = """([selector, property, variable]) => {
      const probe = document.body.appendChild(document.createElement("i"));
      probe.style.color = `var(${variable})`;
      const wanted = getComputedStyle(probe).color;
      probe.remove();
      const found = getComputedStyle(document.querySelector(selector))[property];
      return [found, wanted];
    }"""
    for selector, property_, variable in (
        (".picture .node", "color", "--text"),
        (".picture .node", "backgroundColor", "--raised"),
        (".picture .node", "borderTopColor", "--line"),
        (".picture .what", "color", "--quiet"),
    ):
        found, wanted = page.evaluate(colours, [selector, property_, variable])
        assert found == wanted, (selector, property_)


def test_a_device_is_drawn_from_its_ca_to_its_sessions(
    opened: Opener, api: Api, ca: CertificateAuthority
) -> None:
    outcome = api.connect(ca.issue(common_name="bulb", country="KR"))
    session = f"/connections/{outcome['connectionId']}"
    api.post(f"{session}/subscribe", {"topicFilter": "lights/#"})
    for options in ({}, {"viewport": NARROW}):
        page = opened(**options)
        row(page, "bulb").click()
        nodes = page.locator(".opened .picture .node")
        nodes.first.wait_for()
        texts = [" ".join(text.split()) for text in nodes.all_inner_texts()]
        assert texts[0] == "CA CN=Acme Root"
        assert texts[1] == "Certificate ACTIVE"
        assert texts[3] == "Thing bulb"
        assert texts[5].startswith("Sessions bulb from ")
        assert texts[5].endswith(", subscribed to lights/#")
        assert not is_wider_than_the_window(page)
