"""Provisioning that takes its time, so that code which polls for ACTIVE can be tested.

On AWS a run ends a second or more after its connection. Here it ends at once, unless
moto's state manager says otherwise for the model ``iot::jitp``: after some seconds of the clock, or
after the device has been looked at some number of times. A look is to describe its certificate or
its thing, to list certificates or things, or to have it connect.

What time has finished is carried out by the next call of any AWS service but S3 (whose requests
moto serves by another way, and in which nothing of a run shows), with the time at which it was due:
whoever polls a metric, the trail, the log or a shadow sees it, too.
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
        UnusableTransition: by the state manager's setting no run would ever end.
    """
    return bool(transition_of(MODEL)["progression"] == "immediate")


class DeferredRun:
    """A run that has been set off and not been carried out yet.

    It goes by the settings in force when it was set off, also where their block has ended since.

    Args:
        certificate: the certificate that it provisions.
        thing_name: the thing that it will make or change, as far as that can be said beforehand.
        execute: carries it out.
        seconds: after how many seconds of the clock; ``None`` for what the state manager says.
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
        """Return when its time came, or now where the number of looks has been reached.

        Returns:
            The moment in UTC; ``None`` where it is not due yet.

        Raises:
            UnusableTransition: by the state manager's setting no run would ever end.
        """
        now = datetime.now(timezone.utc)
        if self._seconds is not None:
            moment = self._set_off + timedelta(seconds=self._seconds)
            return moment if moment <= now else None
        setting = transition_of(MODEL)
        if setting["progression"] == "time":
            moment = self._set_off + timedelta(seconds=setting["seconds"])
            # Not by moto's ManagedState, for which a clock held at this very moment is too soon.
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
            # The certificate was deleted and the device has registered again: the run before ends.
            before = self.runs.pop(certificate_id, None)
            self.runs[certificate_id] = run
            if before is not None:
                before.carry_out(datetime.now(timezone.utc))

    def find(self, certificate_id: str) -> DeferredRun | None:
        """Return the run of a certificate; ``None`` where there is none that has not ended."""
        return self.runs.get(certificate_id)

    def is_being_provisioned(self, certificate: DeviceCertificate) -> bool:
        """Whether a run for a certificate has been set off and has not ended."""
        run = self.runs.get(certificate.certificate_id)
        return run is not None and run.certificate is certificate

    def note_call(self, operation: str, parameter: Callable[[str], str | None]) -> None:
        """Count an API call as a look at the devices that it is about, and carry out what is due.

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
        """Carry out the runs whose time has come.

        Args:
            connecting: the id of a device's certificate that connects, which counts for its run.

        Raises:
            UnusableTransition: by the state manager's setting no run would ever end.
        """
        if not self.runs:
            return
        with HandingOnLater(), self._registry.lock:
            if connecting in self.runs:
                self.runs[connecting].look()
            moments = {key: run.due() for key, run in self.runs.items()}
            due = {key: moment for key, moment in moments.items() if moment is not None}
            # In the order in which they would have ended: one may need what another makes.
            for key in sorted(due, key=due.__getitem__):
                self.runs.pop(key).carry_out(due[key])


@finishes(Turn.RUNS)
def carry_out_due_runs() -> None:
    """Carry out the runs that time has finished, in every account and Region.

    By a setting that is unusable none is due: only calls of AWS IoT report it.
    """
    for backend in existing_backends():
        # moto's reset takes every attribute away for a moment.
        deferred = getattr(backend, "deferred", None)
        if isinstance(deferred, DeferredRuns):
            with suppress(UnusableTransition):
                deferred.carry_out_due_runs()
