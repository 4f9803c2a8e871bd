// RUN: mm1-opt %s --verify-roundtrip | FileCheck %s

// CHECK-LABEL: func.func @embedding
//       CHECK:   mm1.embedding %{{.*}}, %{{.*}} : (tensor<?xi32>, tensor<512x64xbf16>) -> tensor<?x64xf32>
func.func @embedding(%tokens: tensor<?xi32>, %table: tensor<512x64xbf16>) -> tensor<?x64xf32> {
  %x = mm1.embedding %tokens, %table : (tensor<?xi32>, tensor<512x64xbf16>) -> tensor<?x64xf32>
  return %x : tensor<?x64xf32>
}
