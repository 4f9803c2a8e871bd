// RUN: mm1-opt %s --verify-roundtrip | FileCheck %s

// CHECK-LABEL: func.func @append
//       CHECK:   mm1.cache_append %{{.*}}, %{{.*}}, %{{.*}} batch(%{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}) : (tensor<?x32xbf16>, tensor<?x32xbf16>, tensor<?x2x2x64x16xbf16>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>, tensor<?x?xi32>) -> tensor<?x2x2x64x16xbf16>
func.func @append(%k: tensor<?x32xbf16>, %v: tensor<?x32xbf16>, %c0: tensor<?x2x2x64x16xbf16>, %slots: tensor<?xi32>, %starts: tensor<?xi32>,
                  %positions: tensor<?xi32>, %pages: tensor<?x?xi32>) -> tensor<?x2x2x64x16xbf16> {
  %c1 = mm1.cache_append %k, %v, %c0 batch(%slots, %starts, %positions, %pages)
      : (tensor<?x32xbf16>, tensor<?x32xbf16>, tensor<?x2x2x64x16xbf16>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>, tensor<?x?xi32>)
        -> tensor<?x2x2x64x16xbf16>
  return %c1 : tensor<?x2x2x64x16xbf16>
}
