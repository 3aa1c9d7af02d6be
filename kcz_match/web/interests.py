"""Pages of interests."""

from flask import Blueprint

blueprint = Blueprint("interests", __name__)
