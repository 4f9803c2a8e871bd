// RUN: mm1-opt %s --mm1-schedule-clusters --verify-diagnostics
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
// RUN: not mm1-opt %s --mm1-schedule-clusters=overrides=matmul.stages=4 2>&1 | FileCheck %s --check-prefix=KNOB
// KNOB: error: clusters of kind 'matmul' have panels, rows{{.*}}, found 'stages'
// RUN: not mm1-opt %s --mm1-schedule-clusters=overrides=cache_append.per=4 2>&1 | FileCheck %s --check-prefix=NOKNOB
// NOKNOB: error: clusters of kind 'cache_append' have nothing to set, found 'per'
// RUN: not mm1-opt %s --mm1-schedule-clusters=overrides=matmul.panels=0 2>&1 | FileCheck %s --check-prefix=VALUE
// RUN: not mm1-opt %s --mm1-schedule-clusters=overrides=matmul.panels=many 2>&1 | FileCheck %s --check-prefix=VALUE
// RUN: not mm1-opt %s --mm1-schedule-clusters=overrides=matmul.panels=9999999999999999999 2>&1 | FileCheck %s --check-prefix=VALUE
// VALUE: error: 'panels' expects a whole number from 1 to 1048576

// expected-error @below {{'func.func' op expects 'mm1.entry' (decode, prefill or head): schedules depend on it}}
func.func @of_no_entry(%u: tensor<?x64xf32>) -> tensor<?x64xf32> {
  %y = mm1.cluster elementwise (%u) : (tensor<?x64xf32>) -> tensor<?x64xf32> {
  ^bb0(%x: tensor<?x64xf32>):
    %0 = mm1.silu %x : tensor<?x64xf32>
    mm1.yield %0 : tensor<?x64xf32>
  }
  return %y : tensor<?x64xf32>
}
