"""Images of the library that go with each email: frozen at launch, read back from what was sent."""

from __future__ import annotations

from email import message_from_bytes, policy
from email.message import EmailMessage

import pytest
import sqlalchemy as sa
from flask import Flask

from campaigns.content.checks.findings import Level
from campaigns.content.compiled.source import Source
from campaigns.content.language.merge_text import ContentError
from campaigns.content.media import services as media_services
from campaigns.content.media import stores
from campaigns.content.media.models import Media
from campaigns.core import clock, config
from campaigns.core.db import db
from campaigns.core.errors import Conflict, Invalid
from campaigns.delivery.dispatch import launch
from campaigns.planning import preflight, testmails
from campaigns.planning import queries as planning_queries
from campaigns.planning import services as planning_services
from campaigns.planning.attachments import images, queries, services
from campaigns.planning.attachments.models import Attachment
from campaigns.planning.models import Campaign
from tests.browser_client import BrowserClient
from tests.content.media import pictures
from tests.delivery.factories import send
from tests.factories import make_campaign, make_list, make_server, make_subscriber
from tests.fakes.smtp_server import SmtpServer

OTHER = "https://elsewhere.example/x.png"


def make_image(name: str = "Löft.jpg", width: int = 60) -> Media:
    made = media_services.add(name, pictures.photo(width, 30), now=clock.now())
    db.session.commit()
    return made


def html_with(*images_: Media, base: str = "") -> str:
    shown = "".join(
        f'<p>{{% if 2 > 1 %}}<img alt="A > B" src="{base}{each.widest.path}" width="60">{{% endif %}}</p>'
        for each in images_
    )
    return f'<html><body>{shown}<img src="{OTHER}" alt="x"><a href="https://a.example/">{{{{ name }}}}</a></body></html>'


def make_draft(html: str, **values) -> Campaign:
    readers = make_list()
    make_subscriber("ana@example.com", lists=[readers])
    make_subscriber("bo@example.com", lists=[readers])
    return make_campaign(lists=[readers], html=html, attach_images=True, **values)


def parts_of(mail: EmailMessage) -> dict[str, bytes]:
    """The bytes of the parts that have an id, by it."""
    return {
        part["Content-ID"].strip("<>"): part.get_payload(decode=True)
        for part in mail.walk()
        if part["Content-ID"]
    }


def read(raw: bytes) -> EmailMessage:
    mail = message_from_bytes(raw, policy=policy.default)
    assert isinstance(mail, EmailMessage)
    assert not [part.defects for part in mail.walk() if part.defects]
    return mail


def test_each_email_carries_the_images_it_shows_as_they_were_at_launch(each_database: Flask) -> None:
    image = make_image()
    data = stores.current().get(image.widest.object_name)
    with SmtpServer() as server:
        campaign = make_draft(
            html_with(image, image, base=config.current().public_url),
            server_id=make_server(port=server.port).id,
        )
        services.add(campaign, "Programm.pdf", b"%PDF-1.7", now=clock.now())
        planning_services.schedule(campaign, at=clock.now(), now=clock.now())
        db.session.commit()
        launch.launch(campaign.id, clock.now())
        stores.current().delete(image.widest.object_name)
        send(campaign)
    assert len(server.messages) == 2
    for _sender, _recipient, raw in server.messages:
        mail = read(raw)
        assert [part.get_content_type() for part in mail.walk() if part.is_multipart()] == [
            *("multipart/mixed", "multipart/related", "multipart/alternative"),
        ]
        ((content_id, found),) = parts_of(mail).items()
        assert found == data
        html = mail.get_body(("html",)).get_content()
        assert html.count(f'src="cid:{content_id}"') == 2
        assert "/media/" not in html
        assert OTHER in html
        assert [each.get_filename() for each in mail.iter_attachments()] == ["Programm.pdf"]


def test_images_are_loaded_from_here_unless_somebody_chose_otherwise(app: Flask) -> None:
    campaign = make_draft(html_with(make_image()))
    services.set_attach_images(campaign, is_on=False, now=clock.now())
    person = testmails.previews.person_for(campaign, "ana@example.com")
    raw = testmails.source_of(campaign, person, now=clock.now())
    assert parts_of(read(raw)) == {}
    assert read(raw).get_content_type() == "multipart/alternative"
    services.set_attach_images(campaign, is_on=True, now=clock.now())
    assert len(parts_of(read(testmails.source_of(campaign, person, now=clock.now())))) == 1


def test_the_web_version_and_the_preview_keep_the_addresses(app: Flask) -> None:
    image = make_image()
    campaign = make_draft(html_with(image))
    shown = testmails.previews.render(campaign, None)
    assert image.widest.path in shown.html
    assert "cid:" not in shown.html


