// RUN: mm1-opt %s --verify-roundtrip | FileCheck %s

// CHECK-LABEL: func.func @rms_norm
//       CHECK:   mm1.rms_norm %{{.*}}, %{{.*}} eps = 1.000000e-05 : (tensor<?x64xbf16>, tensor<64xf32>) -> tensor<?x64xbf16>
func.func @rms_norm(%x: tensor<?x64xbf16>, %w: tensor<64xf32>) -> tensor<?x64xbf16> {
  %y = mm1.rms_norm %x, %w eps = 1.0e-5 : (tensor<?x64xbf16>, tensor<64xf32>) -> tensor<?x64xbf16>
  return %y : tensor<?x64xbf16>
}

// CHECK-LABEL: func.func @each_its_type
//       CHECK:   mm1.rms_norm {{.*}} : (tensor<?x64xbf16>, tensor<64xf32>) -> tensor<?x64xf32>
func.func @each_its_type(%x: tensor<?x64xbf16>, %w: tensor<64xf32>) -> tensor<?x64xf32> {
  %y = mm1.rms_norm %x, %w eps = 1.0e-5 : (tensor<?x64xbf16>, tensor<64xf32>) -> tensor<?x64xf32>
  return %y : tensor<?x64xf32>
}
