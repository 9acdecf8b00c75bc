"""`python -m pushserver`."""

import sys

from pushserver.cli import main

sys.exit(main())
