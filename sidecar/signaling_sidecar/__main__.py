"""`python -m signaling_sidecar` is the command `sidecar`."""

import sys

from signaling_sidecar.cli import main

sys.exit(main())
