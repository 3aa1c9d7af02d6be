#!/bin/sh
# Run a script of this folder on a Python that the project is made for: $PYTHON when given, else the first that fits.
root=$(cd "$(dirname "$0")/.." && pwd) || exit 1
for candidate in ${PYTHON:-python3 python3.11 python3.12 python3.13}; do
    if "$candidate" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null; then
        script=$1
        shift
        exec "$candidate" "$root/scripts/$script" "$@"
    fi
done
echo "kcz_match: Python 3.11, 3.12 or 3.13 is needed and none was found as ${PYTHON:-python3}: install one, or name it with 'make run PYTHON=/path/to/python3.11'." >&2
exit 1
