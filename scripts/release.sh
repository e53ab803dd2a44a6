#!/usr/bin/env bash
# Makes a release archive: scripts/release.sh [--binary FILE] [FOLDER]
#
# It builds c10k for x86_64 or whatever this machine is, static with musl where that target is installed
# (rustup target add x86_64-unknown-linux-musl) and against glibc otherwise, strips it, and packs it with
# licences, manual pages, completions and checksums. With --binary it packs a program that is there already.
# The archive goes to FOLDER, target/release-archive by default. The same commit gives the same archive from
# the same program.
set -euo pipefail

say() { printf 'release: %s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }

binary='' out=''
while [ $# -gt 0 ]; do
    case $1 in
    --binary) [ $# -ge 2 ] || fail '--binary needs a file'; binary=$(realpath "$2"); shift 2 ;;
    -*) fail "unknown option $1: scripts/release.sh [--binary FILE] [FOLDER]" ;;
    *) [ -z "$out" ] || fail 'one folder is enough'; mkdir -p "$1"; out=$(realpath "$1"); shift ;;
    esac
done
cd "$(dirname "$0")/.."
[ -n "$out" ] || { out=$PWD/target/release-archive; mkdir -p "$out"; }

machine=$(uname -m)
libdir() { rustc --print target-libdir --target "$1" 2>/dev/null || true; }
target=$machine-unknown-linux-musl
[ -d "$(libdir "$target")" ] || target=$machine-unknown-linux-gnu

if [ -z "$binary" ]; then
    say "building for $target"
    cargo build --release --locked --bin c10k --target "$target"
    binary=${CARGO_TARGET_DIR:-$PWD/target}/$target/release/c10k
else
    target=$machine-linux
fi
[ -x "$binary" ] || fail "$binary is not a program"
version=$("$binary" --version | cut -d' ' -f2)
name=c10k-$version-$target

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
top=$work/$name
mkdir -p "$top/man" "$top/completions" "$top/licenses"
strip -o "$top/c10k" "$binary" || fail 'cannot strip the program: is binutils installed?'
install -m 644 README.md CHANGELOG.md LICENSE-MIT LICENSE-APACHE "$top"
"$binary" man "$top/man"
"$binary" completions bash >"$top/completions/c10k.bash"
"$binary" completions zsh >"$top/completions/_c10k"
"$binary" completions fish >"$top/completions/c10k.fish"
# What is linked into it, with the notices that its licences ask to be kept.
python3 scripts/notices.py "$top/licenses"
cp src/view/page/vendor/plotly-LICENSE.txt "$top/licenses/plotly-LICENSE.txt"
(cd "$top" && find . -type f ! -name SHA256SUMS -printf '%P\n' | LC_ALL=C sort | xargs -d '\n' sha256sum >SHA256SUMS)

when=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || echo 0)}
archive=$out/$name.tar.gz
tar --sort=name --owner=0 --group=0 --numeric-owner --mode='u=rwX,go=rX' --mtime="@$when" \
    -C "$work" -cf - "$name" | gzip -n9 >"$archive"
(cd "$out" && sha256sum "$name.tar.gz" >"$name.tar.gz.sha256")
say "$archive"
