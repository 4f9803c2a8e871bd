// RUN: mm1-opt %s --verify-roundtrip | FileCheck %s

// CHECK-LABEL: func.func @router
//       CHECK:   mm1.router %{{.*}} : tensor<?x4xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
func.func @router(%logits: tensor<?x4xf32>) -> (tensor<?x2xi32>, tensor<?x2xf32>) {
  %ids, %w = mm1.router %logits : tensor<?x4xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
  return %ids, %w : tensor<?x2xi32>, tensor<?x2xf32>
}

// All experts chosen.
// CHECK-LABEL: func.func @all
//       CHECK:   mm1.router %{{.*}} : tensor<?x4xf32> -> tensor<?x4xi32>, tensor<?x4xf32>
func.func @all(%logits: tensor<?x4xf32>) -> (tensor<?x4xi32>, tensor<?x4xf32>) {
  %ids, %w = mm1.router %logits : tensor<?x4xf32> -> tensor<?x4xi32>, tensor<?x4xf32>
  return %ids, %w : tensor<?x4xi32>, tensor<?x4xf32>
}
