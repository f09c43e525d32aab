"""Where each package lives; the metadata is in setup.cfg."""

from setuptools import find_packages, setup

# executors/ is a folder of its own beside prefectlite/, imported as prefectlite.executors. The link
# prefectlite/executors leads there for tools that read the uninstalled tree; a checkout without
# links still builds, because the package is named here and not found by way of the link.
found = find_packages(include=["prefectlite", "prefectlite.*"])

setup(
    packages=sorted({*found, "prefectlite.executors"}),
    package_dir={"prefectlite.executors": "executors"},
)