def test_an_image_that_is_gone_or_of_another_site_stays_a_link(app: Flask) -> None:
    image = make_image()
    stores.current().delete(image.widest.object_name)
    foreign = make_image("b.png")
    html = html_with(image) + f'<img src="https://other.example{foreign.widest.path}" alt="">'
    campaign = make_draft(html)
    sources = queries.with_files({"": source_of(html)}, campaign)
    assert sources[""].parts == ()
    assert sources[""].html == html


def test_a_tag_that_is_not_closed_is_said_and_nothing_is_read(app: Flask) -> None:
    campaign = make_draft(html_with(make_image()) + "{% if x %}")
    person = testmails.previews.person_for(campaign, "ana@example.com")
    with pytest.raises(ContentError):
        testmails.source_of(campaign, person, now=clock.now())
    assert preflight.images_of(campaign) == []


def source_of(html: str) -> Source:
    return Source("Hello", html, "news@example.com", "https://a.example", "example.com")


def test_icons_of_social_links_go_along(app: Flask) -> None:
    html = '<img src="/media/social/1/x.png" alt="X"><img src="/media/social/1/none.png" alt="">'
    campaign = make_draft(html)
    (part,) = queries.with_files({"": source_of(html)}, campaign)[""].parts
    assert (part.name, part.content_id) == ("x.png", "x@example.com")
    assert preflight.images_of(campaign) == [len(part.data)]


def test_each_language_carries_its_own_images(app: Flask) -> None:
    one, other = make_image("one.png"), make_image("other.png", 90)
    campaign = make_draft(html_with(one))
    sources = queries.with_files({"": source_of(html_with(one)), "de": source_of(html_with(other))}, campaign)
    assert [[part.name for part in each.parts] for each in sources.values()] == [["one.jpg"], ["other.jpg"]]


def test_a_copy_attaches_its_images_too_and_a_sent_campaign_is_not_changed(app: Flask) -> None:
    make_server(is_default=True)
    campaign = make_draft(html_with(make_image(), base=config.current().public_url))
    copied = planning_services.copy_campaign(campaign, now=clock.now(), created_by=None)
    assert copied.attach_images
    planning_services.schedule(campaign, at=clock.now(), now=clock.now())
    with pytest.raises(Conflict):
        services.set_attach_images(campaign, is_on=False, now=clock.now())


def test_too_large_images_are_found_before_sending_and_never_frozen(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    campaign = make_draft(html_with(make_image()))
    found = {
        each.level: str(each.sentence) for each in preflight.of(campaign).findings if each.where == "files"
    }
    assert found[Level.FINE].startswith("The images have 1 KB")
    monkeypatch.setattr("campaigns.content.checks.findings.LARGEST_TOTAL", 100)
    monkeypatch.setattr(images, "LARGEST_TOTAL", 100)
    assert any(each.where == "files" for each in preflight.of(campaign).must_fix)
    with pytest.raises(Invalid, match="10 MB"):
        planning_services.freeze_revision(campaign, clock.now())


def test_files_and_images_count_together(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    image = make_image()
    campaign = make_draft(html_with(image))
    services.add(campaign, "a.txt", b"x" * 200, now=clock.now())
    monkeypatch.setattr(images, "LARGEST_TOTAL", image.widest.size + 100)
    with pytest.raises(Invalid, match="10 MB"):
        planning_services.freeze_revision(campaign, clock.now())
    assert (
        db.session.scalar(
            sa.select(sa.func.count()).select_from(Attachment).where(Attachment.content_id != "")
        )
        == 0
    )


def test_somebody_turns_it_on_and_reads_how_large_that_is(ben: BrowserClient) -> None:
    campaign = make_draft(html_with(make_image()))
    services.set_attach_images(campaign, is_on=False, now=clock.now())
    db.session.commit()
    url = f"/campaigns/{campaign.id}/attachments"
    page = ben.get(url).get_data(as_text=True)
    assert "Library images in this email: 1, " in page
    ben.post(f"{url}/images", data={"attach_images": "y"})
    db.session.expire_all()
    assert planning_queries.campaign(campaign.id).attach_images
    assert "Images attached" in ben.get(f"/campaigns/{campaign.id}/edit").get_data(as_text=True)
    ben.post(f"{url}/images", data={})
    db.session.expire_all()
    assert not planning_queries.campaign(campaign.id).attach_images


def test_addresses_that_are_no_image_of_ours_are_not_looked_for(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(images.media_queries, "bytes_for", asked.append)
    html = "".join(f'<img src="/media/{number:040x}/a.png" alt="">' for number in range(500))
    assert images.read([source_of(html)]) == []
    assert asked == []


def test_more_images_than_an_email_may_carry_are_refused(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images, "MOST_IMAGES", 1)
    html = html_with(make_image(), make_image("b.jpg"))
    with pytest.raises(Invalid, match="1 images"):
        images.read([source_of(html)])
