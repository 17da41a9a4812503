#!/bin/sh
# Say what is missing for containers with an NVIDIA GPU; silent and 0 where nothing is.
missing() { echo "up-gpu: $*" >&2; exit 1; }
command -v nvidia-smi >/dev/null || missing "no nvidia-smi: install NVIDIA's driver, or take \`make up\` on this machine"
nvidia-smi -L 2>/dev/null | grep -q '^GPU 0' || missing "the driver finds no GPU (nvidia-smi -L): take \`make up\` on this machine"
command -v docker >/dev/null || missing "no docker: install Docker Engine"
docker info >/dev/null 2>&1 || missing "the Docker engine does not answer (docker info): is it started, and may you use it?"
docker info --format '{{range $name, $_ := .Runtimes}}{{$name}} {{end}}' | grep -qw nvidia ||
  missing "Docker has no runtime \`nvidia\`: install the NVIDIA Container Toolkit, then: sudo nvidia-ctk runtime configure --runtime=docker && sudo systemctl restart docker"
