"""Request limits shared by all web processes, kept in Redis, in memory while Redis is away."""

from flask_limiter import Limiter
from flask_limiter.util import get_remote_address

limiter = Limiter(
    key_func=get_remote_address, in_memory_fallback_enabled=True, swallow_errors=True, headers_enabled=False
)
