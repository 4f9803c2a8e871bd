// RUN: mm1-opt %s --verify-roundtrip | FileCheck %s

// CHECK-LABEL: func.func @group
//       CHECK:   mm1.group_tokens %{{.*}} : tensor<?x2xi32> -> tensor<?x2xi32>, tensor<5xi32>
func.func @group(%ids: tensor<?x2xi32>) -> (tensor<?x2xi32>, tensor<5xi32>) {
  %order, %offsets = mm1.group_tokens %ids : tensor<?x2xi32> -> tensor<?x2xi32>, tensor<5xi32>
  return %order, %offsets : tensor<?x2xi32>, tensor<5xi32>
}
