#!/bin/sh
# Installs what mm1c builds with on Debian 12, as root or through sudo; does nothing when all is there.
# Without either it names what is missing and stops.
#   --runtime  only what mm1-run alone needs (no LLVM)
#   --cuda     only NVRTC, NVIDIA's compiler for kernels, from PyPI where no CUDA toolkit is; needs no GPU. Code 4, and nothing
#              changed, when it cannot be had: everything but GPU targets works without it.
set -eu

if [ "${1:-}" = --cuda ]; then
  folder="$HOME/.local/share/mm1c/python" # where mm1c looks (compiler/Codegen/CUDA/FindNvrtc.cpp)
  for library in /usr/local/cuda*/lib64/libnvrtc.so.1[23] "$folder"/nvidia/cu13/lib/libnvrtc.so.13; do
    [ -e "$library" ] && exit 0
  done
  ldconfig -p 2>/dev/null | grep -q 'libnvrtc\.so\.1[23]' && exit 0
  if ! python3 -m pip --version >/dev/null 2>&1; then
    if [ "$(id -u)" -eq 0 ]; then
      apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends python3-pip >/dev/null || true
    fi
    python3 -m pip --version >/dev/null 2>&1 || {
      echo "NVRTC: neither a CUDA toolkit nor pip is here (apt-get install python3-pip)" >&2
      exit 4
    }
  fi
  echo "installing NVRTC from PyPI into $folder"
  mkdir -p "${folder%/*}"
  partial="$folder.partial-$$"
  if python3 -m pip install --quiet --disable-pip-version-check --no-deps --target "$partial" \
    'nvidia-cuda-nvrtc>=13,<14' >/dev/null 2>"$partial.log"; then
    rm -rf "$folder" "$partial.log"
    mv "$partial" "$folder"
    exit 0
  fi
  echo "NVRTC: pip could not install nvidia-cuda-nvrtc: $(tail -n 1 "$partial.log")" >&2
  rm -rf "$partial" "$partial.log"
  exit 4
fi

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
