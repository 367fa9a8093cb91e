"""`python -m rdb` is the command `rdb`."""

import sys

from rdb.cli import main

sys.exit(main())
