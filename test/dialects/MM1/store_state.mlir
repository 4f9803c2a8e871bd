// RUN: mm1-opt %s --verify-roundtrip --split-input-file | FileCheck %s

mm1.state recurrent @it : tensor<?x4x16x16xf32>
// CHECK-LABEL: func.func @store
//       CHECK:   mm1.store_state %{{.*}}, @it : tensor<?x4x16x16xf32>
func.func @store(%s: tensor<?x4x16x16xf32>) {
  mm1.store_state %s, @it : tensor<?x4x16x16xf32>
  return
}
