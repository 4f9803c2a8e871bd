// RUN: mm1-opt %s --mm1-shard | FileCheck %s
// RUN: mm1-opt %s --mm1-shard=ranks=1 | FileCheck %s

// One rank: the identity, and a note of it.
// CHECK: module attributes {mm1.ranks = 1 : i64}
// CHECK: func.func @f(%[[X:.*]]: tensor<?x64xf32>)
// CHECK-NEXT: %[[Y:.*]] = mm1.silu %[[X]]
// CHECK-NEXT: return %[[Y]]
func.func @f(%x: tensor<?x64xf32>) -> tensor<?x64xf32> {
  %y = mm1.silu %x : tensor<?x64xf32>
  return %y : tensor<?x64xf32>
}
