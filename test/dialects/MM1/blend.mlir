// RUN: mm1-opt %s --verify-roundtrip | FileCheck %s

// CHECK-LABEL: func.func @blend
//       CHECK:   mm1.blend %{{.*}}, %{{.*}}, %{{.*}} : (tensor<?x1xf32>, tensor<?x64xbf16>, tensor<?x64xbf16>) -> tensor<?x64xbf16>
func.func @blend(%c: tensor<?x1xf32>, %f: tensor<?x64xbf16>, %s: tensor<?x64xbf16>) -> tensor<?x64xbf16> {
  %y = mm1.blend %c, %f, %s : (tensor<?x1xf32>, tensor<?x64xbf16>, tensor<?x64xbf16>) -> tensor<?x64xbf16>
  return %y : tensor<?x64xbf16>
}

// CHECK-LABEL: func.func @each_its_type
//       CHECK:   mm1.blend {{.*}} : (tensor<?x1xf32>, tensor<?x64xf32>, tensor<?x64xbf16>) -> tensor<?x64xbf16>
func.func @each_its_type(%c: tensor<?x1xf32>, %f: tensor<?x64xf32>, %s: tensor<?x64xbf16>) -> tensor<?x64xbf16> {
  %y = mm1.blend %c, %f, %s : (tensor<?x1xf32>, tensor<?x64xf32>, tensor<?x64xbf16>) -> tensor<?x64xbf16>
  return %y : tensor<?x64xbf16>
}
