"""Groups receiving domains by receiver: domains of one receiver count, block and throttle together.

A group is named by its best-known domain. Most mailboxes are at a few providers, which the table contains;
for a company's own domain only its mail exchangers tell who receives for it (RFC 5321 section 5.1). They are
looked up only for domains in trouble.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence

from campaigns.core.addresses import ascii_domain

_MEMBERS = {
    "gmail.com": "googlemail.com google.com",
    "outlook.com": "hotmail.com live.com msn.com passport.com windowslive.com outlook.de outlook.fr outlook.es"
    " outlook.it outlook.pt outlook.jp outlook.at outlook.be outlook.dk outlook.ie outlook.cl outlook.cz"
    " outlook.hu outlook.kr outlook.lv outlook.sg outlook.sk outlook.ph outlook.sa outlook.co.th"
    " outlook.co.id outlook.co.il outlook.com.ar outlook.com.au outlook.com.br outlook.com.gr outlook.com.tr"
    " outlook.com.vn hotmail.de hotmail.fr hotmail.es hotmail.it hotmail.nl hotmail.be hotmail.ch hotmail.at"
    " hotmail.se hotmail.no hotmail.dk hotmail.fi hotmail.gr hotmail.ca hotmail.co.uk hotmail.co.jp"
    " hotmail.co.nz hotmail.co.th hotmail.co.kr hotmail.com.ar hotmail.com.au hotmail.com.br hotmail.com.tr"
    " live.de live.fr live.it live.nl live.be live.se live.no live.dk live.fi live.at live.ca live.cl live.ie"
    " live.jp live.ru live.cn live.in live.co.uk live.co.za live.co.kr live.com.ar live.com.au live.com.mx"
    " live.com.pt live.com.my live.com.sg",
    "yahoo.com": "ymail.com rocketmail.com myyahoo.com y7mail.com aol.com aim.com aol.de aol.fr aol.it aol.es"
    " aol.co.uk aol.jp love.com games.com wow.com netscape.net cs.com compuserve.com verizon.net yahoo.de"
    " yahoo.fr yahoo.es yahoo.it yahoo.ca yahoo.in yahoo.ie yahoo.gr yahoo.ro yahoo.pl yahoo.no yahoo.se"
    " yahoo.dk yahoo.fi yahoo.nl yahoo.at yahoo.ch yahoo.be yahoo.hu yahoo.cz yahoo.bg yahoo.lt yahoo.lv"
    " yahoo.pt yahoo.co.uk yahoo.co.in yahoo.co.id yahoo.co.nz yahoo.co.th yahoo.co.za yahoo.co.il"
    " yahoo.co.kr yahoo.com.ar yahoo.com.au yahoo.com.br yahoo.com.cn yahoo.com.co yahoo.com.hk"
    " yahoo.com.mx yahoo.com.my yahoo.com.ph yahoo.com.sg yahoo.com.tr yahoo.com.tw yahoo.com.vn att.net"
    " sbcglobal.net bellsouth.net ameritech.net flash.net nvbell.net pacbell.net prodigy.net snet.net swbell.net"
    " wans.net frontier.com frontiernet.net rogers.com sky.com",
    "yahoo.co.jp": "ybb.ne.jp",
    "icloud.com": "me.com mac.com",
    "gmx.net": "gmx.de gmx.at gmx.ch gmx.com gmx.eu gmx.org gmx.info gmx.biz gmx.li gmx.co.uk gmx.fr gmx.es"
    " gmx.us web.de mail.com email.de",
    "t-online.de": "magenta.de",
    "freenet.de": "freenetmail.de",
    "libero.it": "iol.it inwind.it blu.it giallo.it virgilio.it tin.it alice.it",
    "orange.fr": "wanadoo.fr voila.fr",
    "laposte.net": "",
    "free.fr": "freesbee.fr libertysurf.fr aliceadsl.fr online.fr",
    "sfr.fr": "neuf.fr cegetel.net club-internet.fr numericable.fr 9online.fr",
    "mail.ru": "bk.ru inbox.ru list.ru internet.ru",
    "yandex.ru": "ya.ru yandex.com yandex.by yandex.kz yandex.ua narod.ru",
    "seznam.cz": "email.cz post.cz spoluzaci.cz",
    "wp.pl": "o2.pl tlen.pl go2.pl",
    "onet.pl": "op.pl onet.eu poczta.onet.pl vp.pl",
    "proton.me": "protonmail.com protonmail.ch pm.me",
    "fastmail.com": "fastmail.fm sent.com",
    "comcast.net": "xfinity.com",
    "btinternet.com": "btopenworld.com talk21.com",
    "virginmedia.com": "ntlworld.com blueyonder.co.uk virgin.net",
    "ziggo.nl": "upcmail.nl home.nl chello.nl casema.nl",
    "kpnmail.nl": "planet.nl hetnet.nl xs4all.nl",
    "bluewin.ch": "bluemail.ch",
    "qq.com": "foxmail.com",
    "163.com": "126.com yeah.net",
    "naver.com": "",
    "daum.net": "hanmail.net kakao.com",
}
_GROUPS = {each: group for group, others in _MEMBERS.items() for each in (group, *others.split())}

# Suffixes of the mail exchangers of providers that also receive for other domains.
_EXCHANGERS = {
    "google.com": "gmail.com",
    "googlemail.com": "gmail.com",
    "smtp.goog": "gmail.com",
    "olc.protection.outlook.com": "outlook.com",
    # Companies at Microsoft are separate from its free mailboxes: other limits, other block lists.
    "mail.protection.outlook.com": "protection.outlook.com",
    "mx.microsoft": "protection.outlook.com",
    "yahoodns.net": "yahoo.com",
    "mail.icloud.com": "icloud.com",
    "emig.gmx.net": "gmx.net",
    "mx-ha.web.de": "gmx.net",
    "protonmail.ch": "proton.me",
    "messagingengine.com": "fastmail.com",
    "mx.yandex.net": "yandex.ru",
    "emx.mail.ru": "mail.ru",
}


@functools.lru_cache(maxsize=4096)
def group_of(domain: str) -> str:
    """The receiver of a domain, named by its best-known domain; an unknown domain is its own receiver.

    Accepts any spelling of a domain. `group_of(group_of(x)) == group_of(x)`.
    """
    try:
        name = ascii_domain(domain.strip().rstrip(".").lower())
    except UnicodeError:
        name = domain.strip().lower()
    return _GROUPS.get(name, name)


def group_of_exchanger(host: str) -> str:
    """The receiver behind a mail exchanger's name: a known provider, or the domain of the host."""
    labels = host.rstrip(".").lower().split(".")
    for start in range(len(labels)):
        known = _EXCHANGERS.get(".".join(labels[start:]))
        if known:
            return known
    return group_of(owner_of(host))


def group_at(domain: str, exchangers: Sequence[str]) -> str:
    """The receiver of a domain with these mail exchangers; without any it is its own receiver."""
    group = group_of(domain)
    return group_of_exchanger(exchangers[0]) if exchangers and group == domain else group


def is_provider(domain: str) -> bool:
    """Whether mailboxes at that domain (in A-labels) are a provider's, for anybody."""
    return domain.lower() in _GROUPS


def owner_of(host: str) -> str:
    """The domain that whoever owns a host has registered, as far as its labels tell."""
    labels = host.rstrip(".").lower().split(".")
    return ".".join(labels[-_own_labels(labels) :])


def _own_labels(labels: list[str]) -> int:
    """Number of labels, from the right, that name one owner: two, or three below suffixes like `co.uk`."""
    return 3 if len(labels) > 2 and len(labels[-1]) == 2 and len(labels[-2]) <= 3 else 2
