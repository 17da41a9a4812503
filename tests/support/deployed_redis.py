"""The online store as it is deployed: the configuration and the users of deploy/, on a real Valkey."""

import subprocess
from pathlib import Path

from shortlist.local.parts import Part
from shortlist.local.probes import valkey_answers
from shortlist.local.valkey import find_server
from support.real_servers import Server, free_ports

DEPLOY = Path(__file__).parents[2] / "deploy"


def write_secrets(folder: Path) -> str:
    """Run the script behind `make secrets`; what it says."""
    return subprocess.run(
        [str(DEPLOY / "secrets.sh"), str(folder)], capture_output=True, text=True, check=True, timeout=60
    ).stdout


class DeployedRedis(Server):
    """A Valkey under deploy/redis/redis.conf, with an address and folders of its own."""

    def __init__(self, directory: Path) -> None:
        self.secrets = directory / "secrets"
        write_secrets(self.secrets)
        (directory / "store").mkdir()
        self.port = free_ports().redis
        configuration = (DEPLOY / "redis" / "redis.conf").read_text()
        for deployed, own in (
            ("bind 0.0.0.0", "bind 127.0.0.1"),
            ("port 6379", f"port {self.port}"),
            ("dir /data", f"dir {directory / 'store'}"),
            ("aclfile /run/secrets/redis_users", f"aclfile {self.secrets / 'redis_users.acl'}"),
        ):
            assert deployed in configuration
            configuration = configuration.replace(deployed, own)
        (directory / "redis.conf").write_text(configuration)
        command = (str(find_server()), str(directory / "redis.conf"))
        super().__init__(Part("redis", command, probe=lambda: valkey_answers(self.port)), directory)

    def url(self, user: str) -> str:
        """Name the store as one of its users."""
        return f"redis://{user}@127.0.0.1:{self.port}/0"
