#!/bin/sh
# Runs on the machine: activate.sh ROOT COMMIT SERVICE, with the files of the commit in ROOT/COMMIT.tar.
set -eu

commit=$2
service=$3
keep=5
cd "$1"

# A directory with its final name is always whole, however often this was interrupted.
if [ ! -d "releases/$commit" ]; then
  rm -rf "releases/$commit.new"
  mkdir -p "releases/$commit.new"
  tar -xf "$commit.tar" -C "releases/$commit.new"
  printf '%s\n' "$commit" >"releases/$commit.new/REVISION"
  mv "releases/$commit.new" "releases/$commit"
fi
rm -f "$commit.tar"
touch "releases/$commit"

# `ln -sfn` removes the old link first, and for a moment there is none; a rename has no such moment.
rm -f current.new
ln -s "releases/$commit" current.new
mv -T current.new current

before=$(systemctl show --property=InvocationID --value "$service")
sudo -n systemctl restart "$service"
systemctl is-active --quiet "$service"
after=$(systemctl show --property=InvocationID --value "$service")
if [ -z "$after" ] || [ "$after" = "$before" ]; then
  printf 'activate.sh: the process of %s is still the old one\n' "$service" >&2
  exit 1
fi

# Nothing is lost with what goes here: a rollback brings the files of its commit again.
old=$(find releases -mindepth 1 -maxdepth 1 ! -name "$commit" -printf '%T@ %p\n' | sort -rn | tail -n "+$keep")
printf '%s\n' "$old" | cut -d ' ' -f 2- | xargs -r rm -rf -- || printf 'old releases were not removed\n' >&2
