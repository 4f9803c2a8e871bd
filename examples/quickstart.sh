#!/bin/sh
# From a bare Debian 12 to generated text: installs what is needed (apt, as root or with sudo), builds the release preset,
# compiles the small model of examples/01-tiny for this CPU and lets it write. Run it again at any time.
set -eu
cd "$(dirname "$0")/.."

sh examples/install-dependencies.sh
echo "building mm1c and mm1-run in build/ (a few minutes the first time)"
cmake --preset release -DMM1_BUILD_TESTS=OFF >build-quickstart.log 2>&1 ||
  { cat build-quickstart.log >&2; echo "error: configuring failed; the lines above say why" >&2; exit 3; }
cmake --build build --target mm1c mm1-run >>build-quickstart.log 2>&1 ||
  { tail -n 60 build-quickstart.log >&2; echo "error: the build failed; build-quickstart.log has all of it" >&2; exit 3; }
rm -f build-quickstart.log

artifact=build/tiny.mm1
echo
echo "\$ mm1c compile examples/01-tiny --target cpu -o $artifact"
build/bin/mm1c compile examples/01-tiny --target cpu -o "$artifact" --force
echo
echo "\$ mm1-run generate $artifact --prompt 'The river' --max-tokens 48 --seed 1"
build/bin/mm1-run generate "$artifact" --prompt 'The river' --max-tokens 48 --seed 1
