#!/bin/sh
# From a bare Debian 12 to a tested mm1c: installs what is needed (apt, as root or with sudo), builds everything, runs all
# tests; then the runtime alone, without LLVM, with g++; then the readers of foreign bytes under AddressSanitizer and UBSan, with a
# short run of each fuzzer. Needs no GPU; of Python packages only NVRTC's, where no CUDA toolkit is.
#   test/run.sh             all of it
#   test/run.sh --sanitize  the same tests under AddressSanitizer and UBSan, with the fuzzers, instead
set -eu
cd "$(dirname "$0")/.."
jobs=$(nproc)

sh examples/install-dependencies.sh
# Without NVRTC the tests of GPU kernels are skipped; the summary says so.
withoutNvrtc=
sh examples/install-dependencies.sh --cuda || withoutNvrtc=yes
launcher=
if command -v ccache >/dev/null 2>&1; then
  launcher="-DCMAKE_C_COMPILER_LAUNCHER=ccache -DCMAKE_CXX_COMPILER_LAUNCHER=ccache"
fi

if [ "${1:-}" = --sanitize ]; then
  cmake --preset sanitize $launcher
  cmake --build build-sanitize -j "$jobs"
  # libMLIR is not instrumented, so the poisoning of LLVM's allocators would raise false alarms in our code.
  export ASAN_OPTIONS=allow_user_poisoning=0${ASAN_OPTIONS:+:$ASAN_OPTIONS}
  exec ctest --test-dir build-sanitize --output-on-failure -j "$jobs"
fi

cmake --preset release -DMM1_BUILD_TESTS=ON $launcher
cmake --build build -j "$jobs"
ctest --test-dir build --output-on-failure -j "$jobs"

echo "the runtime alone: no LLVM, g++"
cmake --preset runtime-only -DCMAKE_CXX_COMPILER=g++ -DCMAKE_C_COMPILER=gcc $launcher
cmake --build build-runtime -j "$jobs"
ctest --test-dir build-runtime --output-on-failure -j "$jobs"

echo "the readers of foreign bytes under sanitizers, and their fuzzers"
readers="SupportTest SafeTensorsTest ArtifactTest TextTests SessionTest CheckpointTest ModelConfigTest ToolsTest"
fuzzers="FuzzSafeTensors FuzzConfig FuzzTokenizer FuzzPlan FuzzChat"
cmake --preset sanitize $launcher
cmake --build build-sanitize -j "$jobs" --target $readers $fuzzers
ctest --test-dir build-sanitize --output-on-failure -j "$jobs" -R "^($(echo $readers $fuzzers | tr ' ' '|'))"

if [ -n "$withoutNvrtc" ]; then
  echo "SKIPPED: the tests that build kernels for GPUs, on emulated ones as well: NVRTC could not be installed (see above)."
fi
