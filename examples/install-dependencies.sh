#!/bin/sh
# Installs what mm1c builds with on Debian 12, as root or through sudo; does nothing when all is there.
# Without either it names what is missing and stops.  --runtime: only what mm1-run alone needs (no LLVM).
set -eu

runtime="cmake ninja-build g++ pkg-config libcli11-dev nlohmann-json3-dev libflatbuffers-dev flatbuffers-compiler libpcre2-dev libxxhash-dev libgtest-dev"
compiler="clang-22 lld-22 libclang-rt-22-dev llvm-22-dev llvm-22-tools libmlir-22-dev mlir-22-tools libzstd-dev zlib1g-dev python3"
packages=$runtime
[ "${1:-}" = --runtime ] || packages="$runtime $compiler"

missing=
for package in $packages; do
  dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" -eq 0 ]; then
  asRoot=
elif command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then
  asRoot="sudo"
elif command -v sudo >/dev/null 2>&1 && [ -t 0 ]; then
  asRoot="sudo"
else
  echo "error: these Debian packages are missing, and I am neither root nor allowed to use sudo:" >&2
  echo "  $missing" >&2
  echo "ask someone who is root to run:" >&2
  echo "  apt-get update && apt-get install -y --no-install-recommends$missing" >&2
  exit 3
fi
echo "installing Debian packages:$missing"
export DEBIAN_FRONTEND=noninteractive
$asRoot apt-get update -qq
$asRoot apt-get install -y -qq --no-install-recommends $missing >/dev/null || {
  echo "error: apt-get could not install:$missing" >&2
  echo "mm1c needs MLIR/LLVM 22 (libmlir-22-dev); 'apt-cache policy libmlir-22-dev' shows what your mirrors have" >&2
  exit 3
}
