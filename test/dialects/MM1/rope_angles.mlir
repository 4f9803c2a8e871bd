// RUN: mm1-opt %s --verify-roundtrip | FileCheck %s

// CHECK-LABEL: func.func @angles
//       CHECK:   mm1.rope_angles %{{.*}}, %{{.*}} : (tensor<?xi32>, tensor<4xf32>) -> (tensor<?x4xf32>, tensor<?x4xf32>)
func.func @angles(%positions: tensor<?xi32>, %freq: tensor<4xf32>) -> (tensor<?x4xf32>, tensor<?x4xf32>) {
  %cos, %sin = mm1.rope_angles %positions, %freq : (tensor<?xi32>, tensor<4xf32>) -> (tensor<?x4xf32>, tensor<?x4xf32>)
  return %cos, %sin : tensor<?x4xf32>, tensor<?x4xf32>
}
