"""``python -m kinde_guard.cli`` is ``kinde-guard``."""

import sys

from kinde_guard.cli import main

sys.exit(main())
