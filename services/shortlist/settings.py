"""The base of every service's settings: frozen, from the environment, an unknown name is an error."""

import os
from pathlib import Path
from typing import Any, ClassVar

from pydantic import ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from shortlist.core.errors import StartError

_REMEDY = "put it there; `make secrets` writes development ones for the containers"


class ServiceSettings(BaseSettings):
    """Settings read from variables named `SHORTLIST_<SERVICE>_<FIELD>`.

    A subclass sets `model_config = SettingsConfigDict(env_prefix="SHORTLIST_<SERVICE>_", frozen=True)`.

    Raises:
        StartError: a value is missing or wrong, or a variable names no setting; it says which.
    """

    model_config: ClassVar[SettingsConfigDict] = SettingsConfigDict(frozen=True)

    def __init__(self, **values: Any) -> None:
        self.refuse_unknown()
        try:
            super().__init__(**values)
        except ValidationError as error:
            first = error.errors()[0]
            name = "_".join(map(str, first["loc"])).upper()
            raise StartError(f"{self.model_config['env_prefix']}{name}: {first['msg']}") from error

    def secret(self, field: str) -> str | None:
        """Read the secret in the file that a field names; None where it names none.

        Raises:
            StartError: the file cannot be read or is empty; it says which variable named it.
        """
        path: Path | None = getattr(self, field)
        if path is None:
            return None
        variable = f"{self.model_config['env_prefix']}{field.upper()}"
        try:
            secret = path.read_text().strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is no text"
            raise StartError(f"{variable}: the secret {path} cannot be read: {reason}; {_REMEDY}") from error
        if not secret:
            raise StartError(f"{variable}: the secret {path} is empty; {_REMEDY}")
        return secret

    @classmethod
    def refuse_unknown(cls) -> None:
        """Refuse variables with this service's prefix that name no field: a typing error must not pass silently.

        Raises:
            StartError: with the variable's name and the known ones.
        """
        prefix = cls.model_config["env_prefix"]
        known = {f"{prefix}{name}".upper() for name in cls.model_fields}
        for variable in os.environ:
            if variable.startswith(prefix) and variable.upper() not in known:
                raise StartError(f"{variable} is no setting; known: {', '.join(sorted(known))}")
