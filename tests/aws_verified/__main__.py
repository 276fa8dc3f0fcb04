"""``python -m aws_verified``: lists what verified tests have left in an account."""

from __future__ import annotations

import argparse
import sys

from .account import VARIABLE, Account, NotReadyForAwsError, account_on_aws, is_asked_for
from .clean_up import PROJECT, CleanUp


def main(arguments: list[str] | None = None) -> int:
    """List what is there, and delete it if requested.

    Returns:
        The exit code: 0, 1 if something could not be deleted, 2 if AWS cannot be reached.
    """
    parser = argparse.ArgumentParser(
        prog="python -m aws_verified",
        description=f"List what verified tests have left on AWS: whatever begins with {PROJECT}.",
    )
    parser.add_argument("--delete", action="store_true", help="delete it, too")
    options = parser.parse_args(arguments)
    try:
        if not is_asked_for():
            raise NotReadyForAwsError(f"Set {VARIABLE}=1: without it nothing reaches AWS.")
        account = account_on_aws()
    except NotReadyForAwsError as error:
        print(error, file=sys.stderr)
        return 2
    return sweep(account, delete=options.delete)


def sweep(account: Account, *, delete: bool) -> int:
    """Print what is left in an account, and delete it if requested.

    Returns:
        The exit code.
    """
    clean_up = CleanUp(account, PROJECT)
    found = clean_up.found()
    print(f"Account {account.account_id}, {account.region}: {len(found) or 'nothing'} found")
    for one in found:
        print(f"  {one}")
    left = clean_up.run() if delete else []
    for leftover in left:
        print(f"not deleted: {leftover.what}: {leftover.why}")
    return 1 if left else 0


if __name__ == "__main__":
    sys.exit(main())
