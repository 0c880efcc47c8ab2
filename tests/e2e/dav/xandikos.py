"""Earwitness between Xandikos (a CalDAV server) and the `caldav` client: neither knows of it.

    pip install -r tests/e2e/requirements.txt && cargo build && python3 tests/e2e/dav/xandikos.py
"""

import sys

import story
from servers import Xandikos

if __name__ == "__main__":
    sys.exit(story.tell_with(Xandikos))
