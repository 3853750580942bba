"""Images in an S3-compatible bucket."""

from __future__ import annotations

import io
import re
from functools import lru_cache
from pathlib import Path
from urllib.parse import urlsplit

import urllib3
from minio import Minio
from minio.error import InvalidResponseError, MinioException, S3Error
from urllib3.exceptions import HTTPError

from campaigns.content.media import storage
from campaigns.content.media.storage import Unavailable
from campaigns.core.config import S3
from campaigns.core.i18n import _

CONNECT_S, READ_S = 3.0, 15.0
MISSING = {"NoSuchKey", "NotFound", "NoSuchObject"}
_CODE = re.compile(r"<Code>(\w{1,60})</Code>")
IMMUTABLE = "public, max-age=31536000, immutable"


class Bucket:
    """A bucket, under the prefix `media/`."""

    def __init__(self, settings: S3) -> None:
        self.settings = settings
        self.client = _client(settings)

    def put(self, name: str, data: bytes, content_type: str) -> None:
        try:
            self.client.put_object(
                bucket_name=self.settings.bucket,
                object_name=_object(name),
                data=io.BytesIO(data),
                length=len(data),
                content_type=content_type,
                metadata={"Cache-Control": IMMUTABLE},
            )
        except (MinioException, HTTPError, OSError) as error:
            raise _refusal(error) from None

    def get(self, name: str) -> bytes:
        answer = None
        try:
            answer = self.client.get_object(bucket_name=self.settings.bucket, object_name=_object(name))
            return bytes(answer.read())
        except (MinioException, HTTPError, OSError) as error:
            raise _refusal(error) from None
        finally:
            if answer is not None:
                answer.close()
                answer.release_conn()

    def delete(self, name: str) -> None:
        try:
            self.client.remove_object(bucket_name=self.settings.bucket, object_name=_object(name))
        except (MinioException, HTTPError, OSError) as error:
            raise _refusal(error) from None

    def exists(self, name: str) -> bool:
        try:
            self.client.stat_object(bucket_name=self.settings.bucket, object_name=_object(name))
        except S3Error as error:
            if error.code in MISSING:
                return False
            raise _refusal(error) from None
        except (MinioException, HTTPError, OSError) as error:
            raise _refusal(error) from None
        return True

    def path(self, name: str) -> Path | None:
        return None


@lru_cache(maxsize=4)
def _client(settings: S3) -> Minio:
    parts = urlsplit(settings.endpoint)
    pool = urllib3.PoolManager(
        timeout=urllib3.Timeout(connect=CONNECT_S, read=READ_S), retries=urllib3.Retry(1, backoff_factor=0.2)
    )
    client = Minio(
        endpoint=parts.netloc,
        access_key=settings.key,
        secret_key=settings.secret,
        secure=parts.scheme == "https",
        region=settings.region,
        http_client=pool,
    )
    if settings.path_style:
        client.disable_virtual_style_endpoint()
    else:
        client.enable_virtual_style_endpoint()
    return client


def _object(name: str) -> str:
    if not storage.OBJECT.fullmatch(name):
        raise storage.missing()
    return f"media/{name}"


def _refusal(error: Exception) -> Exception:
    """What went wrong, without the answer of the server: it may repeat what it was sent."""
    word = _word(error)
    if word in MISSING:
        return storage.missing()
    if word == "NoSuchBucket":
        return Unavailable(_("The bucket for images doesn't exist. Ask an admin to check MEDIA_S3_BUCKET."))
    if word:
        return Unavailable(
            _("The image store refused the request. Ask an admin to check its key and secret.")
        )
    return Unavailable(_("The image store can't be reached. Nothing was changed. Try again in a moment."))


def _word(error: Exception) -> str:
    """The S3 error code; empty without one. minio does not read answers of the type text/xml, which some servers give."""
    if isinstance(error, S3Error):
        return error.code or ""
    found = _CODE.search(str(error)) if isinstance(error, InvalidResponseError) else None
    return found[1] if found else ""
