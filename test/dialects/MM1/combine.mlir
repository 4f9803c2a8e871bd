// RUN: mm1-opt %s --verify-roundtrip | FileCheck %s

// CHECK-LABEL: func.func @combine
//       CHECK:   mm1.combine %{{.*}}, %{{.*}} : (tensor<?x2x64xbf16>, tensor<?x2xf32>) -> tensor<?x64xbf16>
func.func @combine(%y: tensor<?x2x64xbf16>, %w: tensor<?x2xf32>) -> tensor<?x64xbf16> {
  %f = mm1.combine %y, %w : (tensor<?x2x64xbf16>, tensor<?x2xf32>) -> tensor<?x64xbf16>
  return %f : tensor<?x64xbf16>
}

// CHECK-LABEL: func.func @each_its_type
//       CHECK:   mm1.combine {{.*}} : (tensor<?x2x64xbf16>, tensor<?x2xf32>) -> tensor<?x64xf32>
func.func @each_its_type(%y: tensor<?x2x64xbf16>, %w: tensor<?x2xf32>) -> tensor<?x64xf32> {
  %f = mm1.combine %y, %w : (tensor<?x2x64xbf16>, tensor<?x2xf32>) -> tensor<?x64xf32>
  return %f : tensor<?x64xf32>
}
