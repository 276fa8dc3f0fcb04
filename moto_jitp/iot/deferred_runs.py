"""Provisioning that takes its time, so that code which polls for ACTIVE can be tested.

On AWS a run ends a second or more after its connection. Here it ends at once, unless
moto's state manager says otherwise for the model ``iot::jitp``: after some seconds of the clock, or
after the device's certificate has been looked at some number of times.
https://docs.getmoto.org/en/latest/docs/configuration/state_transition/index.html
"""

from __future__ import annotations

from collections.abc import Callable

from moto.core.responses import ActionResult
from moto.moto_api import state_manager
from moto.moto_api._internal.managed_state_model import ManagedState

from .actions import IoTActions
from .provisioning_run import ProvisioningRun
from .thing_principals import ThingPrincipals

MODEL = "iot::jitp"
_WAITING, _DUE = "WAITING", "DUE"

state_manager.register_default_transition(MODEL, {"progression": "immediate"})


def is_immediate() -> bool:
    """Whether runs end within the connection that sets them off."""
    return bool(state_manager.get_transition(MODEL)["progression"] == "immediate")


class DeferredRun:
    """A run that has been set off and not been carried out yet."""

    def __init__(self, execute: Callable[[], ProvisioningRun]) -> None:
        self._execute = execute
        self._state = ManagedState(MODEL, transitions=[(_WAITING, _DUE)])
        self.when_done: Callable[[ProvisioningRun], None] | None = None

    def look(self) -> None:
        """Count one look at the certificate."""
        self._state.advance()

    @property
    def is_due(self) -> bool:
        """Whether its time has come, or the number of looks been reached."""
        return self._state.status == _DUE

    def carry_out(self) -> None:
        """Execute the template and tell who wants to know."""
        run = self._execute()
        if self.when_done is not None:
            self.when_done(run)


class DeferredRuns(ThingPrincipals):
    """The part of the backend that keeps runs until they are due."""

    def __init__(self, region_name: str, account_id: str) -> None:
        super().__init__(region_name, account_id)
        self.deferred_runs: dict[str, DeferredRun] = {}

    def carry_out_due_runs(self, looked_at: str | None = None) -> None:
        """Carry out the runs whose time has come.

        Args:
            looked_at: the id of a certificate that was just looked at, which counts for its run.
        """
        if not self.deferred_runs:
            return
        with self.lock:
            if looked_at in self.deferred_runs:
                self.deferred_runs[looked_at].look()
            for certificate_id, run in list(self.deferred_runs.items()):
                if certificate_id not in self.certificates:
                    del self.deferred_runs[certificate_id]
                elif run.is_due:
                    del self.deferred_runs[certificate_id]
                    run.carry_out()


class DeferredRunActions(IoTActions):
    """DescribeCertificate, which is a look at the certificate."""

    @property
    def backend(self) -> DeferredRuns:
        return self.any_backend()  # type: ignore[no-any-return]

    def describe_certificate(self) -> ActionResult:
        self.backend.carry_out_due_runs(looked_at=self._get_param("certificateId"))
        return super().describe_certificate()
