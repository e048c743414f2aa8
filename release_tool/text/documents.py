"""Documents that anybody may have written."""

from __future__ import annotations

import msgspec

UNREADABLE = (msgspec.MsgspecError, ValueError, RecursionError, OverflowError)
"""What reading JSON can raise: it is none, no UTF-8, nests without an end, or holds a number that is none."""
