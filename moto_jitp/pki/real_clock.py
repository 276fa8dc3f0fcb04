"""Makes cryptography use the real ``datetime`` before a test freezes the clock.

cryptography looks the class up once, when it first makes or reads a certificate's time. If that
happens while freezegun has replaced the class, it never accepts any other again: later tests would
fail with an unexplained TypeError.
"""

from __future__ import annotations

import datetime
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey


def meet_real_clock() -> None:
    """Make and read one certificate with the real class in place; this takes half a millisecond."""
    datetime_class: Any = datetime.datetime
    # freezegun's class derives from the real one, and is the only one with a metaclass.
    real: Any = next(kind for kind in datetime_class.__mro__ if type(kind) is type)
    datetime.datetime = real  # type: ignore[misc]
    try:
        key, name = Ed25519PrivateKey.generate(), x509.Name([])
        moment = real(2000, 1, 1)
        certificate = (
            x509.CertificateBuilder(name, name, key.public_key(), 1, moment, moment)
        ).sign(key, None)
        assert certificate.not_valid_after_utc
    finally:
        datetime.datetime = datetime_class  # type: ignore[misc]
