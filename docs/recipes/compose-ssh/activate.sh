#!/bin/sh
# Runs on the machine: activate.sh ROOT IMAGE, with the new compose.yaml.new in ROOT.
set -eu

image=$2
cd "$1"
printf 'IMAGE=%s\n' "$image" >image.env.new

# What is running stays as it is until the image is here.
docker compose --env-file image.env.new --file compose.yaml.new pull --quiet web </dev/null
mv compose.yaml.new compose.yaml
mv image.env.new .env # compose reads it, so a person's `docker compose up` starts the same image
docker compose up --detach --no-build --remove-orphans --wait --wait-timeout 180 </dev/null || {
  docker compose ps --all </dev/null >&2
  exit 1
}

containers=$(docker compose ps --quiet web </dev/null)
running=$(printf '%s\n' "$containers" | xargs docker inspect --format '{{.Config.Image}}' | sort -u)
if [ "$running" != "$image" ]; then
  printf 'activate.sh: %s is running instead of %s\n' "${running:-nothing}" "$image" >&2
  exit 1
fi
