// RUN: mm1-opt %s --verify-roundtrip --split-input-file | FileCheck %s

mm1.state recurrent @it : tensor<?x4x16x16xf32>
// CHECK-LABEL: func.func @load
//       CHECK:   %{{.*}} = mm1.load_state @it : tensor<?x4x16x16xf32>
func.func @load() -> tensor<?x4x16x16xf32> {
  %0 = mm1.load_state @it : tensor<?x4x16x16xf32>
  return %0 : tensor<?x4x16x16xf32>
}
