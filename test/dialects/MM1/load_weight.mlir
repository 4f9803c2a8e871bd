// RUN: mm1-opt %s --verify-roundtrip --split-input-file | FileCheck %s

mm1.weight @it : tensor<64xf32> = #mm1.recipe<sources = [#mm1.source<"it" : tensor<64xf32>>], steps = []>
// CHECK-LABEL: func.func @load
//       CHECK:   %{{.*}} = mm1.load_weight @it : tensor<64xf32>
func.func @load() -> tensor<64xf32> {
  %0 = mm1.load_weight @it : tensor<64xf32>
  return %0 : tensor<64xf32>
}
