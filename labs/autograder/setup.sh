#!/bin/sh
# Gradescope runs this once, when it builds the assignment's image, and only then is there a network.
# In an image that was made from the Containerfile everything is there already.
set -eu
GRADER=$(cd "$(dirname "$0")" && pwd)
missing=
command -v setpriv >/dev/null || missing="$missing util-linux"
command -v python3 >/dev/null || missing="$missing python3"
command -v cc >/dev/null || missing="$missing gcc libc6-dev"
command -v make >/dev/null || missing="$missing make"
command -v javac >/dev/null || missing="$missing openjdk-17-jdk-headless"
command -v go >/dev/null || missing="$missing golang-go"
if [ -n "$missing" ]; then
    apt-get update
    # shellcheck disable=SC2086 # names are words
    DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $missing
fi
chmod 755 "$GRADER/c10k" "$GRADER/run_autograder"
if ! "$GRADER/c10k" --version; then
    echo "c10k does not start here: build it on this image's distribution or an older one" >&2
    exit 1
fi
