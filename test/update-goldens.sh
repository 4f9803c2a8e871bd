#!/bin/sh
# Rewrites the golden texts of test/golden with what mm1c prints now, and shows the difference. A commit that changes one says why.
#   test/update-goldens.sh [BUILD]      BUILD: the build folder, default build
set -eu
cd "$(dirname "$0")/.."
mm1c=${1:-build}/bin/mm1c
model=test/golden/Inputs/two-layers
emit() { # stage, options
  stage=$1
  shift
  "$mm1c" compile "$model" "--emit=$stage" "$@" >"test/golden/Inputs/two-layers.$stage.mlir"
}
emit mm1
emit sharded
emit quantized --quant int8-experts
# One bucket of each entry is enough to read.
buckets="--sequences 2 --decode-buckets 2 --prefill-tokens 16 --context 128"
emit fused --quant int8-experts $buckets
emit plan --quant int8-experts $buckets
"$mm1c" compile "$model" --target sm_90a --emit=cuda --quant int8-experts $buckets \
  >test/golden/Inputs/two-layers.cuda.cu
git --no-pager diff --stat -- test/golden
git --no-pager diff -- test/golden
