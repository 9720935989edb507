"""`python -m derivant`: the command, where its name is not on the path."""

import sys

from derivant.cli.main import main

sys.exit(main())
