#!/bin/sh
# From a bare Debian 12 to answers: installs what is needed (apt, as root or with sudo), builds the release preset,
# compiles the small trained model of examples/02-recall for this CPU and asks it. Run it again at any time.
set -eu
cd "$(dirname "$0")/.."

sh examples/install-dependencies.sh
echo "building mm1c and mm1-run in build/ (a few minutes the first time)"
cmake --preset release -DMM1_BUILD_TESTS=OFF >build-quickstart.log 2>&1 ||
  { cat build-quickstart.log >&2; echo "error: configuring failed; the lines above say why" >&2; exit 3; }
cmake --build build --target mm1c mm1-run >>build-quickstart.log 2>&1 ||
  { tail -n 60 build-quickstart.log >&2; echo "error: the build failed; build-quickstart.log has all of it" >&2; exit 3; }
rm -f build-quickstart.log

artifact=build/recall.mm1
echo
echo "\$ mm1c compile examples/02-recall --target cpu -o $artifact"
build/bin/mm1c compile examples/02-recall --target cpu -o "$artifact" --force
fact='The code of Oslo is 418. The code of Lima is 250. Anna lives in Oslo.'
echo
echo "\$ mm1-run chat $artifact --message \"$fact\" --message \"What is the code of Anna's city?\" --message \"What is 47 + 85?\""
build/bin/mm1-run chat "$artifact" --message "$fact" --message "What is the code of Anna's city?" --message "What is 47 + 85?"
