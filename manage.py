#!/usr/bin/env python3
"""
Run the project's commands.

``python3 manage.py up``    everything on this machine: database, cache, web, worker, demo shop
``python3 manage.py test``  every check; with arguments: pytest with these arguments only
``python3 manage.py faults``  kill, cut and freeze the parts under load, and count at the end
anything else               Django's own commands

The first run makes ``.venv`` (or the folder that CONSENT_VENV names) and installs the locked
packages in it, so that Python with pip is all a machine needs.
"""

import os
import sys

OLDEST = (3, 11)


def main() -> None:
    """Check the interpreter; this file stays readable for any Python 3, to get as far as that."""
    if sys.version_info < OLDEST:
        sys.exit(
            "Python {}.{} or newer is needed; this is {} at {}.".format(
                *OLDEST, sys.version.split()[0], sys.executable
            )
        )
    if os.name == "nt" and sys.argv[1:2] in (["up"], ["test"], ["faults"]):
        sys.exit("On Windows run this inside WSL2: the bundled servers are for Linux and macOS.")
    from consentmgr.local import bootstrap

    try:
        bootstrap.run(sys.argv)
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
