"""``python -m pipelines COMMAND …``."""

import sys

from pipelines.command.launcher import main

sys.exit(main())
