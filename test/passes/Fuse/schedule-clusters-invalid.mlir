// RUN: sed -e s/mm1.tokens/mm1.none/ %s | not mm1-opt --mm1-schedule-clusters 2>&1 | FileCheck %s --check-prefix=BUCKET
// BUCKET: error: 'func.func' op is an entry without a bucket: expects 'mm1.tokens' and 'mm1.sequences', at least one token of each sequence (mm1-specialize-buckets sets them)
// RUN: not mm1-opt %s --mm1-schedule-clusters=target=abacus 2>&1 | FileCheck %s --check-prefix=TARGET
// TARGET: error: unknown target 'abacus'; known are cpu
// RUN: not mm1-opt %s --mm1-schedule-clusters=overrides=panels=4 2>&1 | FileCheck %s --check-prefix=FORM
// FORM: error: override 'panels=4' is not [entry.]kind.key=value
// RUN: not mm1-opt %s --mm1-schedule-clusters=overrides=matmul.panels 2>&1 | FileCheck %s --check-prefix=NOVALUE
// NOVALUE: error: override 'matmul.panels' is not [entry.]kind.key=value
// RUN: not mm1-opt %s --mm1-schedule-clusters=overrides=warmup.matmul.panels=4 2>&1 | FileCheck %s --check-prefix=ENTRY
// ENTRY: error: unknown entry 'warmup'; known are decode, prefill, head
// RUN: not mm1-opt %s --mm1-schedule-clusters=overrides=matmal.panels=4 2>&1 | FileCheck %s --check-prefix=KIND
// KIND: error: unknown kind of cluster 'matmal'
// RUN: not mm1-opt %s --mm1-schedule-clusters=overrides=matmul.fuel=4 2>&1 | FileCheck %s --check-prefix=KNOB
// KNOB: error: unknown knob 'fuel'; known are panels, rows, {{.*}}per
// An override that means nothing here is a mistake: no such cluster, or no such knob of it.
// RUN: not mm1-opt %s --mm1-schedule-clusters=overrides=matmul.panels=4 2>&1 | FileCheck %s --check-prefix=UNMATCHED
// UNMATCHED: error: override 'matmul.panels=4' matches no cluster of this module
// RUN: not mm1-opt %s --mm1-schedule-clusters=overrides=elementwise.panels=4 2>&1 | FileCheck %s --check-prefix=NOKNOB
// NOKNOB: error: override 'elementwise.panels=4' matches no cluster of this module
// RUN: not mm1-opt %s --mm1-schedule-clusters=overrides=matmul.panels=0 2>&1 | FileCheck %s --check-prefix=VALUE
// RUN: not mm1-opt %s --mm1-schedule-clusters=overrides=matmul.panels=many 2>&1 | FileCheck %s --check-prefix=VALUE
// RUN: not mm1-opt %s --mm1-schedule-clusters=overrides=matmul.panels=9999999999999999999 2>&1 | FileCheck %s --check-prefix=VALUE
// VALUE: error: 'panels' expects a whole number from 1 to 1048576

func.func @decode_1(%u: tensor<?x64xf32>) -> tensor<?x64xf32>
    attributes {mm1.entry = "decode", mm1.tokens = 1 : i64, mm1.sequences = 1 : i64} {
  %y = mm1.cluster elementwise (%u) : (tensor<?x64xf32>) -> tensor<?x64xf32> {
  ^bb0(%x: tensor<?x64xf32>):
    %0 = mm1.silu %x : tensor<?x64xf32>
    mm1.yield %0 : tensor<?x64xf32>
  }
  return %y : tensor<?x64xf32>
}
