"""Importing this module makes every table known to ``Base.metadata``."""

from kcz_match.accounts import models as accounts
from kcz_match.brokerage import models as brokerage
from kcz_match.catalogue import models as catalogue
from kcz_match.core import audit, jobs, notify
from kcz_match.core.db import Base
from kcz_match.engagements import models as engagements
from kcz_match.matching import models as matching
from kcz_match.selection import models as selection

__all__ = ["accounts", "audit", "brokerage", "catalogue", "engagements", "jobs", "matching", "notify", "selection"]

metadata = Base.metadata
