"""Mail providers and the domains of their addresses. Domains that companies have hosted elsewhere aren't known here."""

from __future__ import annotations

from collections.abc import Mapping

_MICROSOFT = (
    *("outlook.com", "hotmail.com", "live.com", "msn.com", "passport.com", "windowslive.com"),
    *(
        f"{name}.{end}"
        for name in ("hotmail", "live", "outlook")
        for end in ("de", "fr", "it", "es", "nl", "be")
    ),
    *(f"{name}.co.{end}" for name in ("hotmail", "live") for end in ("uk", "jp", "in")),
    *(
        "outlook.co.uk",
        "outlook.jp",
        "outlook.at",
        "hotmail.at",
        "live.at",
        "live.cn",
        "live.se",
        "hotmail.se",
    ),
)
_YAHOO = (
    *("yahoo.com", "ymail.com", "rocketmail.com", "myyahoo.com", "aol.com", "aim.com", "aol.de", "aol.co.uk"),
    *(
        f"yahoo.{end}"
        for end in ("de", "fr", "it", "es", "ca", "in", "ie", "gr", "pl", "se", "ro", "no", "dk")
    ),
    *(
        "yahoo.co.uk",
        "yahoo.co.in",
        "yahoo.com.au",
        "yahoo.com.br",
        "yahoo.com.mx",
        "yahoo.com.ar",
        "yahoo.com.sg",
    ),
)
DOMAINS: Mapping[str, frozenset[str]] = {
    "gmail": frozenset({"gmail.com", "googlemail.com"}),
    "microsoft": frozenset(_MICROSOFT),
    "yahoo": frozenset(_YAHOO),
    "icloud": frozenset({"icloud.com", "me.com", "mac.com"}),
    "proton": frozenset({"proton.me", "protonmail.com", "protonmail.ch", "pm.me"}),
    "gmx": frozenset({"gmx.de", "gmx.net", "gmx.at", "gmx.ch", "gmx.com", "gmx.eu", "web.de", "mail.com"}),
    "t_online": frozenset({"t-online.de", "magenta.de"}),
    "orange": frozenset({"orange.fr", "wanadoo.fr"}),
    "free": frozenset({"free.fr", "online.fr"}),
    "libero": frozenset({"libero.it", "virgilio.it", "iol.it"}),
    "mail_ru": frozenset({"mail.ru", "bk.ru", "inbox.ru", "list.ru", "internet.ru"}),
    "yandex": frozenset({"yandex.ru", "yandex.com", "ya.ru"}),
    "qq": frozenset({"qq.com", "foxmail.com", "vip.qq.com"}),
    "netease": frozenset({"163.com", "126.com", "yeah.net", "vip.163.com"}),
    "sina": frozenset({"sina.com", "sina.cn"}),
    "naver": frozenset({"naver.com"}),
    "comcast": frozenset({"comcast.net", "xfinity.com"}),
    "zoho": frozenset({"zoho.com", "zohomail.com"}),
}
NAMES: Mapping[str, str] = {
    "gmail": "Gmail",
    "microsoft": "Outlook, Hotmail",
    "yahoo": "Yahoo, AOL",
    "icloud": "iCloud",
    "proton": "Proton",
    "gmx": "GMX, WEB.DE",
    "t_online": "T-Online",
    "orange": "Orange",
    "free": "Free",
    "libero": "Libero",
    "mail_ru": "Mail.ru",
    "yandex": "Yandex",
    "qq": "QQ Mail",
    "netease": "NetEase 163, 126",
    "sina": "Sina",
    "naver": "Naver",
    "comcast": "Xfinity",
    "zoho": "Zoho",
}
