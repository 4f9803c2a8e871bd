// RUN: mm1-opt %s --verify-roundtrip | FileCheck %s

// CHECK-LABEL: func.func @lightning
//       CHECK:   mm1.lightning_attention %{{.*}}, %{{.*}}, %{{.*}} batch(%{{.*}}, %{{.*}}, %{{.*}}) : (tensor<?x192xbf16>, tensor<4xf32>, tensor<?x4x16x16xf32>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>) -> (tensor<?x64xbf16>, tensor<?x4x16x16xf32>)
func.func @lightning(%qkv: tensor<?x192xbf16>, %slopes: tensor<4xf32>, %s0: tensor<?x4x16x16xf32>, %slots: tensor<?xi32>,
                     %starts: tensor<?xi32>, %positions: tensor<?xi32>) -> (tensor<?x64xbf16>, tensor<?x4x16x16xf32>) {
  %o, %s1 = mm1.lightning_attention %qkv, %slopes, %s0 batch(%slots, %starts, %positions)
      : (tensor<?x192xbf16>, tensor<4xf32>, tensor<?x4x16x16xf32>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>)
        -> (tensor<?x64xbf16>, tensor<?x4x16x16xf32>)
  return %o, %s1 : tensor<?x64xbf16>, tensor<?x4x16x16xf32>
}
