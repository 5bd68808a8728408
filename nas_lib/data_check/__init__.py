"""Data, looked at before they are searched: classes, sizes, twins on two sides, what is broken."""

from nas_lib.data_check.checking import check_data
from nas_lib.data_check.found import DataCheck, Finding, Pair, Shown
from nas_lib.data_check.sheet import contact_sheet
from nas_lib.data_check.telling import lines

__all__ = ["DataCheck", "Finding", "Pair", "Shown", "check_data", "contact_sheet", "lines"]
