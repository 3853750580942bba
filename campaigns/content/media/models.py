"""Images of the library and the files made of them."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from campaigns.accounts.models import Operator
from campaigns.content.media import names
from campaigns.core.db import Model

LONGEST = {"name": 200, "alt": 500, "folder": 200}
IN_EMAILS = 600  # pixels: how wide an image stands in an email at most, unless somebody says otherwise


class Media(Model):
    """An image. Cropping, resizing and replacing it give it a new `version`, with files and URLs of its own."""

    __tablename__ = "media"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(sa.String(LONGEST["name"]))
    alt: Mapped[str] = mapped_column(sa.String(LONGEST["alt"]), default="")
    folder: Mapped[str] = mapped_column(sa.String(LONGEST["folder"]), default="", index=True)
    version: Mapped[int] = mapped_column(default=1)
    # The point that matters, in percent of width and height, around which others may cut.
    focal_x: Mapped[int] = mapped_column(sa.SmallInteger, default=50)
    focal_y: Mapped[int] = mapped_column(sa.SmallInteger, default=50)
    created_by_id: Mapped[int | None] = mapped_column(sa.ForeignKey("operator.id", ondelete="SET NULL"))
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    deleted_at: Mapped[datetime | None]  # in the trash since then; its files still serve what was sent

    created_by: Mapped[Operator | None] = relationship(lazy="joined")
    files: Mapped[list[MediaFile]] = relationship(
        back_populates="media",
        cascade="all, delete-orphan",
        order_by="MediaFile.width.desc()",
        lazy="selectin",
    )

    @property
    def current(self) -> list[MediaFile]:
        """The files of the newest version, widest first."""
        return [each for each in self.files if each.version == self.version]

    @property
    def widest(self) -> MediaFile:
        return self.current[0]

    @property
    def thumb(self) -> MediaFile:
        """The narrowest file: what the library shows."""
        return self.current[-1]

    @property
    def in_emails(self) -> MediaFile:
        """The file for emails: the narrowest with at least twice the pixels it is shown at, for sharp screens."""
        enough = [each for each in self.current if each.width >= 2 * IN_EMAILS]
        return (enough or self.current[:1])[-1]

    @property
    def shown_width(self) -> int:
        """How many pixels wide it stands in an email by itself."""
        return min(IN_EMAILS, self.widest.width)

    @property
    def is_deleted(self) -> bool:
        return self.deleted_at is not None


class MediaFile(Model):
    """One picture as a file: a version of an image in one width. `key` can't be guessed."""

    __tablename__ = "media_file"

    id: Mapped[int] = mapped_column(primary_key=True)
    media_id: Mapped[int] = mapped_column(sa.ForeignKey("media.id", ondelete="CASCADE"), index=True)
    version: Mapped[int]
    key: Mapped[str] = mapped_column(sa.String(40), unique=True)
    type: Mapped[str] = mapped_column(sa.String(4))  # a key of `imaging.TYPES`
    width: Mapped[int]
    height: Mapped[int]
    size: Mapped[int]  # bytes
    created_at: Mapped[datetime]

    media: Mapped[Media] = relationship(back_populates="files")

    @property
    def object_name(self) -> str:
        """Its name in the store."""
        return f"{self.key}.{self.type}"

    @property
    def path(self) -> str:
        """Its address on this site."""
        return f"/media/{self.key}/{names.in_url(self.media.name)}.{self.type}"
