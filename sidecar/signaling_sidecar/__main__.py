"""Run the command `sidecar` as `python -m signaling_sidecar`."""

import sys

from signaling_sidecar.cli import main

sys.exit(main())
