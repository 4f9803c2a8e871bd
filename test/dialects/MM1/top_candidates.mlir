// RUN: mm1-opt %s --verify-roundtrip | FileCheck %s

// CHECK-LABEL: func.func @candidates
//       CHECK:   mm1.top_candidates %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}} k = 8 : (tensor<?x100xf32>, tensor<4xi32>, tensor<?xi32>, tensor<?xf32>) -> (tensor<?x8xf32>, tensor<?x8xi32>, tensor<?x2xf32>)
func.func @candidates(%logits: tensor<?x100xf32>, %mask: tensor<4xi32>, %counts: tensor<?xi32>, %scales: tensor<?xf32>)
    -> (tensor<?x8xf32>, tensor<?x8xi32>, tensor<?x2xf32>) {
  %v, %i, %s = mm1.top_candidates %logits, %mask, %counts, %scales k = 8
      : (tensor<?x100xf32>, tensor<4xi32>, tensor<?xi32>, tensor<?xf32>) -> (tensor<?x8xf32>, tensor<?x8xi32>, tensor<?x2xf32>)
  return %v, %i, %s : tensor<?x8xf32>, tensor<?x8xi32>, tensor<?x2xf32>
}
