"""Pages of need_lists."""

from flask import Blueprint

blueprint = Blueprint("need_lists", __name__)
