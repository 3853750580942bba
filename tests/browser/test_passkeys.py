"""Passkeys in a real browser, with the authenticator that Chromium has for tests."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
from flask import Flask
from playwright.sync_api import Browser, Page, expect

from tests.browser.chromium import sign_in, window
from tests.browser.serving import serving
from tests.factories import make_cast_member

pytestmark = [pytest.mark.browser, pytest.mark.slow]

AUTHENTICATOR = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


@contextmanager
def with_authenticator(browser: Browser, app: Flask) -> Iterator[Page]:
    """A window on the app at a host name, which passkeys need, and an authenticator in it."""
    make_cast_member("ada")
    with serving(app) as url:
        url = url.replace("127.0.0.1", "localhost")
        app.extensions["columba"] = replace(app.extensions["columba"], public_url=url)
        with window(browser, url) as page:
            devtools = page.context.new_cdp_session(page)
            devtools.send("WebAuthn.enable")
            devtools.send("WebAuthn.addVirtualAuthenticator", {"options": AUTHENTICATOR})
            yield page


def test_a_passkey_is_made_and_then_signs_in_alone_and_as_second_step(browser: Browser, app: Flask) -> None:
    with with_authenticator(browser, app) as page:
        sign_in(page, "ada@example.com")
        page.goto("/profile/security/passkeys/new")
        page.get_by_label("Name").fill("Laptop")
        page.get_by_role("button", name="Add passkey").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Save your recovery codes")
        page.get_by_role("link", name="I've saved them").click()
        expect(page.get_by_text("Laptop", exact=True)).to_be_visible()

        page.context.clear_cookies()
        page.goto("/sign-in")
        page.get_by_role("button", name="Sign in with a passkey").click()
        page.wait_for_url(lambda url: "/sign-in" not in url)

        page.context.clear_cookies()
        page.goto("/sign-in")
        page.locator("input[type=email]").fill("ada@example.com")
        page.locator("input[type=password]").fill("correct horse battery staple")
        page.get_by_role("button", name="Sign in", exact=True).click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Two-step verification")
        page.get_by_label("Remember this device").check()
        page.get_by_role("button", name="Use a passkey").click()
        page.wait_for_url(lambda url: "/sign-in" not in url)
        page.goto("/profile/security")
        expect(page.get_by_text("Remembered until")).to_be_visible()


def test_who_closes_the_dialog_stays_on_the_page(browser: Browser, app: Flask) -> None:
    with with_authenticator(browser, app) as page:
        sign_in(page, "ada@example.com")
        page.goto("/profile/security/passkeys/new")
        page.evaluate(
            "() => { navigator.credentials.create = () => Promise.reject(new DOMException('', 'NotAllowedError')) }"
        )
        page.get_by_role("button", name="Add passkey").click()
        expect(page.get_by_role("alert")).to_contain_text("No passkey was created")
        assert page.url.endswith("/profile/security/passkeys/new")
