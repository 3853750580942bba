"""The part of a form that says how a sending server or a mailbox is entered: with a password or OAuth 2."""

from __future__ import annotations

from collections.abc import Mapping, Set
from typing import ClassVar

from flask_wtf import FlaskForm
from wtforms import PasswordField, SelectField, StringField
from wtforms.validators import Length, Optional

from campaigns.accounts.forms import choices, trimmed
from campaigns.core.i18n import _
from campaigns.settings.oauth import Account, OAuth2

PASSWORD, OAUTH2 = "password", "oauth2"
SIGN_IN = ((PASSWORD, _("Password")), (OAUTH2, _("OAuth 2")))
OTHER = "other"
TOKEN_URLS = {
    "google": "https://oauth2.googleapis.com/token",
    "microsoft": "https://login.microsoftonline.com/common/oauth2/v2.0/token",
}
PROVIDERS = (("google", "Google"), ("microsoft", "Microsoft 365"), (OTHER, _("Other provider")))


class SignInForm(FlaskForm):
    """`scopes`: what each provider is asked for. `shown_first`: the fields that everybody needs; the others fold
    away."""

    scopes: ClassVar[Mapping[str, str]]
    shown_first: ClassVar[Set[str]]

    sign_in = SelectField(_("Authentication"), choices=choices(SIGN_IN), default=PASSWORD)
    provider = SelectField(_("OAuth provider"), choices=choices(PROVIDERS), default="google")
    token_url = StringField(
        _("Token URL"),
        [Optional(), Length(max=500)],
        filters=[trimmed],
        render_kw={"placeholder": "https://login.example.com/token", "spellcheck": "false"},
    )
    scope = StringField(_("Scope"), [Optional(), Length(max=500)], filters=[trimmed])
    client_id = StringField(
        _("Client ID"), [Optional(), Length(max=500)], filters=[trimmed], render_kw={"autocomplete": "off"}
    )
    client_secret = PasswordField(
        _("Client secret"), [Optional()], render_kw={"autocomplete": "new-password"}
    )
    refresh_token = PasswordField(
        _("Refresh token"), [Optional()], render_kw={"autocomplete": "new-password"}
    )

    def show_sign_in(self, account: Account | None) -> None:
        """Fill in how it is entered now."""
        if account is None or account.token_url is None:
            return
        self.sign_in.data, self.scope.data = OAUTH2, account.token_scope or ""
        pair = (account.token_url, self.scope.data)
        self.provider.data = next((name for name in TOKEN_URLS if self._known(name) == pair), OTHER)

    @property
    def is_advanced(self) -> bool:
        """Whether something is wrong or set that few need to change."""
        return self.sign_in.data == OAUTH2 or any(name not in self.shown_first for name in self.errors)

    def signs_in(self) -> OAuth2:
        """How access tokens are obtained; empty if there is a password."""
        if self.sign_in.data != OAUTH2:
            return OAuth2()
        url, scope = self.token_url.data or "", self.scope.data or ""
        if self.provider.data in TOKEN_URLS:
            url, scope = self._known(self.provider.data)
        # Without a token URL the choice would silently become a password.
        return OAuth2(
            url or "-", self.client_id.data or "", self.client_secret.data, self.refresh_token.data, scope
        )

    @property
    def typed_password(self) -> str | None:
        """The password that was typed, unless OAuth 2 is chosen."""
        return None if self.sign_in.data == OAUTH2 else self["password"].data or None

    def _known(self, provider: str) -> tuple[str, str]:
        return TOKEN_URLS[provider], self.scopes[provider]
