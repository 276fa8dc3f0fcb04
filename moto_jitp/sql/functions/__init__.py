"""The functions of IoT SQL, which register themselves in ``FUNCTIONS``; one module per kind.

https://docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html
"""

from moto_jitp.sql.evaluation import FUNCTIONS

from . import account, collections, hashes, message, numbers, texts, times

__all__ = [
    "FUNCTIONS",
    "NOT_CARRIED_OUT",
    "account",
    "collections",
    "hashes",
    "message",
    "numbers",
    "texts",
    "times",
]

NOT_CARRIED_OUT = {
    "machinelearning_predict": (
        "it asks a model of Amazon Machine Learning, and moto has no such service"
    ),
}
"""Functions of the reference that are not emulated, and why."""
