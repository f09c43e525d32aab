"""What `import prefect` finds in a process that was started by one with the import alias.

Such a process may execute the user's file before it has imported anything of prefectlite. This
folder is on its path; the import of this module installs the alias and gives its place to it.
"""

import sys

del sys.modules["prefect"]

from prefectlite.compat import install  # noqa: E402
from prefectlite.compat.finder import put_in_place  # noqa: E402

install()
put_in_place()
