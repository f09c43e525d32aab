"""Tasks that look secrets up. Their values are in no log, representation or stored result."""

from prefectlite.tasks.secrets.base import PrefectSecret, SecretBase
from prefectlite.tasks.secrets.env_var import EnvVarSecret

__all__ = ["EnvVarSecret", "PrefectSecret", "SecretBase"]
