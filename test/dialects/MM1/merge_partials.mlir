// RUN: mm1-opt %s --verify-roundtrip | FileCheck %s

// CHECK-LABEL: func.func @merge
//       CHECK:   mm1.merge_partials %{{.*}}, %{{.*}} : (tensor<?x4x8xf32>, tensor<?x4x64xf32>) -> tensor<?x64xbf16>
func.func @merge(%s: tensor<?x4x8xf32>, %o: tensor<?x4x64xf32>) -> tensor<?x64xbf16> {
  %y = mm1.merge_partials %s, %o : (tensor<?x4x8xf32>, tensor<?x4x64xf32>) -> tensor<?x64xbf16>
  return %y : tensor<?x64xbf16>
}
