"""The server's log: requests and what happened to devices, as text or as JSON."""

from __future__ import annotations

import io
import json
import logging
import time
from datetime import datetime, timezone
from typing import IO, Any, Literal, cast

from werkzeug.serving import DechunkedInput

from moto_jitp.devices import ConnectionAttempt, RefusalReason
from moto_jitp.history.explanation import explain
from moto_jitp.iot.account.endpoints import local_endpoints
from moto_jitp.printing import one_line

from .keep_alive import KeepAliveHandler
from .uploads import INPUT_KEY, TimedInput, WholeChunks

LogFormat = Literal["text", "json"]

# The first bytes of a TLS handshake and of an MQTT CONNECT.
_NOT_HTTP = {b"\x16": "TLS", b"\x10": "MQTT"}

log = logging.getLogger("moto_jitp.server")


class RequestHandler(KeepAliveHandler):
    """Answers requests and logs them through :data:`log`."""

    # A silent client occupies its thread for at most this many seconds.
    timeout = 120

    def setup(self) -> None:
        super().setup()
        assert isinstance(self.rfile, io.BufferedReader)
        self._input = TimedInput(self.connection, self.rfile.detach())
        self.rfile = io.BufferedReader(self._input)

    def make_environ(self) -> dict[str, Any]:
        environ = super().make_environ()
        if "wsgi.input_terminated" in environ:
            environ["wsgi.input"] = DechunkedInput(cast("IO[bytes]", WholeChunks(self.rfile)))
        return {**environ, INPUT_KEY: self._input}

    def handle_one_request(self) -> None:
        self._input.limit_to(None)
        try:
            is_device = self._is_a_device()
        except TimeoutError:
            self.close_connection = True  # it sends nothing more
            return
        self._began = time.perf_counter()
        if is_device:
            self.close_connection = True
            return
        super().handle_one_request()

    def _is_a_device(self) -> bool:
        """Whether a TLS or MQTT client has connected to the HTTP port; the log says where to
        connect instead."""
        try:
            assert isinstance(self.rfile, io.BufferedReader)
            first = self.rfile.peek(1)[:1]
        except TimeoutError:
            raise
        except OSError:
            return False  # the caller will log it
        protocol = _NOT_HTTP.get(first)
        if protocol is None:
            return False
        advice = "no device endpoint runs here: start the server with --mqtt-port 8883"
        if local_endpoints:
            local = local_endpoints[-1]
            advice = f"devices connect to host {local.host}, port {local.port}"
        log.warning(
            "A client speaks %s to this port, which is for HTTP; %s",
            protocol,
            advice,
            extra=_extra("error", {"client": self.address_string()}),
        )
        return True

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        if not log.isEnabledFor(logging.INFO):
            return
        fields = {
            "method": getattr(self, "command", None) or "-",
            "path": getattr(self, "path", "-"),
            "status": int(code) if str(code).isdigit() else 0,
            "milliseconds": round((time.perf_counter() - self._began) * 1000, 1),
            "client": self.address_string(),
        }
        request_line = one_line(f"{fields['method']} {fields['path']}")
        log.info("%s %s", request_line, code, extra=_extra("request", fields))

    def log_error(self, format: str, *args: Any) -> None:
        message = one_line(format % args if args else format)
        log.warning("%s", message, extra=_extra("error", {"client": self.address_string()}))


def log_attempt(attempt: ConnectionAttempt) -> None:
    """Log what happened to a device; a refusal with the whole explanation."""
    if not log.isEnabledFor(logging.INFO):
        return
    fields = {
        "accepted": attempt.accepted,
        "reason": attempt.reason.value if attempt.reason else None,
        "certificateId": attempt.certificate_id,
        "subject": attempt.subject,
        "clientId": attempt.client_id,
        "id": attempt.attempt_id,
    }
    # RECONNECT_REQUIRED is a success, part of every first connection.
    failed = attempt.reason not in (None, RefusalReason.RECONNECT_REQUIRED)
    log.info(
        "device %s: %s",
        one_line(attempt.client_id) or "without MQTT",
        explain(attempt) if failed else one_line(attempt.message),
        extra=_extra("connection", fields),
    )


def _extra(event: str, fields: dict[str, Any]) -> dict[str, Any]:
    return {"jitp_event": event, "jitp_fields": fields}


class TextFormatter(logging.Formatter):
    """Time and message, on one line except for the explanation of a refusal and a traceback."""

    def format(self, record: logging.LogRecord) -> str:
        moment = datetime.fromtimestamp(record.created).strftime("%H:%M:%S")
        message = record.getMessage()
        # The lines of an explanation are those of explain(), which escapes all other line breaks.
        is_explanation = getattr(record, "jitp_event", None) == "connection"
        lines = message.split("\n") if is_explanation else [message]
        if record.exc_info:
            # Indented, because an exception may contain any text.
            lines += [f"  {line}" for line in self.formatException(record.exc_info).split("\n")]
        return "\n".join([f"{moment} {one_line(lines[0])}", *map(one_line, lines[1:])])


class JsonFormatter(logging.Formatter):
    """One JSON object per line: ``time``, ``level``, ``event``, ``message`` and the event's own
    fields.
    """

    def format(self, record: logging.LogRecord) -> str:
        entry: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, timezone.utc).isoformat(),
            "level": record.levelname,
            "event": getattr(record, "jitp_event", "message"),
            "message": record.getMessage(),
            **getattr(record, "jitp_fields", {}),
        }
        if record.exc_info:
            entry["traceback"] = self.formatException(record.exc_info)
        return json.dumps(entry)


def write_log(log_format: LogFormat) -> None:
    """Write the log to standard error.

    Args:
        log_format: ``"text"`` for people, ``"json"`` for programs.
    """
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter() if log_format == "json" else TextFormatter())
    # The endpoint's logger reports devices that never got as far as a connection attempt.
    for logger in (log, logging.getLogger("moto_jitp.endpoint")):
        logger.handlers[:] = [handler]
        logger.propagate = False
        logger.setLevel(logging.INFO)
