"""Slow provisioning, so that code that polls for ACTIVE can be tested.

On AWS a run ends a second or more after its connection. Here it ends at once, unless moto's state
manager says otherwise for the model ``iot::jitp``: after some seconds of the clock, or after some
number of looks at the device. A look is a call that describes its certificate or thing or lists
certificates or things, or a connection.

The next call of any AWS service but S3 (whose requests moto serves in another way, and which show
nothing of a run) carries out due runs, at the time at which they were due: code that polls a
metric, the trail, the log or a shadow sees them, too.
https://docs.getmoto.org/en/latest/docs/configuration/state_transition/index.html
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta, timezone

from moto.moto_api import state_manager

from moto_jitp import settings
from moto_jitp.broker.message_broker import HandingOnLater
from moto_jitp.due_work import Turn, finishes
from moto_jitp.history.acting_moment import acting_at
from moto_jitp.history.runs import ProvisioningRun
from moto_jitp.history.state import existing_backends
from moto_jitp.iot.certificates.device_certificates import DeviceCertificate
from moto_jitp.iot.registry.registry import Registry

from .state_transitions import UnusableTransition, transition_of

MODEL = "iot::jitp"
_LISTINGS = ("ListCertificates", "ListCertificatesByCA", "ListThings")

state_manager.register_default_transition(MODEL, {"progression": "immediate"})


def is_immediate() -> bool:
    """Whether runs end within the connection that sets them off.

    Raises:
        UnusableTransition: with the state manager's setting no run would ever end.
    """
    return bool(transition_of(MODEL)["progression"] == "immediate")


class DeferredRun:
    """A run that has been set off but not carried out yet.

    It uses the settings in force when it was set off, even if their block has since ended.

    Args:
        certificate: the certificate that it provisions.
        thing_name: the thing that it will make or change, if known in advance.
        execute: carries it out.
        seconds: after how many seconds of the clock; ``None`` for the state manager's setting.
    """

    def __init__(
        self,
        certificate: DeviceCertificate,
        thing_name: str | None,
        execute: Callable[[], ProvisioningRun],
        seconds: float | None = None,
    ) -> None:
        self.certificate = certificate
        self.thing_name = thing_name
        self._execute = execute
        self._seconds = seconds
        self._settings = settings.current()
        self._looks = 0
        self._set_off = datetime.now(timezone.utc)
        self.when_done: Callable[[ProvisioningRun, datetime], None] | None = None

    def look(self) -> None:
        """Count one look at the device."""
        self._looks += 1

    def due(self) -> datetime | None:
        """Return when it fell due, or now if the number of looks has been reached.

        Returns:
            The moment in UTC; ``None`` if it is not due yet.

        Raises:
            UnusableTransition: with the state manager's setting no run would ever end.
        """
        now = datetime.now(timezone.utc)
        if self._seconds is not None:
            moment = self._set_off + timedelta(seconds=self._seconds)
            return moment if moment <= now else None
        setting = transition_of(MODEL)
        if setting["progression"] == "time":
            moment = self._set_off + timedelta(seconds=setting["seconds"])
            # Not by moto's ManagedState, for which a clock frozen at this very moment is too early.
            return moment if moment <= now else None
        if setting["progression"] == "manual" and self._looks < setting["times"]:
            return None
        return now

    def carry_out(self, moment: datetime) -> None:
        """Execute the template and notify the observers.

        Args:
            moment: when it ends, in UTC.
        """
        with acting_at(moment), settings.held(self._settings):
            run = self._execute()
        if self.when_done is not None:
            self.when_done(run, moment)


class DeferredRuns:
    """Keeps runs until they are due.

    Args:
        registry: the account's and Region's tables.

    Attributes:
        runs: those that have not ended, by the id of their certificate.
    """

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self.runs: dict[str, DeferredRun] = {}

    def defer(self, run: DeferredRun) -> None:
        """Keep a run until it is due."""
        with self._registry.lock:
            certificate_id = run.certificate.certificate_id
            # The certificate was deleted and the device has registered again: the previous run
            # ends.
            before = self.runs.pop(certificate_id, None)
            self.runs[certificate_id] = run
            if before is not None:
                before.carry_out(datetime.now(timezone.utc))

    def find(self, certificate_id: str) -> DeferredRun | None:
        """Return the run in progress of a certificate; ``None`` if there is none."""
        return self.runs.get(certificate_id)

    def is_being_provisioned(self, certificate: DeviceCertificate) -> bool:
        """Whether a run for a certificate is in progress."""
        run = self.runs.get(certificate.certificate_id)
        return run is not None and run.certificate is certificate

    def note_call(self, operation: str, parameter: Callable[[str], str | None]) -> None:
        """Count an API call as a look at its devices, and carry out due runs.

        Args:
            operation: its name, such as ``DescribeCertificate``.
            parameter: returns one of its parameters by name.
        """
        if not self.runs:
            return
        with self._registry.lock:
            for certificate_id, run in self.runs.items():
                if (
                    operation in _LISTINGS
                    or (
                        operation == "DescribeCertificate"
                        and parameter("certificateId") == certificate_id
                    )
                    or (operation == "DescribeThing" and parameter("thingName") == run.thing_name)
                ):
                    run.look()
            self.carry_out_due_runs()

    def carry_out_due_runs(self, connecting: str | None = None) -> None:
        """Carry out the runs that are due.

        Args:
            connecting: the id of the certificate of a device that connects, which counts as a look.

        Raises:
            UnusableTransition: with the state manager's setting no run would ever end.
        """
        if not self.runs:
            return
        with HandingOnLater(), self._registry.lock:
            if connecting in self.runs:
                self.runs[connecting].look()
            moments = {key: run.due() for key, run in self.runs.items()}
            due_moments = {key: moment for key, moment in moments.items() if moment is not None}
            # In the order in which they would have ended: a run may need what an earlier one makes.
            for key in sorted(due_moments, key=due_moments.__getitem__):
                self.runs.pop(key).carry_out(due_moments[key])


@finishes(Turn.RUNS)
def carry_out_due_runs() -> None:
    """Carry out the due runs of every account and Region.

    With an unusable setting none is due; only calls of AWS IoT report it.
    """
    for backend in existing_backends():
        # moto's reset briefly removes every attribute.
        deferred = getattr(backend, "deferred", None)
        if isinstance(deferred, DeferredRuns):
            with suppress(UnusableTransition):
                deferred.carry_out_due_runs()
